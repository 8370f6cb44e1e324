#!/usr/bin/env bash
# A method of captum through a worker and through a file of maps: the same maps, and the same table.
. "$(dirname "$0")/common.sh"
find_python numpy h5py torch torchvision captum PIL
export PYTHONPATH=$root/python OMP_WAIT_POLICY=passive

"$py" -c "
import torch, torchvision
torch.manual_seed(1)
torch.save(torchvision.models.resnet18(weights=None, num_classes=10).state_dict(), '$work/w.pth')"
worker="$py -m evalh.workers.torchvision resnet18 --weights $work/w.pth --classes 10 --size 64"
cat >"$work/worker.ini" <<EOT
[run]
output = $work/worker.h5
[model]
arch = worker
command = \${WORKER} --methods saliency
[data]
kind = demo
path = $work/demo
images = 12
[explain]
methods = saliency
[task]
kind = perturbation, segmentation
EOT
sed -e 's/worker.h5/file.h5/' -e 's/ --methods saliency//' -e "s|^\[task\]|[maps]\nsaliency = $work/maps.h5\n[task]|" \
    "$work/worker.ini" >"$work/file.ini"
run() {
    WORKER=$worker "$EVALH" run "$1" >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
}
run "$work/worker.ini"
"$py" "$root/tests/python/captum_maps.py" "$work/w.pth" "$work/worker.h5" "$work/demo" "$work/maps.h5"
run "$work/file.ini"
# What a reader sees: all tables of the two reports but their captions.
for run in worker file; do
    "$EVALH" report "$work/$run.h5" | grep '^| ' >"$work/$run.tables"
done
[ "$(grep -c '^| saliency ' "$work/worker.tables")" -ge 3 ] || {
    echo "FAILED: there are no three tables with saliency"
    exit 1
}
diff "$work/worker.tables" "$work/file.tables"
"$py" - "$work/worker.h5" "$work/file.h5" <<EOT
import sys
import numpy as np, evalh
a, b = map(evalh.load, sys.argv[1:])
m, n = (r.column("explain/saliency/predicted/map") for r in (a, b))
print("maps differ by", np.abs(m - n).max() / np.abs(m).max(), "of the largest value")
assert np.abs(m - n).max() <= 1e-4 * np.abs(m).max()
for d in ("positive", "negative"):
    h, g = (r.column(f"perturbation/saliency/predicted/{d}/hit") for r in (a, b))
    print(d, "hits that differ:", np.mean(h != g))
    assert np.mean(h != g) <= 1e-3
h, g = (r.column("segmentation/saliency/predicted/ap") for r in (a, b))
assert np.abs(h - g).max() <= 1e-4
EOT
