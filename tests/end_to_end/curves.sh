#!/usr/bin/env bash
# Curves of any number of points, to 90 or 100 %, with every fill: their records agree with one
# another, and are the same bits whatever the threads, batches and shards.
. "$(dirname "$0")/common.sh"
here=$(dirname "$0")
c=$work/vim.ini
write_config "$c" vim

have_h5py=yes
"$PYTHON" -c 'import h5py, numpy' 2>/dev/null || { have_h5py=no; echo "SKIPPED: looking at records (python3-h5py is not installed)"; }
records_agree() {
    [ $have_h5py = no ] || "$PYTHON" "$here/check_records.py" "$1" || fail "$1: its records"
}

common=(--set task.kind=perturbation --set explain.methods=raw,attribution,random)
for fill in black mean blur rise_blur linear; do
    for ends in "9 90" "4 100" "1 100" "18 90"; do
        set -- $ends
        how=(--set task.fill=$fill --set task.steps=$1 --set task.upto=$2)
        if [ "$fill $2" = "linear 100" ]; then
            expect 2 "some pixels have to stay" run "$c" "${common[@]}" "${how[@]}"
            continue
        fi
        expect 0 "13 images in" run "$c" "${common[@]}" "${how[@]}" --set run.output="$work/a.h5" --fresh
        records_agree "$work/a.h5"
        expect 0 "13 images in" run "$c" "${common[@]}" "${how[@]}" --set run.output="$work/b.h5" --fresh \
            --set compute.threads=1 --set compute.batch=3 --set run.shard_size=5
        "$SAME" "$work/a.h5" "$work/b.h5" >"$work/same" || fail "$fill $ends: $(cat "$work/same")"
        for format in md html json csv; do
            "$EVALH" report "$work/a.h5" --format $format >"$work/report" || fail "$fill $ends: no $format"
        done
        "$EVALH" rescore "$work/a.h5" >"$work/report" || fail "$fill $ends: not scored anew"
        cp "$work/a.h5" "$work/$fill-$1-$2.h5"
    done
done

# The dry run says what the run will cost.
"$EVALH" run "$c" "${common[@]}" --set task.fill=blur --set task.steps=20 --set task.upto=100 --dry-run \
    >"$work/plan" 2>&1
grep -q "bytes an image" "$work/plan" || fail "no bytes in the plan: $(cat "$work/plan")"
# 4 maps (of raw and random one serves both classes) in 2 orders of 19 masked images, the blank one,
# the unmasked one
grep -q "at most 154 forward passes" "$work/plan" || fail "other passes: $(cat "$work/plan")"

# Files of other curves do not compare; those of the published ones compare with files of schema 1.
expect 1 "they do not compare" compare "$work/black-9-90.h5" "$work/black-4-100.h5"
expect 2 "task.steps" run "$c" --set task.steps=0
expect 2 "'95' is none of 90, 100" run "$c" --set task.upto=95
old=$here/../../results/baseline/nightly_vim.h5
"$EVALH" info "$old" | grep -q "schema 1" || fail "$old is not told for schema 1"
for format in md html json csv latex; do
    "$EVALH" report "$old" --format $format >"$work/report" || fail "schema 1: no $format"
done
"$EVALH" rescore "$old" --task perturbation >"$work/report" || fail "schema 1 is not scored anew"
"$EVALH" compare "$old" "$old" >"$work/report" || fail "schema 1 is not equal to itself"
finish
