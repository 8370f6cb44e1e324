#!/usr/bin/env bash
# Every method that a model has, in one run: maps of the patch grid beside maps of pixels, sums that are
# told, passes that are planned, references that are named, and the same maps in any part of the data.
. "$(dirname "$0")/common.sh"
settings=(--set task.kind=perturbation,segmentation --set explain.steps=6 --set explain.samples=4
    --set explain.noise=0.1 --set explain.references=3 --fresh)
for model in vim vit; do
    c=$work/$model.ini
    write_config "$c" $model
    # What is not of this model is refused with a list of what is.
    not=$([ $model = vim ] && echo genatt || echo mambalrp)
    expect 2 "'$not' is not defined for a $model" run "$c" --set explain.methods=$not
    methods=$(sed -n 's/.*methods that are: //p' "$work/stderr" | sed 's/ and /,/; s/ //g')
    # The config that compares all of them names all of them.
    compared=$(sed -n 's/^methods = //p' "$(dirname "$0")/../../configs/compare_$([ $model = vim ] && echo vim || echo deit)_s.ini")
    [ "$(tr -d ' ' <<<"$compared" | tr , '\n' | sort)" = "$(tr , '\n' <<<"$methods" | sort)" ] ||
        fail "$model: compared are $compared, and there are $methods"
    all=(run "$c" "${settings[@]}" --set "explain.methods=$methods")
    expect 0 "13 images in" "${all[@]}"
    cp "$work/$model.h5" "$work/whole.h5"

    # A part of the data, on one thread and in other batches: the same maps of the same images.
    expect 0 "5 images in" "${all[@]}" --set run.limit=5 --set compute.threads=1 --set compute.batch=2
    "$PYTHON" - "$work/whole.h5" "$work/$model.h5" <<'EOF' || fail "$model: see above"
import sys

import h5py
import numpy as np

whole, part = (h5py.File(p) for p in sys.argv[1:])
side, grid = int(whole.attrs["image_size"]), len(whole["patch_row"])
ids, some = ([i.decode() if isinstance(i, bytes) else i for i in f["images/id"][:]] for f in (whole, part))
rows = [ids.index(i) for i in some]
sides = set()
for method in whole["explain"]:
    for of in ("predicted", "target"):
        group, again = whole[f"explain/{method}/{of}"], part[f"explain/{method}/{of}"]
        maps = group["map"][:]
        sides.add(maps.shape[1])
        assert np.isfinite(maps).all(), f"{method}: not finite"
        assert (maps[rows] == again["map"][:]).all(), f"{method}: other maps in a part of the data"
        if method in ("ig", "libra", "attnlrp"):
            off = group["sum_error"][:]
            # what fp32 leaves; of ig what 6 steps do
            assert (off >= 0).all() and (off < (1 if method == "ig" else 1e-4)).all(), f"{method}: {off}"
        else:
            assert "sum_error" not in group, method
        assert method == "full_lrp" or not (maps == 0).all(), f"{method}: all 0"
assert sides == {grid, side}, sides
for f in (whole, part):
    assert len(set(f.attrs["references"].split("\n"))) == 3, f.attrs["references"]
assert whole.attrs["references"] == part.attrs["references"], "other references in a part of the data"
assert set(whole.attrs["references"].split("\n")) <= set(ids)
EOF

    # Maps as large as the image are heat as they are: from a file they give the same scores.
    "$EVALH" export "$work/whole.h5" -m smoothgrad -o "$work/maps" 2>"$work/stderr" || fail "export: $(cat "$work/stderr")"
    expect 0 "13 images in" run "$c" "${settings[@]}" -s explain.methods=mine -s "maps.mine=$work/maps/smoothgrad.h5"
    for group in perturbation segmentation; do
        "$SAME" "$work/whole.h5" "/$group/smoothgrad" "$work/$model.h5" "/$group/mine" ||
            fail "$model: $group of pixel maps is another from a file"
    done

    # What it costs is said before, and what the sums are off by afterwards.
    "$EVALH" "${all[@]}" --set run.output="$work/dry.h5" --dry-run >"$work/stdout" 2>"$work/stderr" || fail "dry run: $(cat "$work/stderr")"
    grep -q "ig 7 + 12" "$work/stdout" || fail "$model: no passes of ig: $(grep -A1 passes "$work/stdout")"
    grep -q "together .* an image, forward + backward" "$work/stdout" || fail "$model: no passes of all"
    "$EVALH" report "$work/whole.h5" >"$work/report" || fail "no report"
    grep -q "sum off by" "$work/report" || fail "$model: the report does not tell the sums"
    "$EVALH" report "$work/whole.h5" --format json >"$work/json" || fail "no report"
    "$PYTHON" -c 'import json, sys
maps = json.load(open(sys.argv[1]))["runs"][0]["maps"]
assert all((m["sum_error"] is not None) == (m["method"] in ("ig", "libra", "attnlrp")) for m in maps), maps' \
        "$work/json" || fail "$model: sums in the JSON report"
done

# What begins at images of the data set needs one.
image=$(find "$work/demo" -name '*.png' | head -1)
expect 2 "begins at images of a data set" explain "$work/vit.safetensors" "$image" --heads 2 \
    --methods expected_gradients -o "$work/panels"
finish
