#!/usr/bin/env bash
# Sets up, builds, and runs the demo: a small Vim and a small ViT, perturbation and segmentation, on
# pictures whose ground truth is known, and again on pictures with a planted shortcut. Prints the
# tables, and where the result files, the page and the figures are. BUILD names the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

./scripts/setup.sh
[ -f "$build/build.ninja" ] || meson setup "$build" >/dev/null
echo "Building evalh; with its runs this takes 2 to 10 minutes on two cores."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# ninja's output is shown only where it fails
ninja -C "$build" harness/evalh harness/docs/man1 >"$log" 2>&1 || {
    cat "$log"
    exit 1
}

echo "Four runs: two models on pictures whose ground truth is known, two on pictures with a shortcut."
echo "Then, for each, which method comes first, its tables, and where page and figures are."
evalh=$build/harness/evalh
configs=(configs/demo_vim.ini configs/demo_vit.ini configs/shortcut_vim.ini configs/shortcut_vit.ini)
results=(results/demo_vim.h5 results/demo_vit.h5 results/shortcut_vim.h5 results/shortcut_vit.h5)
page=results/demo.html figures=results/plots/demo

# --fresh: a demo shows a whole run, also the second time.
"$evalh" run --fresh "${configs[@]}" "$@" >/dev/null

mkdir -p "$figures"
"$evalh" report "${results[@]}" --plots "$figures"
"$evalh" report "${results[@]}" --format html --out "$page"
echo
echo "The demo is done. All of the above, with pictures, on one page for a browser:"
echo "  $PWD/$page"
echo "Result files (HDF5):  ${results[*]}"
echo "Figures:              $figures ($(ls "$figures"/*.png | wc -l), each as PNG, PDF and SVG)"
echo "What the numbers say: docs/tutorial.md"
echo "Man pages:            man -M $build/harness/docs evalh (evalh-run, evalh.ini, ...)"
pictures=(data/demo/demo-v*-plain-*/val/*/demo_000000.JPEG)
[ ! -f "${pictures[0]}" ] || echo "One picture alone:    $evalh explain model/demo/vim_demo.safetensors ${pictures[0]}"
