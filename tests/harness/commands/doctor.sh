#!/usr/bin/env bash
# evalh doctor finds all planted faults in one go, and says of each what would be right.
. "$(dirname "$0")/../../end_to_end/common.sh"
c=$work/vim.ini
write_config "$c" vim
write_config "$work/vit.ini" vit
unset EVALH_UNSET

# doctor TEXT...: exit code 2, and a line of a fault that holds TEXT; arguments behind --.
doctor() {
    local texts=() code=0
    while [ "$1" != -- ]; do
        texts+=("$1")
        shift
    done
    shift
    ${user[@]+"${user[@]}"} "$EVALH" doctor "$@" >"$work/stdout" 2>"$work/stderr" || code=$?
    [ "$code" -eq 2 ] || fail "doctor $*: exit code $code, not 2: $(cat "$work/stdout" "$work/stderr")"
    for text in "${texts[@]}"; do
        if grep '^FAULT' "$work/stdout" | grep -qF -- "$text"; then
            echo "ok: $text"
        else
            fail "doctor $*: no fault says '$text', but: $(grep FAULT "$work/stdout")"
        fi
    done
}

# Where nothing is wrong it exits with code 0, names no fault, and says what it has checked.
for model in vim vit; do
    "$EVALH" doctor "$work/$model.ini" >"$work/stdout" 2>"$work/stderr" ||
        fail "$model is fit to run, but: $(grep FAULT "$work/stdout")"
    for text in "oneDNN" "HDF5" "cores online" "complete" "sha256" "from 0 to 9" \
        "13 of 13 images decode" "top-1" "MiB free, the results need" "s an image" "fit to run"; do
        grep -qF "$text" "$work/stdout" || fail "doctor $model.ini does not say '$text'"
    done
done
[ ! -e "$work/vim.h5" ] && [ ! -e "$work/vim.h5.parts" ] || fail "doctor left a result"
demo=$(dirname "$(find "$work/demo" -name labels.txt)")

# 1-3: the checkpoint is missing, cut short, of another architecture, not of its arch.
doctor "none.pth" -- "$c" --set model.checkpoint="$work/none.pth"
head -c 3000 "$work/vim.safetensors" >"$work/cut.safetensors"
doctor "cut.safetensors" -- "$c" --set model.checkpoint="$work/cut.safetensors"
doctor "asks for a vit" -- "$c" --set model.arch=vit
"$MAKE_MODEL" vim "$work/lacks.safetensors" drop layers.1.mixer.D_b
doctor "layers.1.mixer.D_b" -- "$c" --set model.checkpoint="$work/lacks.safetensors"
# 4: the data set is not there.
doctor "data.path" "nowhere" -- "$c" --set data.kind=imagenet_list --set data.path="$work/nowhere/list.txt"
# 5: a list names a file that is not there.
list=(--set data.kind=imagenet_list --set task.kind=perturbation --set data.root="$demo")
{ head -2 "$demo/labels.txt"; echo "val/none.jpg 3"; } >"$work/list.txt"
doctor "list.txt:3: cannot find 'val/none.jpg'" -- "$c" "${list[@]}" --set data.path="$work/list.txt"
# 6: a label beyond the model's classes.
sed 's/ [0-9]*$/ 10/' "$demo/labels.txt" >"$work/list.txt"
doctor "label 10" "0 to 9" -- "$c" "${list[@]}" --set data.path="$work/list.txt"
# 7: an image that cannot be decoded; it is named, and counted.
cp -r "$demo" "$work/tree"
third=$(sed -n 3p "$demo/labels.txt" | cut -d' ' -f1)
head -c 300 "$demo/$third" >"$work/tree/$third"
doctor "$third" "1 of 13 images" -- "$c" "${list[@]}" --set data.path="$work/tree/labels.txt" \
    --set data.root="$work/tree"
# 8: the output's folder cannot be made, or may not be written to.
doctor "Not a directory" -- "$c" --set run.output="$work/vim.safetensors/nowhere/x.h5"
mkdir "$work/locked"
chmod a-w "$work/locked"
user=(${nobody[@]+"${nobody[@]}"})
doctor "Permission denied" -- "$c" --set run.output="$work/locked/x.h5"
user=()
# 9: no space.
doctor "free some, or set run.output to another disk" -- "$c" --quota 0.01
# 10: a method that is not known, and one that the architecture does not have; both at once.
doctor "there is no method 'rolout'; did you mean 'rollout'?" "'mambalrp' is not defined for a vit" \
    -- "$work/vit.ini" --set explain.methods=raw,mambalrp,rolout
# 11: heads that do not divide the width; a Vim with heads.
doctor "does not divide the width 24" -- "$work/vit.ini" --set model.heads=5
doctor "which has no heads" -- "$c" --set model.heads=2
# 12: a variable of the environment that is not set; lines that are wrong, all of them.
printf '[run]\nsed = 1\nlimit = ten\n[modle]\narch = vim\n[model]\ncheckpoint = ${EVALH_UNSET}/x.pth\nnonsense\n' >"$work/bad.ini"
doctor "bad.ini:2: unknown key 'sed'" "bad.ini:3: run.limit = 'ten'" "bad.ini:4: unknown section" \
    "no variable EVALH_UNSET" "bad.ini:8: neither" -- "$work/bad.ini"
grep -q "unknown key 'arch'" "$work/stdout" && fail "a key of an unknown section is blamed"
doctor "none.ini: No such file" -- "$work/none.ini"

# All faults of one config are found in one go.
cp "$work/vit.ini" "$work/all.ini"
sed -i 's/^heads = .*/heads = 5/; s/^methods = .*/methods = raw, rolout/; s/^shard_size/shard_sise/' "$work/all.ini"
doctor "unknown key 'shard_sise'" "'rolout'" "nowhere" "does not divide" "list.txt" -- "$work/all.ini" \
    --set run.output="$work/vim.safetensors/nowhere/x.h5" --set data.kind=imagenet_list --set data.path="$work/no/list.txt"
"$EVALH" doctor 2>"$work/stderr" && fail "doctor without a config is content"
grep -q "a config is expected" "$work/stderr" || fail "doctor without a config: $(cat "$work/stderr")"
finish
