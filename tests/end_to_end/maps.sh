#!/usr/bin/env bash
# Maps from files: what a run exports and another one reads again gives the same scores, bit for bit;
# unusable files are refused, and images without a map are named, counted and left out.
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
# Heat of the images' own size is taken as it is, and gives the same scores; so does each class alone.
"$EVALH" export "$work/own.h5" --size 32 -o "$work/heat" 2>"$work/stderr" || fail "export --size: $(cat "$work/stderr")"
expect 0 "13 images in" "${run[@]}" -s explain.methods=theirs,mine -s "maps.theirs=$work/heat/raw.h5" \
    -s "maps.mine=$work/heat/attribution.h5"
for of in "theirs raw" "mine attribution"; do
    read -r name method <<<"$of"
    for group in perturbation segmentation; do
        "$SAME" "$work/own.h5" "/$group/$method" "$work/vim.h5" "/$group/$name" ||
            fail "$group of $method is another after export --size"
    done
done
for class in predicted target; do
    "$EVALH" export "$work/own.h5" -m attribution -c $class -o "$work/$class" 2>"$work/stderr" ||
        fail "export -c $class: $(cat "$work/stderr")"
    expect 0 "13 images in" "${run[@]}" -s explain.methods=mine -s explain.class=$class \
        -s "maps.mine=$work/$class/attribution.h5"
    for group in perturbation segmentation; do
        "$SAME" "$work/own.h5" "/$group/attribution/$class" "$work/vim.h5" "/$group/mine/$class" ||
            fail "$group is another after export -c $class"
    done
done

# Chosen images, and pictures.
ids=$(cd "$work/npy/raw" && find . -name '*.npy' ! -name '*.target.npy' | sed 's|^\./||; s|\.npy$||' | sort)
[ "$(wc -l <<<"$ids")" -eq 13 ] || fail "not 13 maps: $ids"
sed -n '2p;4p' <<<"$ids" >"$work/two"
for which in "$work/two" "$(paste -sd, "$work/two")"; do
    rm -rf "$work/few"
    "$EVALH" export "$work/own.h5" -m raw -f npy -i "$which" -o "$work/few" 2>"$work/stderr" || fail "export -i"
    (cd "$work/few/raw" && find . -name '*.npy' | sed 's|^\./||; s|\.npy$||' | sort) | cmp - "$work/two" ||
        fail "other images than those of $which"
done
expect 2 "has no image nowhere.png" export "$work/own.h5" -i nowhere.png
expect 2 "one of predicted, target is expected" export "$work/own.h5" -c both
expect 0 "13 maps of 20 x 20, of the prediction and of the label" export "$work/own.h5" -f png --size 20 -o "$work/png"
# 8-byte signature, IHDR: width and height
[ "$(find "$work/png/attribution" -name '*.target.png' | wc -l)" -eq 13 ] || fail "no pictures of the label"
while read -r id; do
    for picture in "$work/png/raw/$id.png" "$work/png/attribution/$id.png" "$work/png/attribution/$id.target.png"; do
        [ "$(od -An -tx1 -j16 -N8 "$picture" | tr -d ' ')" = 0000001400000014 ] || fail "$picture is not of 20 x 20 pixels"
    done
    cmp -s "$work/png/raw/$id.png" "$work/png/attribution/$id.png" && fail "two methods have one picture of $id"
done <<<"$ids"
expect 0 "13 maps of 32 x 32" export "$work/own.h5" -m raw -f png -o "$work/png32"
mv "$work/demo" "$work/elsewhere"
expect 1 "is not there" export "$work/own.h5" -f png -o "$work/none"
mv "$work/elsewhere" "$work/demo"

# Maps that are not square are scaled up an axis at a time: one whose rows (or columns) are all the same is
# as good as the single row (or column).
put_npy() { # FILE SHAPE VALUE...: bytes of the values as printf takes them
    mkdir -p "$(dirname "$1")"
    {
        printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }"
        printf "${@:3}"
    } >"$1"
}
one='\x00\x00\x80\x3f' two='\x00\x00\x00\x40' five='\x00\x00\xa0\x40' zero='\x00\x00\x00\x00'
while read -r id; do
    put_npy "$work/row/$id.npy" "1, 4" "$one$five$zero$two"
    put_npy "$work/rows/$id.npy" "4, 4" "$one$five$zero$two$one$five$zero$two$one$five$zero$two$one$five$zero$two"
    put_npy "$work/column/$id.npy" "4, 1" "$one$five$zero$two"
    put_npy "$work/columns/$id.npy" "4, 4" "$one$one$one$one$five$five$five$five$zero$zero$zero$zero$two$two$two$two"
    put_npy "$work/wide/$id.npy" "1, 40" "$(yes "$one$five$zero$two" | head -n 10 | tr -d '\n')"
done <<<"$ids"
expect 0 "13 images in" "${run[@]}" -s explain.methods=row,rows,column,columns -s "maps.row=$work/row" \
    -s "maps.rows=$work/rows" -s "maps.column=$work/column" -s "maps.columns=$work/columns"
for of in "row rows" "column columns"; do
    read -r thin square <<<"$of"
    for group in perturbation segmentation; do
        "$SAME" "$work/vim.h5" "/$group/$thin" "$work/vim.h5" "/$group/$square" || fail "$group of a $thin and of $square differ"
    done
done
"$SAME" "$work/vim.h5" /segmentation/row "$work/vim.h5" /segmentation/column >/dev/null && fail "height and width are one"
"$EVALH" info "$work/vim.h5" | grep -q "row, predicted.*: 32 by 32" || fail "a map that is not square is not stored as large as the image"
expect 2 "maps of 1 x 40; the model's images are 32 x 32" run "$c" -s explain.methods=wide -s "maps.wide=$work/wide"

# A map of the label is another than that of the prediction, also where the label is predicted.
while read -r id; do
    put_npy "$work/pair/$id.npy" "2, 2" "$one$five$zero$two"
    put_npy "$work/pair/$id.target.npy" "2, 2" "$two$zero$five$one"
done <<<"$ids"
expect 0 "13 images in" "${run[@]}" -s explain.methods=pair -s "maps.pair=$work/pair"
grep -q "top-1 0 %" "$work/stdout" && fail "no label is predicted, so that nothing is shown"
cp "$work/vim.h5" "$work/pair.h5"
expect 0 "13 images in" "${run[@]}" -s explain.methods=pair -s "maps.pair=$work/pair" -s explain.class=target
for group in explain perturbation segmentation; do
    "$SAME" "$work/pair.h5" "/$group/pair/target" "$work/vim.h5" "/$group/pair/target" ||
        fail "$group of the target is another beside the predicted class"
done

# Without any model: the same scores of the same maps; nothing that would need one.
sed -e '/^\[model\]/,/^heads/d' -e "s|^output = .*|output = $work/none.h5|" "$c" >"$work/none.ini"
printf '[model]\nimage_size = 32\n[maps]\ntheirs = %s\nmine = %s\n' "$work/maps/raw.h5" "$work/maps/attribution.h5" >>"$work/none.ini"
none=(run "$work/none.ini" -s explain.methods=theirs,mine,random)
expect 0 "no forward passes" "${none[@]}" -s task.kind=segmentation
for of in "theirs raw" "mine attribution"; do
    read -r name method <<<"$of"
    "$SAME" "$work/own.h5" "/segmentation/$method" "$work/none.h5" "/segmentation/$name" ||
        fail "segmentation of $method is another without a model"
done
"$EVALH" report "$work/none.h5" >"$work/table" 2>&1 || fail "report of a run without a model: $(cat "$work/table")"
grep -q "Model: none, maps from files and controls alone" "$work/table" || fail "the report does not say that there is no model"
grep -q "Top-1: n/a" "$work/table" || fail "a run without a model has a top-1"
grep -q DOUBTFUL "$work/table" && fail "a run without a model is doubted"
expect 0 "13 images in" "${none[@]}" -s task.kind=segmentation,localisation --fresh
expect 2 "since 'perturbation' needs a model" "${none[@]}" -s task.kind=segmentation,perturbation
expect 2 "since 'raw' needs a model" run "$work/none.ini" -s explain.methods=theirs,mine,raw -s task.kind=segmentation
expect 2 "model.heads" "${none[@]}" -s task.kind=segmentation -s model.heads=3
expect 2 "explain.row_norm is set" "${none[@]}" -s task.kind=segmentation -s explain.row_norm=no

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

sed "s|^output = .*|output = $work/twin.h5|" "$c" >"$work/twin.ini"
# One image's map is gone, one is NaN: both are named and left out of every score.
some=$(cd "$work/npy/raw" && find . -name '*.npy' ! -name '*.target.npy' | sort | sed -n '2p;5p')
first=$(sed -n 1p <<<"$some") second=$(sed -n 2p <<<"$some")
rm "$work/npy/raw/$first"
size=$(stat -c %s "$work/npy/raw/$second")
head -c $((size - 4)) "$work/npy/raw/$second" >"$work/nan"
printf '\x00\x00\xc0\x7f' >>"$work/nan"
cp "$work/nan" "$work/npy/raw/$second"
# Too many of them are refused before any work, and what is there stays.
cp "$work/vim.h5" "$work/kept.h5"
few=(-s explain.methods=theirs,random -s data.max_unreadable=0.01 -s "maps.theirs=$work/npy/raw")
for way in run "run -n"; do
    expect 2 "2 of 13 images would be left out for lack of a map, 15.4 %; data.max_unreadable allows 1 %" $way --fresh "$c" "${few[@]}"
    expect 2 "2 of 13 images would be left out for lack of a map" $way --fresh "$c" "$work/twin.ini" "${few[@]}"
done
cmp -s "$work/vim.h5" "$work/kept.h5" || fail "a run that is refused changed the result"
expect 0 "has no map of image" "${run[@]}" -s explain.methods=theirs,random -s data.max_unreadable=0.2 \
    -s "maps.theirs=$work/npy/raw"
"$EVALH" report "$work/vim.h5" | grep -q "11 images scored, 2 skipped (lack a map; see" || fail "the report blames the images"
grep -q "holds NaN or infinity" "$work/stderr" || fail "a NaN in a map is not told"
grep -q "1 have no map" "$work/stderr" || fail "images without a map are not counted: $(cat "$work/stderr")"
"$EVALH" info "$work/vim.h5" | grep -q "11" || fail "11 of 13 images are scored: $("$EVALH" info "$work/vim.h5")"
# The end of a run tells them from images that could not be read.
picture=$(find "$work/demo" -name '*.JPEG' | sort | tail -1)
cp "$picture" "$work/sound"
echo broken >"$picture"
expect 1 "3 of 13 images could not be read or lack a map, 23.1 %; data.max_unreadable allows 16 %" "${run[@]}" \
    -s explain.methods=theirs,random -s data.max_unreadable=0.16 -s "maps.theirs=$work/npy/raw"
cp "$work/sound" "$picture"
cp -r "$work/npy/raw" "$work/unusable"
find "$work/unusable" -name '*.npy' -exec cp "$work/nan" {} \;
expect 1 "none of the 13 images has a map that would do: nothing is scored" "${run[@]}" -s explain.methods=theirs \
    -s data.max_unreadable=1 -s "maps.theirs=$work/unusable"
mkdir "$work/empty"
expect 2 "holds no map of any image of the data set" run "$c" -s explain.methods=theirs -s "maps.theirs=$work/empty"
find "$work/npy/raw" -name '*.npy' | while read -r file; do printf 'no array' >"$file"; done
expect 2 "';' at the start or after a blank begins a comment" run "$c" -s "maps.mine=$work/a ;b"
printf '[maps]\nmine =;a.h5\n' | cat "$c" - >"$work/comment.ini"
expect 2 "maps.mine = ';a.h5': ';' at the start or after a blank begins a comment" run "$work/comment.ini"
expect 2 "is no array of two dimensions" run "$c" -s explain.methods=theirs -s "maps.theirs=$work/npy/raw"
expect 2 "robustness explains changed images or models" run "$c" -s explain.methods=mine -s task.kind=robustness \
    -s "maps.mine=$work/maps/raw.h5"
expect 2 "randomisation explains changed images or models" run "$c" -s explain.methods=mine -s task.kind=randomisation \
    -s "maps.mine=$work/maps/raw.h5"
finish
