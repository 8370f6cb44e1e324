#!/usr/bin/env bash
# The package's own tests, on a result file that this evalh wrote, and what pip makes of it.
. "$(dirname "$0")/common.sh"
find_python numpy h5py pytest

"$MAKE_MODEL" vit "$work/vit.safetensors"
cat >"$work/run.ini" <<EOT
[run]
output = $work/run.h5
[model]
checkpoint = $work/vit.safetensors
heads = 2
[data]
kind = demo
path = $work/demo
images = 9
size = 40
[explain]
methods = raw, random
class = predicted, target
[task]
kind = perturbation, segmentation
[compute]
device = cpu
EOT
"$EVALH" run "$work/run.ini" >/dev/null 2>"$work/said" || {
    cat "$work/said"
    exit 1
}
cd "$root/python"
EVALH_RESULT=$work/run.h5 "$py" -m pytest -q -rs -p no:cacheprovider tests

if "$py" -c 'import pip, setuptools, wheel' 2>/dev/null; then
    cp -r "$root/python" "$work/source"
    "$py" -m pip install -q --no-index --no-deps --no-build-isolation --root-user-action ignore \
        --target "$work/installed" "$work/source"
    (cd "$work/installed/evalh" && find . -name '*.py' -o -name py.typed | sort) >"$work/is"
    (cd "$root/python/evalh" && find . -name '*.py' -o -name py.typed | sort) >"$work/should"
    diff "$work/should" "$work/is"
    cd / && PYTHONPATH=$work/installed "$py" -m evalh.workers.onnx --help >/dev/null
else
    echo "SKIPPED: pip install (Debian: python3-pip, python3-setuptools, python3-wheel)"
fi
