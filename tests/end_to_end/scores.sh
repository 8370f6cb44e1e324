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

# Without the data set the records' own threshold is left, and it is said why.
mv "$work/demo" "$work/gone"
expect 0 "only the published threshold" rescore "$work/vim.h5" --task segmentation
finish
