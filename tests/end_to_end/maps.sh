#!/usr/bin/env bash
# Maps from files: what a run exports and another one reads again gives the same scores, bit for bit;
# files that do not do are refused, and images without a map are named, counted and left out.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
sed -i 's/^kind = perturbation.*/kind = perturbation, segmentation/; s/^methods = .*/methods = raw, attribution/' "$c"
run=(run "$c" --fresh)
expect 0 "13 images in" "${run[@]}"
cp "$work/vim.h5" "$work/own.h5"

# Both forms, as methods of other names: theirs is raw, mine is attribution.
"$EVALH" export "$work/own.h5" -o "$work/maps" 2>"$work/stderr" || fail "export: $(cat "$work/stderr")"
"$EVALH" export "$work/own.h5" -f npy -o "$work/npy" 2>"$work/stderr" || fail "export: $(cat "$work/stderr")"
for form in "$work/maps/raw.h5 $work/maps/attribution.h5" "$work/npy/raw $work/npy/attribution"; do
    read -r raw attribution <<<"$form"
    expect 0 "13 images in" "${run[@]}" -s explain.methods=theirs,mine -s "maps.theirs=$raw" -s "maps.mine=$attribution"
    for of in "theirs raw" "mine attribution"; do
        read -r name method <<<"$of"
        for group in perturbation segmentation; do
            "$SAME" "$work/own.h5" "/$group/$method" "$work/vim.h5" "/$group/$name" ||
                fail "$group of $method is another after export ($raw)"
        done
        "$EVALH" export "$work/vim.h5" -m "$name" -o "$work/again" 2>"$work/stderr" ||
            fail "export again: $(cat "$work/stderr")"
        "$SAME" "$work/maps/$method.h5" "$work/again/$name.h5" ||
            fail "maps of $method are others after export"
    done
    "$EVALH" report "$work/vim.h5" | grep -q "theirs" || fail "report does not know the method of a file"
done
# Beside methods of the model; a run goes on only with the same maps.
expect 0 "13 images in" "${run[@]}" -s explain.methods=raw,mine -s "maps.mine=$work/maps/attribution.h5"
expect 2 "was made with another config" run "$c" -s explain.methods=raw,mine -s "maps.mine=$work/maps/raw.h5"

# What will not do.
expect 2 "maps.mine = '$work/none.h5'" run "$c" -s explain.methods=mine -s "maps.mine=$work/none.h5"
expect 2 "not an HDF5 file" run "$c" -s explain.methods=mine -s "maps.mine=$work/vim.safetensors"
expect 2 "/id is missing: a file of maps" run "$c" -s explain.methods=mine -s "maps.mine=$work/own.h5"
expect 2 "explain.methods does not name it" run "$c" -s "maps.mine=$work/maps/raw.h5"
expect 2 "is a method of this model and a file" run "$c" -s "maps.raw=$work/maps/raw.h5"
expect 2 "a name has 1 to 39 letters" run "$c" -s "maps.mi ne=$work/maps/raw.h5"
printf '[maps]\nmine = a.h5\nmine = b.h5\n' | cat "$c" - >"$work/twice.ini"
expect 2 "maps.mine is there twice" run "$work/twice.ini"
expect 2 "it has those of raw, attribution" export "$work/own.h5" -m rawer

# One image's map is gone, one is NaN: both are named and left out of every score.
some=$(cd "$work/npy/raw" && find . -name '*.npy' ! -name '*.target.npy' | sort | sed -n '2p;5p')
first=$(sed -n 1p <<<"$some") second=$(sed -n 2p <<<"$some")
rm "$work/npy/raw/$first"
size=$(stat -c %s "$work/npy/raw/$second")
head -c $((size - 4)) "$work/npy/raw/$second" >"$work/nan"
printf '\x00\x00\xc0\x7f' >>"$work/nan"
cp "$work/nan" "$work/npy/raw/$second"
expect 1 "2 of 13 images could not be read" "${run[@]}" -s explain.methods=theirs,random -s data.max_unreadable=0.01 \
    -s "maps.theirs=$work/npy/raw"
expect 0 "has no map of image" "${run[@]}" -s explain.methods=theirs,random -s data.max_unreadable=0.2 \
    -s "maps.theirs=$work/npy/raw"
grep -q "holds NaN or infinity" "$work/stderr" || fail "a NaN in a map is not told"
grep -q "1 have no map" "$work/stderr" || fail "images without a map are not counted: $(cat "$work/stderr")"
"$EVALH" info "$work/vim.h5" | grep -q "11" || fail "11 of 13 images are scored: $("$EVALH" info "$work/vim.h5")"
mkdir "$work/empty"
expect 2 "holds no map of any image of the data set" run "$c" -s explain.methods=theirs -s "maps.theirs=$work/empty"
find "$work/npy/raw" -name '*.npy' | while read -r file; do printf 'no array' >"$file"; done
expect 2 "is no array of two dimensions" run "$c" -s explain.methods=theirs -s "maps.theirs=$work/npy/raw"
expect 2 "robustness explains changed images" run "$c" -s explain.methods=mine -s task.kind=robustness \
    -s "maps.mine=$work/maps/raw.h5"
finish
