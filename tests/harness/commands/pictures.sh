#!/usr/bin/env bash
# What evalh explain and evalh attn print and write for small random models, and how they report
# mistakes.
. "$(dirname "$0")/../../end_to_end/common.sh"
c=$work/vim.ini
write_config "$c" vim
write_config "$work/vit.ini" vit
"$EVALH" run "$c" --dry-run >/dev/null 2>&1 || fail "the demo set cannot be made"
first=$(find "$work/demo" -name '*.JPEG' | sort | head -1)
second=$(find "$work/demo" -name '*.JPEG' | sort | sed -n 2p)
vim=$work/vim.safetensors
vit=$work/vit.safetensors
seq 0 9 | sed 's/.*/& n0000000& thing number &/' >"$work/names.txt"
stem=$(basename "$first" .JPEG)
drawn=true
gnuplot --version >/dev/null 2>&1 || { drawn=false; echo "SKIPPED: pictures, as there is no gnuplot (Debian: gnuplot-nox)"; }

has() { # has FILE...: there, and not empty
    for f in "$@"; do
        [ -s "$f" ] || fail "$f is not there"
    done
}

if $drawn; then
    # Five classes with names, most probable first; probabilities of all ten cannot exceed 100 %.
    expect 0 "wrote $work/out/$stem.png, .pdf, .svg, .csv" explain "$vim" "$first" "$second" --names "$work/names.txt" --out "$work/out" --vector
    has "$work/out/$stem.png" "$work/out/$(basename "$second" .JPEG).png"
    [ "$(grep -c 'thing number' "$work/stdout")" -eq 10 ] || fail "not five names an image: $(cat "$work/stdout")"
    grep '%' "$work/stdout" | head -5 | awk '$1 > last && NR > 1 { exit 1 } { last = $1; sum += $1 } END { exit !(sum > 10 && sum <= 100.1) }' ||
        fail "not the five most probable classes in order: $(cat "$work/stdout")"
    for method in raw rollout attribution unified mambalrp; do
        grep -q ">$method<" "$work/out/$stem.svg" || fail "the picture lacks $method"
        [ "$(grep -c ",$method,[0-9]*,[0-3],[0-3]," "$work/out/$stem.csv")" -eq 16 ] || fail "the CSV lacks patches of $method"
    done
    grep -q ">random<" "$work/out/$stem.svg" && fail "a control is drawn unasked"
    for text in "released protocol" "notebook preprocessing" "n = 1 image" "sha256" "vim"; do
        grep -q "$text" "$work/out/$stem.svg" || fail "the picture does not say '$text'"
    done
    [ -z "$(ls "$work/out" | grep -vE '\.(png|pdf|svg|csv)$')" ] || fail "something is left over: $(ls "$work/out")"
    # Another class, another protocol, two models; a second image of one name does not replace the first.
    mkdir "$work/again"
    cp "$first" "$work/again/"
    expect 0 "$stem-2.png, .pdf, .svg" explain "$vim" --beside "$vit" --heads 2 --class 3 --protocol paper \
        --methods raw,rollout "$first" "$work/again/$stem.JPEG" --out "$work/two" --vector
    has "$work/two/$stem".{png,pdf,svg} "$work/two/$stem-2.png"
    grep -q "class 3" "$work/two/$stem.svg" || fail "the class is not named"
    cmp -s "$work/two/$stem.csv" "$work/two/$stem-2.csv" || fail "the same image gave another map"
    expect 0 "wrote" explain "$vim" --class target --names "$work/names.txt" --methods raw "$first" --out "$work/t" --vector
    label=$(basename "$(dirname "$first")" | sed 's/n0*\([0-9]\)$/\1/')
    grep -q "thing number $label" "$work/t/$stem.svg" || fail "not the class that the folder tells"
    expect 0 "wrote" explain "$vim" --class "Thing number 4" --names "$work/names.txt" --methods raw "$first" --out "$work/n"
    grep -q ",raw,4,0,0," "$work/n/$stem.csv" || fail "not the class of that name"
    # Names beside the checkpoint are used unasked where they are as many as the classes.
    cp "$work/names.txt" "$work/classes.txt"
    expect 0 "wrote" explain "$vim" --methods raw "$first" --out "$work/b"
    grep -q 'thing number' "$work/stdout" || fail "the names beside the checkpoint are not used"
    head -3 "$work/names.txt" >"$work/classes.txt"
    expect 0 "classes.txt names 3 classes; $vim has 10: classes are told by their numbers" \
        explain "$vim" --methods raw "$first" --out "$work/b"
    rm "$work/classes.txt"
    # A locale without UTF-8 causes no warning.
    LC_ALL=POSIX expect 0 "wrote" explain "$vim" --methods raw "$first" --out "$work/b"
    grep -q warning "$work/stderr" && fail "in the POSIX locale: $(cat "$work/stderr")"

    # Attention matrices.
    expect 0 "wrote $work/at/$stem-attention.png" attn "$vim" "$first" --out "$work/at" --vector
    grep -q "48 hidden attention matrices (E.*2 directions, of 17 x 17 tokens, each the sum of 4 inner ones (N): 96 and 384" \
        "$work/stdout" || fail "not how many matrices: $(cat "$work/stdout")"
    has "$work/at/$stem-attention.h5"
    for text in "layer 1" "layer 2" "layer 3" "channel 0" "mean of channels" "tokens 0 to 16 of 17 (CLS: 8)" "n = 1" "max/1000"; do
        grep -q "$text" "$work/at/$stem-attention.svg" || fail "the picture does not say '$text'"
    done
    expect 0 "attention.png, .pdf, .svg" attn "$vim" "$first" --beside "$vit" --heads 2 --vector --tokens 5 --out "$work/at2"
    has "$work/at2/$stem-attention".{h5,png,pdf,svg}
    [ ! -e "$work/at2/$stem-attention.rgb" ] || fail "pixels are left over"
    grep -q "2 attention matrices (H" "$work/stdout" || fail "not how many matrices of a ViT"
    # the part that is drawn has CLS in it
    grep -q "tokens 6 to 10 of 17 (CLS: 8); 0 to 4 of 17 (CLS: 0)" "$work/at2/$stem-attention.svg" || fail "--tokens is not heard"
    expect 0 "attention.png" attn "$vim" "$first" --scale linear --vector --out "$work/at2"
    grep -q ">min<" "$work/at2/$stem-attention.svg" || fail "--scale is not heard"
    expect 0 "wrote $work/in/vim-influence.png" attn --influence "$c" --beside "$work/vit.ini" --images 3 --out "$work/in"
    has "$work/in/vim-influence.h5"
    # 4 layers of 16 patches, and 3 of the ViT
    [ "$(wc -l <"$work/in/vim-influence.csv")" -eq 113 ] || fail "the CSV has not every patch: $(wc -l <"$work/in/vim-influence.csv")"
    grep -q "n = 3" "$work/in/vim-influence.gnuplot" || fail "the figure does not say n"
fi

# Mistakes.
expect 2 "none.png" explain "$vim" "$work/none.png"
expect 2 "none.pth" explain "$work/none.pth" "$first"
expect 2 "'rolout' is not a method for a vim; did you mean 'rollout'?" explain "$vim" "$first" -m rolout
expect 2 "'mambalrp' is not a method for a vit" explain "$vit" --heads 2 "$first" -m mambalrp
expect 2 "--class 10: $vim has the classes 0 to 9" explain "$vim" "$first" --class 10
expect 2 "--class 'thing': no class is called so; some have it in their names: 0 thing number 0; 1 thing number 1" \
    explain "$vim" "$first" --class thing --names "$work/names.txt"
expect 2 "--class 'thing': the model's classes have no names here" explain "$vim" "$first" --class thing
expect 2 "--class -1: $vim has the classes 0 to 9" explain "$vim" "$first" --class=-1
printf 'shark, fish\nfish, dolphin\n' >"$work/two.txt"
seq 2 9 >>"$work/two.txt"
expect 2 "--class 'FISH': 2 classes are called so (0 is the first)" explain "$vim" "$first" --class FISH --names "$work/two.txt"
expect 2 "give its index or its name: --class N" explain "$vim" "$first" --class target
head -3 "$work/names.txt" >"$work/few.txt"
expect 2 "names 3 classes" explain "$vim" "$first" --names "$work/few.txt"
sed '2d' "$work/names.txt" >"$work/gap.txt"
expect 2 "gap.txt: class 9 is named, but there are 9 lines" explain "$vim" "$first" --names "$work/gap.txt"
expect 2 "does not divide" explain "$vit" --heads 5 "$first"
expect 2 "no heads" explain "$vim" --heads 2 "$first"
# info says as clearly as a run does that a file is no checkpoint.
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n' >"$work/lfs"
printf '<!DOCTYPE html>\n<title>Sign in</title>\n' >"$work/page.safetensors"
expect 2 "lfs: a git-lfs pointer, not the file itself (git lfs pull)" info "$work/lfs"
expect 2 "page.safetensors: an HTML or XML page, perhaps of a failed download" info "$work/page.safetensors"
expect 2 "'vim_smal' is no published geometry; those are vim_tiny, vim_small" bench vim_smal
expect 2 "threads are taken, and all (or" run "$c" -n -s compute.threads=1000
expect 2 "a list of images is kind = imagenet_list, an archive of them kind = imagenet_tar" \
    run "$c" -n -s data.kind=imagenet -s data.path="$c"
expect 2 "--layers: '4': a layer from 0 to 3" attn "$vim" "$first" --layers 4
expect 2 "--layers: '101%'" attn "$vim" "$first" --layers 101%
expect 2 "layer 1 of" attn "$vim" "$first" --layers 1,25% --out "$work/at"
expect 2 "--channels: '48': a channel from 0 to 47" attn "$vim" "$first" --channels 48
expect 2 "--channels: '2': a head from 0 to 1" attn "$vit" --heads 2 "$first" --channels 2
finish
