#!/usr/bin/env bash
# Registers draw relevance that a map of patches does not show: the share is stored and reported.
. "$(dirname "$0")/common.sh"
families=$(cd "$(dirname "$0")/../model/families" && pwd)
c=$work/reg.ini
write_config "$c" vit
sed -i -e "s|^checkpoint = .*|checkpoint = $families/timm_registers.safetensors|" \
    -e 's/^images = .*/images = 5/' -e 's/^kind = perturbation.*/kind = segmentation/' -e '/^groups\|^tiles\|^subsets\|^samples/d' "$c"
expect 0 "5 images in" run "$c"
for method in raw rollout attribution; do
    grep -q "^  $method .*% of the relevance is on tokens that are no patches" "$work/stdout" ||
        fail "the run does not tell what $method leaves out"
done
grep -q "^  random .*no patches" "$work/stdout" && fail "noise has no registers"
"$EVALH" report "$work/reg.h5" | grep -q "largest tie, pixels | *on no patch, %" || fail "the table has no such column"
image=$(find "$work/demo" -name '*.JPEG' | head -n 1)
expect 0 "wrote" explain "$families/timm_registers.safetensors" --heads 2 -m raw,rollout "$image" --out "$work/out"
[ "$(grep -c "of the relevance is on tokens that are no patches" "$work/stdout")" -eq 2 ] || fail "explain does not tell"

# Without --methods: all but those that begin at images of a data set, which there is none of.
expect 0 "wrote" explain "$work/vit.safetensors" --heads 2 "$image" --out "$work/all"

# CLS alone is no news.
write_config "$work/plain.ini" vit
expect 0 "13 images in" run "$work/plain.ini" -s task.kind=segmentation -s explain.methods=raw
grep -q "no patches" "$work/stdout" && fail "of CLS alone something is told"

# A row of attention adds up to 1: what is no patch has the rest.
if "$PYTHON" -c 'import h5py, numpy' 2>/dev/null; then
    "$PYTHON" - "$work/reg.h5" <<'EOT' || fail "see above"
import sys

import h5py
import numpy as np

f = h5py.File(sys.argv[1])
for method in ("raw", "rollout"):
    g = f[f"explain/{method}/predicted"]
    dropped, shown = g["dropped"][:], g["map"][:].sum((1, 2))
    print(method, "leaves out", dropped.mean(), "and shows", shown.mean())
    assert (0 < dropped).all() and np.abs(dropped + shown - 1).max() < 1e-5, method
a = f["explain/attribution"]
assert (a["predicted/dropped"][:] != a["target/dropped"][:]).any(), "both classes have one share"
same = f["images/label"][:] == f["images/predicted"][:]
assert (a["predicted/dropped"][:] == a["target/dropped"][:])[same].all(), "one class has two shares"
EOT
else
    echo "SKIPPED: the sums (Debian: python3-h5py)"
fi
finish
