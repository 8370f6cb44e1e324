#!/usr/bin/env bash
# Sets up, builds, and runs the demo: a small Vim and a small ViT, perturbation and segmentation.
# Prints the tables, and where the result files and the plots are. BUILD names the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

./scripts/setup.sh
[ -f "$build/build.ninja" ] || meson setup "$build"
ninja -C "$build" harness/evalh

evalh=$build/harness/evalh
# --fresh: a demo shows a whole run, also the second time.
"$evalh" run --fresh configs/demo_vim.ini configs/demo_vit.ini "$@" >/dev/null

mkdir -p results/plots/demo
"$evalh" report results/demo_vim.h5 results/demo_vit.h5 --plots results/plots/demo
echo
echo "Results (HDF5): results/demo_vim.h5 results/demo_vit.h5"
echo "Plots:"
ls results/plots/demo/*.png | sed 's/^/  /'
