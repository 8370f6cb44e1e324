#!/usr/bin/env bash
# What a run would refuse, --dry-run and doctor refuse in the same words, and leave nothing behind; and
# what is advised works: the command after an interruption, --fresh twice, doctor's last line.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
few=(-s explain.methods=raw -s task.kind=perturbation -s task.directions=positive)
slow=(-s explain.methods=raw,rollout,attribution,mambalrp -s run.shard_size=1)

# refused TEXT ARGUMENT...: by the run, by --dry-run, by doctor
refused() {
    local text=$1 code=0
    shift
    expect 2 "$text" run "$c" "${few[@]}" "$@"
    expect 2 "$text" run "$c" "${few[@]}" --dry-run "$@"
    ${user[@]+"${user[@]}"} "$EVALH" doctor "$c" "${few[@]}" "$@" >"$work/stdout" 2>"$work/stderr" || code=$?
    [ "$code" -eq 2 ] && grep '^FAULT' "$work/stdout" | grep -qF -- "$text" ||
        fail "doctor $*: exit code $code: $(cat "$work/stdout" "$work/stderr")"
}

# A folder that cannot be made, cannot be written to, or whose name cannot be.
refused "cannot write into folder '/proc'" -s run.output=/proc/none/x.h5
long=$(printf 'x%.0s' {1..300})
refused "a name in it has 300 characters" -s run.output="$work/new/$long/x.h5"
refused "File name too long" -s run.output="$work/${long:0:250}.h5"
ln -s "$work/nowhere" "$work/dangling"
refused "folder '$work/dangling': No such file" -s run.output="$work/dangling/x.h5"
: >"$work/taken.h5.parts"
refused "'$work/taken.h5.parts' is not a folder" -s run.output="$work/taken.h5"
mkdir "$work/locked"
chmod a-w "$work/locked"
user=(${nobody[@]+"${nobody[@]}"})
refused "Permission denied" -s run.output="$work/locked/new/x.h5"
user=()

# A result that belongs to another run, whole or begun; what is no result.
expect 0 "13 images in" run "$c" "${few[@]}"
cp "$work/vim.h5" "$work/kept.h5"
refused "run.seed was '1' and is now '5'" -s run.seed=5
refused "has 13 images, and run.limit asks for 3" -s run.limit=3
refused "another checkpoint" -s model.checkpoint="$work/vit.safetensors" -s model.heads=2
echo "my thesis" >"$work/thesis.h5"
refused "is no result of evalh" -s run.output="$work/thesis.h5"
grep -q -- --fresh "$work/stdout" && fail "--fresh is advised where it would not help: $(cat "$work/stdout")"
cmp -s "$work/vim.h5" "$work/kept.h5" || fail "looking changed the result"
"$EVALH" run "$c" "${few[@]}" -s run.seed=5 --fresh --dry-run >/dev/null 2>&1 || fail "--fresh is refused"
cmp -s "$work/vim.h5" "$work/kept.h5" || fail "a dry run began anew"
# Every output of run.vary, before the first of its runs; doctor, too.
sed 's/^output = .*/&\nvary = aggregate=max/' "$c" >"$work/vary.ini"
cp "$work/thesis.h5" "$work/x-aggregate-max.h5"
vary=("$work/vary.ini" "${few[@]}" -s run.output="$work/x.h5")
expect 2 "x-aggregate-max.h5': is there and is no result of evalh" run "${vary[@]}" --dry-run
"$EVALH" doctor "${vary[@]}" >"$work/stdout" 2>/dev/null && fail "doctor takes run.vary"
grep -q "^FAULT.*x-aggregate-max.h5': is there and is no result of evalh" "$work/stdout" || fail "doctor of run.vary: $(cat "$work/stdout")"
"$EVALH" doctor "${vary[@]}" -s run.vary=aggregat=max >"$work/stdout" 2>/dev/null && fail "doctor takes an unknown key in run.vary"
grep -q "^FAULT.*unknown key 'aggregat'" "$work/stdout" || fail "doctor of a wrong run.vary: $(cat "$work/stdout")"

# What a run reads it does not write over, by whatever name, nor anything else that is no result; --fresh does
# not, either. Nothing is read or made before that is said.
demo=$(dirname "$(find "$work/demo" -name labels.txt)")
head -c 4000 "$work/vim.h5" >"$work/cut.h5"
mkdir "$work/own" "$work/own/y.h5.parts" "$work/own/z.h5.parts"
cp "$c" "$work/own/c.ini"
cp "$work/vim.safetensors" "$work/own/m"
cp "$demo/demo_gtsegs.mat" "$work/own/g.mat"
cp -r "$demo" "$work/own/tree"
sed 's/ .*//' "$demo/labels.txt" >"$work/own/some"
ln -s own "$work/other"
ln "$work/own/g.mat" "$work/own/hard.mat"
ln -s g.mat "$work/own/soft.mat"
cp "$work/own/m" "$work/own/y.h5.parts/m"
cp "$work/thesis.h5" "$work/own/z.h5.parts/thesis"
"$EVALH" export "$work/vim.h5" -m raw -o "$work/own" 2>/dev/null || fail "export"
mat=(-s data.kind=imagenet_seg -s task.kind=segmentation -s explain.class=predicted)
find "$work/own" -type f -exec md5sum {} + | sort -k 2 >"$work/before"
for fresh in "" --fresh; do
    for name in own/g.mat other/g.mat own/../own//g.mat own/hard.mat own/soft.mat; do
        expect 2 "run.output = '$work/$name': is data.path ('$work/own/g.mat') too" run "$c" "${mat[@]}" \
            -s data.path="$work/own/g.mat" -s run.output="$work/$name" $fresh
    done
    expect 2 "is model.checkpoint ('$work/own/m') too" run "$c" "${few[@]}" -s model.checkpoint="$work/own/m" -s run.output="$work/own/m" $fresh
    expect 2 "is the config ('$work/own/c.ini') too" run "$work/own/c.ini" "${few[@]}" -s run.output="$work/other/c.ini" $fresh
    expect 2 "is data.only ('$work/own/some') too" run "$c" "${few[@]}" -s data.only="$work/own/some" -s run.output="$work/own/some" $fresh
    expect 2 "is maps.m ('$work/own/raw.h5') too" run "$c" "${few[@]}" -s explain.methods=m -s maps.m="$work/own/raw.h5" \
        -s run.output="$work/own/raw.h5" $fresh
    expect 2 "model.checkpoint ('$work/own/y.h5.parts/m') lies in '$work/own/y.h5.parts', the folder of the run's shards" \
        run "$c" "${few[@]}" -s model.checkpoint="$work/own/y.h5.parts/m" -s run.output="$work/own/y.h5" $fresh
    expect 2 "holds 'thesis', which is no part of a run" run "$c" "${few[@]}" -s run.output="$work/own/z.h5" $fresh
    for name in own/raw.h5 own/tree/labels.txt own/some cut.h5; do
        expect 2 "run.output = '$work/$name': is there and is no result of evalh" run "$c" "${few[@]}" -s run.output="$work/$name" $fresh
    done
done
refused "is data.path ('$work/own/g.mat') too" "${mat[@]}" -s data.path="$work/own/g.mat" -s run.output="$work/other/g.mat"
refused "holds 'thesis'" -s run.output="$work/own/z.h5"
# The outputs of run.vary, too, and a data set that is yet to be made.
cp "$work/own/m" "$work/own/v-aggregate-max.h5"
expect 2 "is model.checkpoint" run "$work/vary.ini" "${few[@]}" -s run.output="$work/own/v.h5" \
    -s model.checkpoint="$work/own/v-aggregate-max.h5" --fresh --dry-run
rm "$work/own/v-aggregate-max.h5"
refused "is data.path ('$work/./nowhere') too" -s data.path="$work/./nowhere" -s run.output="$work/nowhere"
[ ! -e "$work/nowhere" ] || fail "a data set was made in a result's place"
find "$work/own" -type f -exec md5sum {} + | sort -k 2 | diff "$work/before" - || fail "a run has written over what it reads"
# A folder for a result, there or not.
for name in new/ own/ own/. own/tree . /; do
    text="names a folder; a file in it is expected"
    [ "$name" != own/tree ] || text="is there and is not a file"
    [ "$name" = / ] || name=$work/$name
    refused "$text" -s run.output="$name"
done
[ ! -e "$work/new" ] || fail "a folder was made"

# A complete result: nothing to do, and said.
"$EVALH" run "$c" "${few[@]}" --dry-run >"$work/stdout" 2>&1
grep -q "found      complete already" "$work/stdout" || fail "--dry-run of what is done: $(cat "$work/stdout")"
"$EVALH" doctor "$c" "${few[@]}" >"$work/stdout" 2>&1
grep -q "note   output .*complete already" "$work/stdout" || fail "doctor of what is done: $(cat "$work/stdout")"

# A run at work.
"$EVALH" run "$c" "${slow[@]}" -s run.output="$work/busy.h5" >/dev/null 2>"$work/busy" &
pid=$!
until [ -e "$work/busy.h5.parts/shard-000001.h5" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
kill -STOP $pid
refused "another evalh run is at work" -s run.output="$work/busy.h5"
kill -TERM $pid
kill -CONT $pid
wait $pid
[ -d "$work/busy.h5.parts" ] || fail "the run was over too soon"
refused "was made with another config" -s run.output="$work/busy.h5"
done=$(ls "$work/busy.h5.parts" | grep -c '^shard')
"$EVALH" run "$c" "${slow[@]}" -s run.output="$work/busy.h5" --dry-run >"$work/stdout" 2>&1
grep -q "found      $done of 13 shards are done" "$work/stdout" || fail "shards that are done: $(cat "$work/stdout")"
[ "$(ls "$work/busy.h5.parts" | grep -c '^shard')" -eq "$done" ] || fail "a dry run took shards away"

# Maps from files: every one of them is looked at.
"$EVALH" export "$work/vim.h5" -m raw -f npy -o "$work/npy" 2>/dev/null || fail "export"
one=$(find "$work/npy/raw" -name '*.npy' | sort | sed -n 7p)
size=$(stat -c %s "$one")
head -c $((size - 4)) "$one" >"$work/nan"
printf '\x00\x00\x80\x7f' >>"$work/nan"
cp "$work/nan" "$one"
maps=(-s explain.methods=mine -s "maps.mine=$work/npy/raw" -s run.output="$work/maps.h5" -s data.max_unreadable=0.05)
refused "1 of 13 images would be left out for lack of a map, 7.69 %" "${maps[@]}"
grep -q "FAULT  maps .*$(basename "$one" .npy).*holds NaN or infinity" "$work/stdout" || fail "doctor of maps: $(cat "$work/stdout")"
expect 0 "would be left out" run "$c" "${few[@]}" "${maps[@]}" -s data.max_unreadable=0.1 --dry-run

# --fresh over another result, interrupted: the same command goes on, as does the one that is advised;
# the end is the same as without an interruption.
interrupt() { # ARGUMENT...: stopped after two more shards than there are
    local pid done
    done=$(ls "$work/anew.h5.parts" 2>/dev/null | grep -c '^shard')
    "$EVALH" run "$@" >/dev/null 2>"$work/stderr" &
    pid=$!
    until [ "$(ls "$work/anew.h5.parts" 2>/dev/null | grep -c '^shard.*h5$')" -ge $((done + 2)) ] ||
        ! kill -0 $pid 2>/dev/null; do
        sleep 0.01
    done
    kill -TERM $pid
    wait $pid
}
odd=$work/$'it\'s \e[31m\xff odd'
mkdir "$odd"
cp "$c" "$odd/c.ini"
anew=("$odd/c.ini" "${slow[@]}" -s run.output="$work/anew.h5" -s "run.name=a 'b'" --limit 11)
expect 0 "13 images in" run "$c" "${few[@]}" -s run.output="$work/anew.h5"
interrupt "${anew[@]}" --fresh
grep -q "error: stopped by signal 15" "$work/stderr" || fail "not stopped: $(cat "$work/stderr")"
interrupt "${anew[@]}" --fresh
grep -q "continuing; [2-9] of 11" "$work/stderr" || fail "--fresh twice: $(cat "$work/stderr")"
again=$(sed -n 's/.*this goes on from there: evalh //p' "$work/stderr")
[[ $again == *"--limit 11" ]] || fail "the advice lacks an option: $again"
eval "\"$EVALH\" $again" >"$work/stdout" 2>"$work/stderr" || fail "evalh $again: $(cat "$work/stderr")"
grep -q "continuing; [4-9] of 11" "$work/stderr" || fail "the advice begins anew: $(cat "$work/stderr")"
expect 0 "11 images in" run "${anew[@]}" --fresh # of what is complete: really anew
grep -q continuing "$work/stderr" && fail "--fresh goes on with what is done"
expect 0 "11 images in" run "$c" "${slow[@]}" -s run.output="$work/eleven.h5" --limit 11
"$SAME" "$work/eleven.h5" "$work/anew.h5" >"$work/same" || fail "$(cat "$work/same")"
interrupt "${anew[@]}" --fresh
expect 0 "11 images in" run "${anew[@]}" -s task.steps=4 --fresh # begun anew for another config

# Doctor's last line is a command that runs with all that doctor was told.
rm -rf "$work"/anew.h5*
"$EVALH" doctor "${anew[@]:0:${#anew[@]}-2}" >"$work/stdout" 2>/dev/null
again=$(sed -n 's/^fit to run[^:]*: evalh //p' "$work/stdout")
eval "\"$EVALH\" $again --dry-run" >"$work/stdout" 2>"$work/stderr" || fail "evalh $again: $(cat "$work/stderr")"
grep -q "output     $work/anew.h5, in shards of 1 images" "$work/stdout" || fail "doctor forgets options: $again"
finish
