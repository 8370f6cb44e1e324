#!/usr/bin/env bash
# Names that hold escape sequences, broken UTF-8 and characters that turn text round, through what every
# command prints: none of it reaches a terminal raw, on standard output or on standard error.
. "$(dirname "$0")/common.sh"
evil=$'e\e]0;x\a\e[31m\xff\xc2\x9b\xe2\x80\xaer'
shown='e\x1B]0;x\x07\x1B[31m\xFF\xC2\x9B\xE2\x80\xAEr'
c=$work/vim.ini
write_config "$c" vim
few=(-s explain.methods=raw -s task.kind=perturbation -s task.directions=positive)

safe() { # FILE...: printable UTF-8, line ends and tabs
    local file
    for file in "$@"; do
        iconv -f utf-8 -t utf-8 "$file" >/dev/null 2>&1 || fail "$said: broken UTF-8: $(cat -v "$file" | head -5)"
        LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]' "$file" &&
            fail "$said: raw bytes: $(cat -v "$file" | head -5)"
    done
}
# says TEXT ARGUMENT...: prints TEXT somewhere, whatever the exit code, and nothing raw
says() {
    local text=$1
    shift
    said=$(printf '%q ' "${@:1:4}")
    "$EVALH" "$@" >"$work/stdout" 2>"$work/stderr"
    safe "$work/stdout" "$work/stderr"
    cat "$work/stdout" "$work/stderr" | grep -qF -- "$text" ||
        fail "$said does not say '$text': $(cat "$work/stdout" "$work/stderr" | head -5)"
}

"$EVALH" run "$c" "${few[@]}" >/dev/null 2>&1 || fail "the config itself"
demo=$(dirname "$(find "$work/demo" -name labels.txt)")
first=$(head -1 "$demo/labels.txt" | cut -d' ' -f1)

# Paths, keys and values of the command line and of a config.
says "$shown" "$evil"
says "$shown" run "$work/$evil.ini"
says "$shown" run "$c" -s "run.$evil=1"
says "$shown" run "$c" -s "explain.methods=$evil"
says "$shown" run "$c" -s "model.checkpoint=$work/$evil.pth"
says "$shown" run "$c" -s "run.output=$work/none/../$evil/x.h5" -s "data.kind=$evil"
odd=$'k\xff\xe2\x80\xae'
printf '[run]\n%s = 1\n[%s]\nkind = 2\n' "$odd" "$odd" >"$work/keys.ini"
says 'k\xFF\xE2\x80\xAE' run "$work/keys.ini"
says 'k\xFF\xE2\x80\xAE' doctor "$work/keys.ini"

# A tree of classes, a list, a tar.
for i in {0..9}; do echo "n0000000$i kind $i"; done >"$work/ten.txt"
ten=(-s data.kind=imagenet -s "data.classes=$work/ten.txt")
tree() { # FOLDER CLASS NAME: one image more
    mkdir -p "$work/$1/$2"
    cp "$demo/$first" "$work/$1/$2/$3"
}
for class in n00000001 n00000002; do tree tree $class a.JPEG; done
tree tree n00000002 "$evil.JPEG"
says "$shown" run "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/none$evil"
cp -r "$work/tree" "$work/tree2"
head -c 300 "$demo/$first" >"$work/tree2/n00000002/$evil.JPEG"
says "$shown" run "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree2" -s "run.output=$work/tree2.h5"
says "$shown" doctor "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree2" -s "run.output=$work/x.h5"
tree tree "$evil" a.JPEG
says "$shown" run "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree"
says "$shown" doctor "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree"
says "$shown" info "$work/tree"
mkfifo "$work/tree2/n00000001/p$evil.JPEG"
says "$shown" run "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree2"
list=(-s data.kind=imagenet_list -s "data.root=$demo" -s "data.path=$work/list.txt")
printf '%s 3\n' "$evil.JPEG" >"$work/list.txt"
says "$shown" run "$c" "${few[@]}" "${list[@]}"
printf '%s %s\n' "$first" "$evil" >"$work/list.txt"
says "$shown" run "$c" "${few[@]}" "${list[@]}"
head -3 "$demo/labels.txt" >"$work/list.txt"
says "$shown" run "$c" "${few[@]}" "${list[@]}" -s "data.only=$evil"
says "$shown" run "$c" "${few[@]}" "${list[@]}" -s "data.classes=$work/$evil.txt"
printf 'n00000001 %s\nn0 %s\n' "$evil" "$evil" >"$work/classes.txt"
says "$shown" run "$c" "${few[@]}" "${ten[@]}" -s "data.path=$work/tree2" -s "data.classes=$work/classes.txt"
rm "$work/classes.txt"
cp "$work/tree2/n00000002/a.JPEG" "$work/$evil.txt"
tar -C "$work/tree2" -cf "$work/set.tar" "n00000002/$evil.JPEG" 2>/dev/null
says "has control characters in its name" run "$c" "${few[@]}" -s data.kind=imagenet_tar -s "data.path=$work/set.tar"
says "has control characters in its name" info "$work/set.tar"
cp "$work/set.tar" "$work/$evil.tar"
says "$shown" info "$work/$evil.tar"

# A checkpoint of such tensors; a picture and a class of such a name.
printf '{"w\\u001b[31m\\u009b":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}' >"$work/header"
{
    printf "\\x$(printf %x "$(stat -c %s "$work/header")")\\0\\0\\0\\0\\0\\0\\0"
    cat "$work/header"
    printf '\0\0\0\0'
} >"$work/w.safetensors"
says 'tensor w\x1B[31m\xC2\x9B' run "$c" "${few[@]}" -s "model.checkpoint=$work/w.safetensors"
says 'tensor w\x1B[31m\xC2\x9B' info "$work/w.safetensors"
cp "$work/vim.safetensors" "$work/$evil.safetensors"
cp "$demo/$first" "$work/$evil.jpg"
says "$shown" info "$work/$evil.safetensors"
mkdir "$work/named"
cp "$work/vim.safetensors" "$work/named/v.safetensors"
for i in {0..9}; do printf 'n0000000%d %s %d\n' "$i" "$evil" "$i"; done >"$work/named/classes.txt"
says "$shown" explain "$work/named/v.safetensors" "$demo/$first" -o "$work/a.png" -m raw
says "$shown" explain "$work/vim.safetensors" "$work/$evil.jpg" -o "$work/b.png" -m raw
says "$shown" explain "$work/vim.safetensors" "$work/missing$evil.jpg" -o "$work/b.png" -m raw

# A result of such a name, from a data set of such names: every command that prints of it.
cp "$c" "$work/$evil.ini"
tree fine n00000001 a.JPEG
tree fine n00000002 "$evil.JPEG"
says 'k\xFF\xE2\x80\xAE' run "$work/$evil.ini" "${few[@]}" "${ten[@]}" -s "data.path=$work/fine" \
    -s "run.name=$odd" -s "run.output=$work/out.h5"
mv "$work/out.h5" "$work/$evil.h5"
says 'k\xFF\xE2\x80\xAE' run "$work/$evil.ini" "${few[@]}" -s "run.name=$odd" --dry-run
says "$shown" info "$work/$evil.h5"
for format in md csv latex json html; do
    says "x1B" report "$work/$evil.h5" -f $format
    said="a file of report -f $format"
    "$EVALH" report "$work/$evil.h5" -f $format -o "$work/out" 2>/dev/null
    safe "$work/out"
    cmp -s "$work/out" "$work/stdout" || fail "$said differs from what is printed"
done
"$EVALH" report "$work/$evil.h5" -f json -o "$work/out" &&
    { "${PYTHON:-python3}" -c 'import json, sys; json.load(open(sys.argv[1]))' "$work/out" || fail "no JSON"; }
says "x1B" report "$work/$evil.h5" --scores
says "$shown" rescore "$work/$evil.h5"
says "x1B" compare "$work/$evil.h5" "$work/vim.h5"
says "x1B" compare "$work/$evil.h5" "$work/none$evil.h5"
says "x1B" export "$work/$evil.h5" -m "$evil"
says "x1B" report "$work/missing$evil.h5"
finish
