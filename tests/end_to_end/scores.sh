#!/usr/bin/env bash
# What a run on the shortcut split says, and what can be scored anew from its result file.
. "$(dirname "$0")/common.sh"
here=$(dirname "$0")
write_config "$work/vim.ini" vim
write_config "$work/vit.ini" vit
for m in vim vit; do
    expect 0 "13 images in" run "$work/$m.ini" --set data.split=shortcut
    grep -q 'random .*heat in the shortcut .* its area' "$work/stdout" || fail "$m: no share of heat"
    for format in md latex html csv json; do
        "$EVALH" report "$work/$m.h5" --format $format >"$work/report" || fail "$m: no report in $format"
        case $format in csv | json) what=shortcut_share ;; *) what="Heat in the shortcut" ;; esac
        grep -q "$what" "$work/report" || fail "$m: nothing of the shortcut in $format"
    done
    "$EVALH" report "$work/$m.h5" --scores >"$work/report" || fail "$m: no scores"
    grep -q "τ with the truth" "$work/report" || fail "$m: nothing is held to the truth"
    "$EVALH" compare "$work/$m.h5" "$work/$m.h5" >/dev/null || fail "$m: not equal to itself"
done

# The same from the stored maps and the data set, by numpy; and every threshold likewise.
"$EVALH" rescore "$work/vim.h5" --task segmentation --format csv >"$work/thresholds.csv" 2>"$work/stderr"
[ ! -s "$work/stderr" ] || fail "rescore: $(cat "$work/stderr")"
if "$PYTHON" -c 'import h5py, numpy' 2>/dev/null; then
    "$PYTHON" "$here/check_scores.py" "$work/vim.h5" "$(find "$work/demo" -name demo_gtsegs.mat)" \
        "$work/thresholds.csv" || fail "numpy finds other scores"
else
    echo "SKIPPED: recomputing the scores (python3-h5py is not installed)"
fi

# Methods by metrics, in every format; all values again by numpy.
expect 0 "13 images in" run "$work/vim.ini" --set run.output="$work/plain.h5"
for format in md latex html csv json; do
    "$EVALH" report "$work/plain.h5" --scores --format $format >"$work/scores.$format" ||
        fail "no scores in $format"
    grep -q "SaCo\|saco" "$work/scores.$format" || fail "$format: the scores are not there"
done
for word in "Randomisation, this layer alone" "| embedding"; do
    grep -q "$word" "$work/scores.md" || fail "no table of layers with fresh weights"
done
grep -q "randomisation,.*ssim.layer 0,independent" "$work/scores.csv" || fail "csv: no layer"
"$EVALH" report "$work/plain.h5" --scores --plots "$work/plots" >/dev/null 2>"$work/stderr" || fail "no plots"
for figure in ranks randomisation; do
    for kind in png pdf svg csv; do
        [ -s "$work/plots/plain-$figure-predicted.$kind" ] || fail "no figure of $figure as $kind"
    done
done
"$EVALH" report "$work/plain.h5" --format json >"$work/report"
if grep -q saco "$work/report"; then fail "the scores are there unasked"; fi
"$EVALH" rescore "$work/plain.h5" --task localisation >"$work/report" || fail "localisation is not scored"
"$EVALH" rescore "$work/plain.h5" --task localisation --format csv >"$work/local.csv" ||
    fail "localisation is not scored as CSV"
if "$PYTHON" -c 'import h5py, numpy, scipy' 2>/dev/null; then
    "$PYTHON" "$here/check_score_table.py" "$work/plain.h5" "$work/scores.json" "$here/../../scripts" \
        "$work/local.csv" "$work/scores.html" ||
        fail "numpy finds other scores"
fi
# A file of schema 1 has fewer; a run without labels of its own task has those of its maps.
"$EVALH" report "$here/../../results/baseline/nightly_vim.h5" --scores >"$work/report" ||
    fail "schema 1: no scores"
grep -q "positive AUC" "$work/report" || fail "schema 1: $(cat "$work/report")"

# What only these tasks store is compared, too.
expect 0 "13 images in" run "$work/vim.ini" --set run.output="$work/other.h5" --set task.radius=0.05
"$EVALH" compare "$work/plain.h5" "$work/other.h5" >"$work/report" && fail "other noise is taken for the same"
grep -q "robustness/attribution/predicted/distance" "$work/report" || fail "$(cat "$work/report")"
if "$PYTHON" -c 'import h5py, numpy' 2>/dev/null; then
    "$PYTHON" "$here/check_compare.py" "$EVALH" "$work/plain.h5" "$work/other.h5" ||
        fail "a dataset is not compared"
fi

# Noise that 8 bits round away is none, and no test of anything.
for radius in 0.0001 0.0019; do
    expect 2 "task.radius = '$radius': images have 8 bits" run "$work/vim.ini" --set run.output="$work/still.h5" \
        --set task.radius=$radius
done
expect 0 "13 images in" run "$work/vim.ini" --set run.output="$work/still.h5" --set task.radius=0.0001 \
    --set task.kind=perturbation

# Masks that are not those of the records are noticed: no other threshold, and no localisation by them.
if "$PYTHON" -c 'import h5py' 2>/dev/null; then
    cp "$work/plain.h5" "$work/edited.h5"
    "$PYTHON" - "$work/edited.h5" <<'EOF' || fail "the records cannot be edited"
import h5py, sys
with h5py.File(sys.argv[1], "r+") as f: # what was wrong is right: masks were inverted since
    at = f["segmentation/attribution/predicted"]
    labelled, right = at["labelled"][:], at["labelled"][:] - at["correct"][:]
    at["correct"][...] = right # and all of it background
    at["intersection"][:, 0], at["intersection"][:, 1] = right, 0
    at["union"][:, 0], at["union"][:, 1] = labelled, labelled - right
EOF
    changed="its mask, or its records, have changed since the run"
    expect 0 "$changed" rescore "$work/edited.h5" --task segmentation
    grep -q "only the published threshold" "$work/stderr" || fail "edited: $(cat "$work/stderr")"
    expect 2 "$changed" rescore "$work/edited.h5" --task localisation
    mat=$(find "$work/demo" -path '*plain*' -name demo_gtsegs.mat)
    cp "$mat" "$work/kept.mat"
    "$PYTHON" - "$mat" <<'EOF' || fail "the masks cannot be edited"
import h5py, sys
def leaves(f, node):
    if node.dtype != h5py.ref_dtype:
        return [node]
    return [leaf for r in node[:].ravel() for leaf in leaves(f, f[r])]
with h5py.File(sys.argv[1], "r+") as f:
    for mask in leaves(f, f["value/gt"]):
        mask[...] = 1 - mask[...]
EOF
    expect 0 "only the published threshold" rescore "$work/plain.h5" --task segmentation
    expect 2 "demo" rescore "$work/plain.h5" --task localisation
    cp "$work/kept.mat" "$mat"
fi

# Without the data set the records' own threshold is left, and it is said why.
mv "$work/demo" "$work/gone"
expect 0 "only the published threshold" rescore "$work/vim.h5" --task segmentation
finish
