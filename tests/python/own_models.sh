#!/usr/bin/env bash
# The commands of docs/own_models.md as they stand there, in a folder that has what they expect of evalh's.
. "$(dirname "$0")/common.sh"
find_python torch torchvision PIL venv

mkdir -p "$work/build/harness" "$work/bin"
ln -s "$EVALH" "$work/build/harness/evalh"
mkdir "$work/python"
cp -r "$root/python/evalh" "$root/python/pyproject.toml" "$root/python/README.md" "$work/python"
ln -s "$(command -v "$py")" "$work/bin/python3"
export PATH=$work/bin:$PATH

# A fence with a file's name after its language is that file; one of sh is to be run.
awk '
    /^```/ && inside { print inside == 2 ? "EOF_OF_PAGE" : ""; inside = 0; next }
    /^```sh$/ { inside = 1; next }
    /^```[a-z]+ / { printf "cat >%s <<\"EOF_OF_PAGE\"\n", $2; inside = 2; next }
    /^```/ { print "a fence of its own kind: " $0 >"/dev/stderr"; exit 1 }
    inside { print }
' "$root/docs/own_models.md" >"$work/page.sh"
[ "$(grep -c 'evalh run' "$work/page.sh")" -ge 3 ] || {
    echo "FAILED: too little was found on the page"
    exit 1
}

cd "$work"
"$py" -m venv "$work/probe" && "$work/probe/bin/pip" download -q --no-deps -d "$work/wheels" onnxruntime >"$work/said" 2>&1 || {
    echo "SKIPPED: no onnxruntime to install: $(tail -1 "$work/said")"
    exit 77
}
lost='No matching distribution|ConnectionError|Read timed out|Temporary failure in name resolution'
bash -euxo pipefail "$work/page.sh" >"$work/out" 2>&1 || {
    cat "$work/out"
    if grep -qE "$lost" "$work/out"; then
        echo "SKIPPED: the network went away"
        exit 77
    fi
    exit 1
}
for text in 'resnet50: 10 classes, 224 x 224 pixels' 'method gradcam: maps of 7 x 7' \
    'resnet50: 224 x 224 pixels, 10 classes' 'worker python3 build/own_models/worker.py'; do
    grep -qF "$text" "$work/out" || {
        echo "FAILED: the page's commands do not print '$text'"
        cat "$work/out"
        exit 1
    }
done
for method in gradcam random center; do
    [ "$(grep -cE "^\| $method +\|" "$work/out")" -ge 4 ] || {
        echo "FAILED: no four tables have a row of $method"
        cat "$work/out"
        exit 1
    }
    grep -q "$method" build/own_models/gradcam.html
done
sed -n '/^| method/,/^$/p' "$work/out"
# Through the worker and through the file: the same maps, so the same tables.
PYTHONPATH=$root/python python3 -c '
import evalh, numpy as np
a, b = (evalh.load(f"build/own_models/{n}.h5") for n in ("gradcam", "from_file"))
m, n = (r.column("explain/gradcam/predicted/map") for r in (a, b))
assert np.abs(m - n).max() <= 1e-4 * np.abs(m).max(), np.abs(m - n).max()
x, y = (r.column("segmentation/gradcam/predicted/ap") for r in (a, b))
assert np.abs(x - y).max() <= 1e-3, (x, y)'
