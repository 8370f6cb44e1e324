#!/usr/bin/env bash
# run, report and doctor report wrong labels, and are silent about right ones. A run that has scored
# nothing, or has lost too many images, has failed.
. "$(dirname "$0")/common.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
run=(-s model.checkpoint="$top/model/demo/vim_demo.safetensors" -s compute.device=cpu
    -s explain.methods=center -s task.kind=perturbation -s task.directions=positive)
write_config "$work/demo.ini" vim
"$EVALH" run "$work/demo.ini" "${run[@]}" -s data.images=100 -s data.size=96 \
    -s run.output="$work/demo.h5" >"$work/stdout" 2>"$work/stderr" || fail "$(cat "$work/stderr")"
grep -q DOUBTFUL "$work/stdout" && fail "the sound set: $(cat "$work/stdout")"
demo=$(dirname "$(find "$work/demo" -path '*100x96*' -name labels.txt)")

# Tables for programs repeat the warning in each line; other output has it at its head.
other_tables() { # NAME TEXT
    local command
    for command in "report -f csv" "rescore -f csv"; do
        "$EVALH" $command "$work/$1.h5" >"$work/csv" 2>&1
        [ "$(grep -c "$2" "$work/csv")" -eq $(($(wc -l <"$work/csv") - 1)) ] &&
            head -1 "$work/csv" | grep -q ',doubt$' || fail "$1: not in each line of $command"
    done
    for command in "rescore" "compare $work/demo.h5" "info" "report -f json" "report -f html" "report -f latex"; do
        "$EVALH" $command "$work/$1.h5" 2>&1 | grep -qE "$2|${2//%/\\\\%}" || fail "$1: $command does not say it"
    done
}

mark=note last="fit to run, if the accuracy above" # of doctor
# said NAME TEXT ARGUMENT...: run and doctor say TEXT of a data set; an empty TEXT: nothing
said() {
    local name=$1 text=$2 code=0
    shift 2
    "$EVALH" run "$work/demo.ini" "${run[@]}" "$@" -s run.output="$work/$name.h5" \
        >"$work/stdout" 2>"$work/stderr" || fail "$name: exit code $?: $(cat "$work/stderr")"
    "$EVALH" doctor "$work/demo.ini" "${run[@]}" "$@" -s run.output="$work/none.h5" \
        >"$work/doctor" 2>&1 || code=$?
    "$EVALH" report "$work/$name.h5" --format md >"$work/report" || fail "$name: no report"
    if [ -z "$text" ]; then
        grep DOUBTFUL "$work/stdout" "$work/report" && fail "$name: said without reason"
        grep "accuracy .*DOUBTFUL" "$work/doctor" && fail "$name: doctor says it without reason"
    else
        grep -q "after the first shard: .*$text" "$work/stderr" || fail "$name: not after the first shard"
        [ "$(grep -c "warn.*$text" "$work/stderr")" -ge 2 ] || fail "$name: not at the end"
        grep -q "DOUBTFUL: .*$text" "$work/stdout" || fail "$name: not in the summary"
        grep -q "$mark *accuracy .*$text" "$work/doctor" || fail "$name: doctor: $(cat "$work/doctor")"
        grep -q "$last" "$work/doctor" || fail "$name: doctor's last line"
        local tables marked
        tables=$(grep -c '^\*\*' "$work/report") marked=$(grep -c '^\*\*.*DOUBTFUL' "$work/report")
        [ "$tables" -gt 0 ] && [ "$tables" -eq "$marked" ] ||
            fail "$name: $marked of $tables tables say it"
        other_tables "$name" "$text"
        strings "$work/$name.h5" | grep -q "$text" || fail "$name: not in the result file"
    fi
    echo "ok: $name"
}

list=(-s data.kind=imagenet_list -s data.root="$demo" -s run.shard_size=32 -s data.path)
shuffle() { # COUNT: gives so many lines each other's labels, round a cycle
    awk -v n="$1" '{ name[NR] = $1; label[NR] = $2 }
        END { for (i = 1; i <= NR; i++) print name[i], i <= n ? label[(i * 37) % n + 1] : label[i] }'
}
cp "$demo/labels.txt" "$work/sound.txt"
shuffle 2 <"$work/sound.txt" >"$work/two.txt"
shuffle 100 <"$work/sound.txt" | awk '{ print $1, (NR * 7 + int(NR / 9)) % 10 }' >"$work/all.txt"
awk '{ print $1, ($2 + 1) % 10 }' "$work/sound.txt" >"$work/shifted.txt"
awk '$2 != 4 { print $1, ($2 > 4) ? $2 - 1 : $2 }' "$work/sound.txt" >"$work/ranks.txt"
said sound "" "${list[@]}=$work/sound.txt"
said two_percent "" "${list[@]}=$work/two.txt"
said all_shuffled "chance is 10.0 %" "${list[@]}=$work/all.txt"
said shifted "labels are off by one" "${list[@]}=$work/shifted.txt"
said ranks_of_folders "labels are off by one" "${list[@]}=$work/ranks.txt"
awk '{ print $1, $2 + 1 }' "$work/sound.txt" >"$work/from_one.txt"
expect 2 "data.label_base = 1" run "$work/demo.ini" "${run[@]}" "${list[@]}=$work/from_one.txt" \
    -s run.output="$work/x.h5"
said from_one "" "${list[@]}=$work/from_one.txt" -s data.label_base=1

# Known weights are held to what was published of them, from the first shard on.
cp -r "$top/results/published" "$work/published"
printf '\n[model demo]\narch = vim\nsha256 = %s\ntop1 = 98\nresize = 72 to 64 bicubic\nnorm = imagenet\n' \
    "$(sha256sum "$top/model/demo/vim_demo.safetensors" | cut -c1-16)" >>"$work/published/models.ini"
awk '{ print $1, NR % 2 ? $2 : ($2 + 5) % 10 }' "$work/sound.txt" >"$work/half.txt"
said half_unknown "" "${list[@]}=$work/half.txt"
export EVALH_PUBLISHED=$work/published
mark=FAULT last="1 fault: the run would fail or mislead"
said half "or more are expected of these weights" "${list[@]}=$work/half.txt"
said sound_known "" "${list[@]}=$work/sound.txt"
unset EVALH_PUBLISHED

# A folder removed from the middle: the indices stay right, and run and doctor say which is gone.
cp -r "$demo/val" "$work/tree"
rm -r "$work/tree/n00000004"
tree=(-s data.kind=imagenet -s data.path="$work/tree")
said folder_gone "" "${tree[@]}"
grep -q "1 of the model's 10 classes has no folder, n00000004" "$work/stderr" || fail "run does not say which"
grep -q "1 of the model's 10 classes has no folder, n00000004" "$work/doctor" || fail "doctor does not say which"
grep -q "top-1 9[0-9]\.\|top-1 100" "$work/stdout" || fail "a folder gone: $(head -2 "$work/stdout")"
mv "$work/tree/n00000005" "$work/tree/n00000005_old"
expect 2 "folder 'n00000005_old'" run "$work/demo.ini" "${run[@]}" "${tree[@]}" -s run.output="$work/x.h5"
rm -r "$work/tree/"n0000000[5-9]*
said three_folders "" "${tree[@]}"

# Nothing scored, and too little.
for file in $(cut -d' ' -f1 "$work/sound.txt" | head -12); do
    mkdir -p "$work/broken/$(dirname "$file")"
    head -c 300 "$demo/$file" >"$work/broken/$file"
done
head -12 "$work/sound.txt" >"$work/broken.txt"
broken=(-s data.kind=imagenet_list -s data.root="$work/broken" -s data.path="$work/broken.txt"
    -s run.output="$work/broken.h5" -s data.max_unreadable=0.01)
expect 1 "none of the 12 images could be read" run "$work/demo.ini" "${run[@]}" "${broken[@]}"
expect 1 "none of the 12 images could be read" run "$work/demo.ini" "${run[@]}" "${broken[@]}"
for format in md json csv latex html; do
    "$EVALH" report "$work/broken.h5" --format $format >"$work/report" 2>&1
    grep -qw 'nan' "$work/report" && # the page's script has NaN
        fail "report --format $format says nan: $(grep -w nan "$work/report" | head -3)"
    grep -q "has no labels" "$work/report" && fail "report --format $format: the data set has labels"
done
for file in $(cut -d' ' -f1 "$work/sound.txt" | sed -n '3,12p'); do
    cp "$demo/$file" "$work/broken/$file"
done
broken=("${broken[@]}" --fresh)
expect 1 "2 of 12 images could not be read, 16.7 %" run "$work/demo.ini" "${run[@]}" "${broken[@]}"
expect 0 "" run "$work/demo.ini" "${run[@]}" "${broken[@]}" -s data.max_unreadable=0.2

# As many as data.max_unreadable allows: 29 of 50 are 0.58 of them, though 0.58 * 50 < 29 in floating point.
n=0
for file in $(cut -d' ' -f1 "$work/sound.txt" | head -50); do
    mkdir -p "$work/many/$(dirname "$file")"
    n=$((n + 1))
    [ $n -le 29 ] && : >"$work/many/$file" || cp "$demo/$file" "$work/many/$file"
done
head -50 "$work/sound.txt" >"$work/many.txt"
many=(-s data.kind=imagenet_list -s data.root="$work/many" -s data.path="$work/many.txt" -s run.output="$work/many.h5")
expect 0 "" run "$work/demo.ini" "${run[@]}" "${many[@]}" -s data.max_unreadable=0.58
expect 1 "29 of 50 images could not be read, 58 %" run "$work/demo.ini" "${run[@]}" "${many[@]}" \
    -s data.max_unreadable=0.579

# Masks without a labelled pixel are in no score; where none has any, nothing is scored.
seg() { # COMMAND TASK KINDS ARGUMENT...: the command on images with such masks (make_masks.c)
    "$MAKE_MASKS" "$work/$3.mat" "$3"
    seg_run=("$1" "$work/demo.ini" "${run[@]}" -s explain.class=predicted -s explain.methods=raw -s task.kind="$2"
        -s data.kind=imagenet_seg -s data.path="$work/$3.mat" -s run.output="$work/$2-$3.h5" "${@:4}")
}
for task in segmentation localisation; do
    seg run $task vvv
    expect 1 "none of the 3 images that could be read has a labelled pixel" "${seg_run[@]}"
    expect 1 "none of the 3 images that could be read has a labelled pixel" "${seg_run[@]}" # complete already
    grep -qw nan "$work/stdout" && fail "$task without labels: the summary says nan"
    seg doctor $task vvv
    "$EVALH" "${seg_run[@]}" >"$work/doctor" 2>&1 && fail "doctor finds masks without labels fit"
    grep -q "FAULT *sample .*none of the 3 images" "$work/doctor" || fail "doctor on masks without labels"
    seg run $task bvb
    expect 0 "no mask of the 3 images holds foreground" "${seg_run[@]}"
    grep -q "no mask of the 3 images holds foreground" "$work/stdout" || fail "not in the summary"
    grep -q "1 without a labelled pixel" "$work/stdout" || fail "masks without labels are not counted"
    seg doctor $task bvb
    "$EVALH" "${seg_run[@]}" >"$work/stdout" 2>&1 || fail "doctor: background alone is a fault: $(cat "$work/stdout")"
    grep -q "note *sample .*no mask of the 3 images holds foreground" "$work/stdout" || fail "doctor: background alone"
    grep -q "note *sample .*1 of 3 masks have no labelled pixel" "$work/stdout" || fail "doctor: a mask without labels"
    seg run $task bbs
    expect 0 "" "${seg_run[@]}"
    grep -q "foreground\|labelled pixel" "$work/stdout" "$work/stderr" && fail "a sound mask: said without reason"
done
for format in md csv latex html; do
    "$EVALH" report "$work/segmentation-vvv.h5" --format $format >"$work/report" 2>&1
    grep -qw 'nan' "$work/report" && fail "report --format $format of masks without labels says nan"
done
finish
