#!/usr/bin/env bash
# Whole runs: broken images, interruptions, and the same datasets whatever the threads and shards.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
write_config "$work/vit.ini" vit

same() {
    "$SAME" "$1" "$2" >"$work/same" || fail "$3: $(cat "$work/same")"
}

# Both models; the reports can be made.
expect 0 "13 images in" run "$c"
expect 0 "13 images in" run "$work/vit.ini"
"$EVALH" report "$work/vim.h5" "$work/vit.h5" --format json >"$work/json" || fail "no report"
grep -q '"attribution"' "$work/json" || fail "the report lacks a method"

# What precision methods explain in is stored; a run does not go on in another one, which
# explain.precision = auto may be in another version.
LC_ALL=C sed 's/attribution mixed/attribution fixed/' "$work/vit.h5" >"$work/other.h5"
! cmp -s "$work/vit.h5" "$work/other.h5" || fail "the file does not say what attribution ran in"
expect 0 "complete already" run "$work/vit.ini"
expect 2 "was made with another explain.precision (explained_in differs)" run "$work/vit.ini" \
    --set run.output="$work/other.h5"

# A file that lacks it, as fp32 does, is another config's; a larger limit is no difference.
plain=(run "$work/vit.ini" --set explain.methods=raw --set task.kind=perturbation --set run.output="$work/plain.h5")
expect 0 "4 images in" "${plain[@]}" --set run.limit=4
expect 2 "was made with another config: explain.precision was 'auto' and is now 'double'; take" "${plain[@]}" \
    --set run.limit=6 --set explain.precision=double

# Masks that are mended in place, in a file of the same size, are another data set, for a run that is
# begun and for one that is done; a file that is newer alone is told.
masks=(run "$work/vit.ini" --set explain.methods=raw --set explain.class=predicted --set task.kind=segmentation
    --set data.kind=imagenet_seg --set data.path="$work/masks.mat" --set run.shard_size=1
    --set run.output="$work/masks.h5")
"$MAKE_MASKS" "$work/masks.mat" sss
expect 0 "2 images in" "${masks[@]}" --set run.limit=2
"$MAKE_MASKS" "$work/masks.mat" sms
for limit in 2 3; do
    expect 2 "$work/masks.h5: was made of other contents of the data set '$work/masks.mat'" "${masks[@]}" --set run.limit=$limit
    grep -q -- "--fresh" "$work/stderr" || fail "no word on --fresh"
    expect 2 "was made of other contents" "${masks[@]}" --set run.limit=$limit --dry-run
done
"$MAKE_MASKS" "$work/masks.mat" sss
touch -d "1 hour" "$work/masks.mat"
expect 0 "files of the data set '$work/masks.mat' are newer than this run" "${masks[@]}"
grep -q "3 images scored" "$work/stdout" || fail "a newer file: $(cat "$work/stdout")"
touch -d "1 hour ago" "$work/masks.mat"
expect 0 "complete already" "${masks[@]}"
grep -q "are newer" "$work/stderr" && fail "said of a file that is older"
"$MAKE_MASKS" "$work/masks.mat" smt
expect 0 "3 images in" "${masks[@]}" --set run.output="$work/mended.h5"
"$EVALH" compare "$work/masks.h5" "$work/mended.h5" >"$work/stdout" 2>&1
grep -q "^- dataset_contents: " "$work/stdout" || fail "compare does not say that contents differ"

# A published geometry makes no published model: its weights are known by their hash.
"$EVALH" bench vit_or_vim_unknown >/dev/null 2>&1 && fail "bench takes an unknown name"
"$EVALH" bench deit_tiny --batch 1 --repeats 1 --forward-only --save "$work/deit_tiny.safetensors" \
    >/dev/null || fail "no random weights"
"$EVALH" run "$work/vit.ini" --set model.checkpoint="$work/deit_tiny.safetensors" --set run.output="$work/d.h5" \
    --dry-run >"$work/stdout" 2>&1 || true
grep -q "weights    none of the published ones" "$work/stdout" || fail "a geometry was taken for a model"
grep -q "model      vit: 224 x 224" "$work/stdout" || fail "a model is called by its geometry: $(head -3 "$work/stdout")"

# The same datasets for any number of threads and any shard size (issue 7).
for threads in 1 2 4; do
    for shard in 1 7 64; do
        expect 0 "13 images in" run "$c" --set compute.threads=$threads --set run.shard_size=$shard \
            --set run.output="$work/t.h5" --fresh
        same "$work/vim.h5" "$work/t.h5" "$threads threads, shards of $shard"
    done
done
expect 0 "13 images in" run "$work/vit.ini" --set compute.threads=1 --set compute.batch=3 \
    --set run.output="$work/t.h5" --fresh
same "$work/vit.h5" "$work/t.h5" "vit, 1 thread, batch 3"

# SIGTERM: exit code 1, a word on how to go on, and the same file in the end.
slow=(--set explain.methods=raw,rollout,attribution,mambalrp,unified,random --set run.shard_size=1
    --set data.images=30 --set compute.threads=1)
expect 0 "30 images in" run "$c" "${slow[@]}" --set run.output="$work/whole.h5"
for signal in TERM INT; do
    (trap - INT; exec "$EVALH" run "$c" "${slow[@]}" --set run.output="$work/stopped.h5") \
        >"$work/stdout" 2>"$work/stderr" &
    pid=$!
    until [ -e "$work/stopped.h5.parts/shard-000001.h5" ] || ! kill -0 $pid 2>/dev/null; do
        sleep 0.01
    done
    kill -s $signal $pid
    code=0
    wait $pid || code=$?
    if [ -e "$work/stopped.h5" ]; then
        echo "note: the run was over before SIG$signal came"
    else
        [ $code -eq 1 ] || fail "SIG$signal: exit code $code, not 1"
        again=$(sed -n 's/.*this goes on from there: evalh //p' "$work/stderr")
        [ -n "$again" ] || fail "SIG$signal: $(cat "$work/stderr")"
        eval "\"$EVALH\" $again" >"$work/stdout" 2>"$work/stderr" || fail "evalh $again: $(cat "$work/stderr")"
        grep -q "continuing; " "$work/stderr" || fail "evalh $again does not go on: $(cat "$work/stderr")"
    fi
    same "$work/whole.h5" "$work/stopped.h5" "after SIG$signal"
    rm -rf "$work/stopped.h5"
done

# A broken image is recorded and left out (faults.sh has those that cannot be read).
demo=$(dirname "$(find "$work/demo" -path '*13x*' -name labels.txt)")
cp -r "$demo" "$work/tree"
third=$(sed -n 3p "$demo/labels.txt" | cut -d' ' -f1)
head -c 300 "$demo/$third" >"$work/tree/$third"
list=(run "$c" --set data.kind=imagenet_list --set data.path="$work/tree/labels.txt"
    --set task.kind=perturbation --set run.output="$work/list.h5" --set run.shard_size=1)
expect 0 "image $third is left out" "${list[@]}"
grep -q "12 images scored, 1 skipped" "$work/stdout" || fail "the skipped image is not counted"
rm -f "$work/list.h5"
expect 0 "images in" "${list[@]}" --limit 12

# Another data set under the same name is refused.
expect 2 "another data set" "${list[@]}" --limit 12 --set data.path="$demo/labels.txt"

# A full disk: a file size limit stands in for it.
(
    trap '' XFSZ
    ulimit -f 4
    code=0
    "$EVALH" run "$c" --set run.output="$work/full.h5" >/dev/null 2>"$work/stderr" || code=$?
    [ $code -eq 1 ] && grep -q "cannot write: File too large" "$work/stderr"
) || fail "full disk: $(cat "$work/stderr")"
expect 0 "13 images in" run "$c" --set run.output="$work/full.h5"
same "$work/vim.h5" "$work/full.h5" "after a full disk"

# Every filling, order of ties, and the control that re-initialises.
for extra in task.fill=mean task.fill=blur explain.ties=random explain.ties=reverse run.protocol=paper \
    explain.methods=randomised explain.class=target; do
    expect 0 "13 images in" run "$c" --set $extra --set run.output="$work/x.h5" --fresh
    if "$SAME" "$work/vim.h5" "$work/x.h5" >/dev/null; then
        fail "$extra changes nothing"
    fi
done

# Maps that are not finite: counted, stored, their heat 0. Ties are the same whether a task's ranking
# counts them or the run itself.
"$MAKE_MODEL" vim "$work/huge.safetensors" huge layers.3.mixer.x_proj.weight
for task in perturbation segmentation; do
    expect 0 "13 images in" run "$c" --set model.checkpoint="$work/huge.safetensors" \
        --set task.kind=$task --set run.output="$work/huge-$task.h5"
    grep -qE 'raw .*13 constant maps \(13 of them not finite\), largest tie 1024 pixels' "$work/stdout" ||
        fail "$task: $(cat "$work/stdout")"
    expect 0 "13 images in" run "$c" --set task.kind=$task --set run.output="$work/$task.h5"
    grep 'largest tie' "$work/stdout" >"$work/ties-$task"
done
cmp "$work/ties-perturbation" "$work/ties-segmentation" || fail "the tasks count other ties"

# run.vary: one more run for every entry, the same as a run of its own with that key.
expect 0 "13 images in" run "$c" --set run.output="$work/v.h5" --set "run.vary=row_norm=no, run.protocol=paper"
expect 0 "13 images in" run "$c" --set run.output="$work/own.h5" --set explain.row_norm=no
same "$work/vim.h5" "$work/v.h5" "the run beside run.vary"
same "$work/own.h5" "$work/v-row_norm-no.h5" "run.vary's row_norm=no"
[ -f "$work/v-protocol-paper.h5" ] || fail "run.vary's protocol=paper left no file"
expect 2 "run.vary" run "$c" --set "run.vary=row_norm=maybe"
finish
