#!/usr/bin/env bash
# Every mistake is reported with its place and what would be right, with exit code 2 before anything
# runs.
. "$(dirname "$0")/common.sh"
c=$work/c.ini
write_config "$c" vim
unset EVALH_UNSET

# The command line.
expect 2 "unknown command 'rum'; did you mean 'run'?" rum
expect 2 "no config is given" run
expect 2 "--nonsense" run --nonsense "$c"
expect 2 "--set 'run.seed': wants section.key=value" run "$c" --set run.seed
expect 2 "--set run.sede: unknown key 'sede' in [run]; did you mean 'seed'?" run "$c" --set run.sede=1
expect 2 "--set run.limit = 'ten': wants a whole number" run "$c" --limit ten

# The config file.
expect 2 "$work/no.ini: No such file or directory; a config, which is an INI file, is expected" run "$work/no.ini"
printf '[run]\nsed = 1\n' >"$work/bad.ini"
expect 2 "$work/bad.ini:2: unknown key 'sed' in [run]; did you mean 'seed'?" run "$work/bad.ini"
printf '[explain]\n\ndiscard = 2\n' >"$work/bad.ini"
expect 2 "$work/bad.ini:3: explain.discard = '2': wants a number from 0 to 0.99" run "$work/bad.ini"
printf '[task]\nkind = perturbation\nkind = segmentation\n' >"$work/bad.ini"
expect 2 "$work/bad.ini:3: task.kind is there twice; first on line 2" run "$work/bad.ini"
printf '[data]\npath = ${EVALH_UNSET}/x\n' >"$work/bad.ini"
expect 2 "the environment has no variable EVALH_UNSET" run "$work/bad.ini"
expect 2 "is the output of $c too; each run wants its own" run "$c" "$c"
# Under another spelling and through links, whether or not it is there.
mkdir "$work/places"
ln -s . "$work/places/same"
ln -s first.h5 "$work/places/link.h5"
sed "s|^output = .*|output = $work/places/first.h5|" "$c" >"$work/first.ini"
for name in ./first.h5 x/../first.h5 same/first.h5 link.h5 same/link.h5; do
    sed "s|^output = .*|output = $work/places/$name|" "$c" >"$work/second.ini"
    for there in no yes; do
        [ $there = no ] || : >"$work/places/first.h5"
        for way in run "run --fresh" "run -n"; do
            expect 2 "is the output of $work/first.ini too ('$work/places/first.h5')" $way "$work/first.ini" "$work/second.ini"
        done
        rm -f "$work/places/first.h5"
    done
done
sed "s|^output = .*|output = $work/places/same/first-groups-3.h5|" "$c" >"$work/second.ini"
sed '/^output/a vary = task.groups=3' "$work/first.ini" >"$work/varied.ini"
expect 2 "is the output of $work/varied.ini too" run -n "$work/varied.ini" "$work/second.ini"
sed "s|^output = .*|output = $work/places/first.h5.parts/x.h5|" "$c" >"$work/second.ini"
expect 2 "is the folder of the other's shards, or lies in it" run -n "$work/first.ini" "$work/second.ini"
expect 2 "is the folder of the other's shards, or lies in it" run -n "$work/second.ini" "$work/first.ini"
rm -r "$work/places"

# Names that are in a table, or are not.
expect 2 "there is no method 'rolout'; did you mean 'rollout'?" run "$c" --set explain.methods=rolout
expect 2 "there is no task 'segment'" run "$c" --set task.kind=segment
expect 2 "there is no method 'x'; known are raw, rollout, attribution" run "$c" -s explain.methods=x
sed 's/^methods = .*/methods = raw, mambalrp/; s/vim.safetensors/vit.safetensors/; s/heads = auto/heads = 2/' \
    "$c" >"$work/v.ini"
expect 2 "$work/v.ini:13: explain.methods = 'raw, mambalrp': 'mambalrp' is not defined for a vit; methods that are: raw, rollout" \
    run "$work/v.ini"
expect 2 "start_layer" run "$c" --set explain.start_layer=9
expect 2 "model.arch" run "$c" --set model.arch=vim_smal
expect 2 "vim_tiny" run "$c" --set model.arch=vim_tiny
expect 2 "asks for a vit" run "$c" --set model.arch=vit

# Paths.
expect 2 "folder '$work/vim.safetensors/nowhere': Not a directory" run "$c" --set run.output="$work/vim.safetensors/nowhere/x.h5"
mkdir "$work/locked"
chmod a-w "$work/locked"
user=(${nobody[@]+"${nobody[@]}"})
expect 2 "cannot write into folder '$work/locked': Permission denied" run "$c" \
    --set run.output="$work/locked/x.h5"
user=()
expect 2 "/proc/x.h5" run "$c" --set run.output=/proc/x.h5
mkdir "$work/folder.h5"
expect 2 "is there and is not a file" run "$c" --set run.output="$work/folder.h5"
expect 2 "$work/none.pth" run "$c" --set model.checkpoint="$work/none.pth"
sed '/^checkpoint/d' "$c" >"$work/bad.ini"
expect 2 "model.checkpoint: not set" run "$work/bad.ini"
sed '/^kind = demo/d' "$c" >"$work/bad.ini"
expect 2 "data.kind: not set; kinds are" run "$work/bad.ini"
expect 2 "kinds are" run "$c" --set data.kind=imagnet

# Checkpoints.
head -c 3000 "$work/vim.safetensors" >"$work/cut.safetensors"
expect 2 "cut.safetensors" run "$c" --set model.checkpoint="$work/cut.safetensors"
printf 'PK\003\004 this is no zip' >"$work/no.pth"
expect 2 "no.pth" run "$c" --set model.checkpoint="$work/no.pth"
echo 'neither of them' >"$work/text.pth"
expect 2 "text.pth" run "$c" --set model.checkpoint="$work/text.pth"
: >"$work/empty.pth"
expect 2 "empty.pth" run "$c" --set model.checkpoint="$work/empty.pth"
for fault in "drop layers.1.mixer.D_b" "add layers.7.extra" "reshape layers.0.norm.weight"; do
    "$MAKE_MODEL" vim "$work/f.safetensors" $fault
    expect 2 "tensor '${fault#* }'" run "$c" --set model.checkpoint="$work/f.safetensors"
done
cp "$work/vim.safetensors" "$work/nan.safetensors"
size=$(stat -c %s "$work/nan.safetensors")
printf '\000\000\300\177' | dd of="$work/nan.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
expect 2 "is NaN" run "$c" --set model.checkpoint="$work/nan.safetensors"
grep -q "tensor " "$work/stderr" || fail "the tensor is not named: $(cat "$work/stderr")"

# Data.
"$EVALH" run "$c" --dry-run >/dev/null 2>&1 || fail "the config itself is not right"
demo=$(dirname "$(find "$work/demo" -name labels.txt)")
list=(run "$c" --set data.kind=imagenet_list --set task.kind=perturbation)
{ head -2 "$demo/labels.txt"; echo "val/none.jpg 3"; } >"$work/list.txt"
expect 2 "list.txt:3: cannot find 'val/none.jpg'" "${list[@]}" --set data.path="$work/list.txt" --set data.root="$demo"
sed 's/ [0-9]*$/ 10/' "$demo/labels.txt" >"$work/list.txt"
expect 2 "has label 10, and the model has the classes 0 to 9" "${list[@]}" \
    --set data.path="$work/list.txt" --set data.root="$demo"
expect 2 "segmentation needs object masks, and a data set of kind imagenet_list has none" \
    run "$c" --set data.kind=imagenet_list --set data.path="$demo/labels.txt"
mat=$demo/demo_gtsegs.mat
expect 2 "perturbation needs class labels" run "$c" --set data.kind=imagenet_seg --set data.path="$mat"
expect 2 "the target is the image's label" run "$c" --set data.kind=imagenet_seg \
    --set data.path="$mat" --set task.kind=segmentation
expect 2 "segmentation wants 'stretch'" run "$c" --set data.preprocess=eval
# An HDF5 file without the two fields: the result of a run.
"$EVALH" run "$c" --limit 2 --set run.output="$work/r.h5" >/dev/null 2>&1 || fail "a run of two images"
expect 2 "/value/img" run "$c" --set data.kind=imagenet_seg --set data.path="$work/r.h5" \
    --set task.kind=segmentation --set explain.class=predicted
expect 2 "labels.txt" run "$c" --set data.kind=imagenet_seg --set data.path="$demo/labels.txt" \
    --set task.kind=segmentation --set explain.class=predicted

# No command writes over what it reads, nor over a result of a run.
mkdir "$work/kept"
cp "$work/r.h5" "$work/kept/raw.h5"
cp "$work/r.h5" "$work/kept/other.h5"
ln -s kept "$work/linked"
expect 2 "--out: '$work/linked/raw.h5' would be written over what is read, '$work/kept/raw.h5'" \
    report "$work/kept/other.h5" "$work/kept/raw.h5" -o "$work/linked/raw.h5"
expect 2 "--out: '$work/r.h5' is a result of evalh run and is not written over" report "$work/kept/raw.h5" -o "$work/r.h5"
expect 2 "would be written over what is read" export "$work/kept/raw.h5" -o "$work/linked"
expect 2 "--out: '$work/kept/raw.h5' is a result of evalh run" export "$work/r.h5" -o "$work/kept"
expect 0 "wrote" export "$work/r.h5" -m random -o "$work/kept"
expect 0 "wrote" export "$work/r.h5" -m random -o "$work/kept" # its own files it replaces
picture=$(find "$demo" -name '*.JPEG' | sort | head -1)
mkdir "$work/pictures"
cp "$picture" "$work/pictures/a.png" # by content
cp "$work/vim.safetensors" "$work/pictures/m-attention.h5"
expect 2 "--out: '$work/pictures/a.png' would be written over what is read" \
    explain "$work/vim.safetensors" "$work/pictures/a.png" -m raw -o "$work/pictures"
expect 2 "--out: '$work/pictures/m-attention.h5' would be written over what is read" \
    attn "$work/pictures/m-attention.h5" "$work/pictures/../pictures/m.png" -o "$work/pictures"
for file in "$work/kept/raw.h5" "$work/kept/other.h5"; do
    cmp -s "$work/r.h5" "$file" || fail "$file was written over"
done
cmp -s "$picture" "$work/pictures/a.png" || fail "a picture was written over"

# A pipe in a file's place is waited for by nobody; what would be right is said.
mkfifo "$work/pipe" "$work/pipe.h5" "$work/pipe.npy"
plain=$EVALH
EVALH=$work/soon
printf '#!/bin/sh\nexec timeout 30 "%s" "$@"\n' "$plain" >"$EVALH"
chmod 755 "$EVALH"
expect 2 "$work/pipe: a pipe, not a file; a config, which is an INI file, is expected" run "$work/pipe"
"$EVALH" doctor "$work/pipe" >"$work/stdout" 2>&1
grep -q "FAULT .*$work/pipe: a pipe, not a file; a config" "$work/stdout" || fail "doctor of a pipe: $(cat "$work/stdout")"
expect 2 "/dev/zero: a device, not a file; a config" run /dev/zero
expect 2 "a device or pipe, not a file" run "$c" --set model.checkpoint="$work/pipe"
expect 2 "maps.m = '$work/pipe.h5': $work/pipe.h5: a pipe, not a file; a file of maps (.h5), or a folder" \
    run "$c" --set explain.methods=m --set maps.m="$work/pipe.h5" --set task.kind=segmentation
expect 2 "$work/pipe: a pipe, not a file; a result file, a checkpoint or a data set is expected" info "$work/pipe"
for command in report export rescore "compare $work/r.h5"; do
    expect 2 "$work/pipe.h5: a pipe, not a file; a result file of evalh run (.h5) is expected" $command "$work/pipe.h5"
done
mkdir "$work/published"
mkfifo "$work/published/models.ini"
expect 2 "a pipe, not a file; a table of published figures" report --published "$work/published" "$work/r.h5"
mkdir -p "$work/r2.h5.parts" && mkfifo "$work/r2.h5.parts/shard-000000.h5" "$work/r2.h5.parts/owner"
expect 0 "images in" run "$c" --limit 2 --set run.output="$work/r2.h5"
EVALH=$plain
# Nor is one who asks the run to end while it opens its files.
sed '/^checkpoint/d; /^heads/d' "$c" >"$work/worker.ini"
timeout -s KILL 60 "$EVALH" run "$work/worker.ini" --set model.arch=worker --set "model.command=touch $work/began; exec sleep 300" \
    --set explain.methods=random --set task.kind=perturbation >/dev/null 2>"$work/stderr" &
watch=$!
until [ -e "$work/began" ] || ! kill -0 $watch 2>/dev/null; do sleep 0.05; done
kill -TERM "$(pgrep -P $watch)"
wait $watch
[ $? -eq 143 ] || fail "a run whose model is being opened does not end at SIGTERM: $(cat "$work/stderr")"

# A result that belongs to another run.
expect 2 "explain.methods was 'raw, rollout, attribution, random' and is now 'raw'" \
    run "$c" --limit 2 --set run.output="$work/r.h5" --set explain.methods=raw
expect 2 "--fresh" run "$c" --limit 2 --set run.output="$work/r.h5" --set explain.methods=raw
expect 0 "is complete already" run "$c" --limit 2 --set run.output="$work/r.h5"
expect 0 "images in" run "$c" --limit 2 --set run.output="$work/r.h5" --set explain.methods=raw --fresh

# None of this has left any file behind.
[ -z "$(find "$work" -name '*.parts')" ] || fail "a folder of shards is left: $(find "$work" -name '*.parts')"
finish
