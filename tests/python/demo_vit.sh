#!/usr/bin/env bash
# The demo's ViT natively and as a PyTorch worker on the same weights: the same hits, scores and maps.
. "$(dirname "$0")/common.sh"
find_python numpy h5py torch
export PYTHONPATH=$root/python
model=$root/model/demo/vit_demo.safetensors

cat >"$work/native.ini" <<EOT
[run]
output = $work/native.h5
[model]
checkpoint = $model
heads = 3
[data]
kind = demo
path = $work/demo
images = ${IMAGES:-40}
[explain]
methods = raw, rollout, random, center
[task]
kind = perturbation, segmentation
[compute]
device = cpu
EOT
sed -e "s|native.h5|worker.h5|" -e '/^heads/d' \
    -e "s|^checkpoint.*|arch = worker\ncommand = $py $root/tests/python/demo_vit.py $model $work/seconds|" \
    "$work/native.ini" >"$work/worker.ini"
for run in native worker; do
    "$EVALH" run "$work/$run.ini" >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
done
grep -q '^  model  *demo_vit: 64 x 64 pixels, 10 classes' "$work/said" || {
    echo "FAILED: the plan does not say what the worker is:"
    cat "$work/said"
    exit 1
}
"$py" "$root/tests/python/compare_runs.py" "$work/native.h5" "$work/worker.h5" "$work/seconds"
