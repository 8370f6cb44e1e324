#!/usr/bin/env bash
# Several models in one go: a config and checkpoints, files that are named after them, a model that fails
# among others, going on; and their table, in which the best figures are strong.
. "$(dirname "$0")/common.sh"
c=$work/c.ini
write_config "$c" vit
sed -i -e 's/^kind = perturbation.*/kind = perturbation, segmentation/' -e '/^groups\|^tiles\|^subsets\|^samples/d' \
    -e 's/^methods = .*/methods = raw, random/' "$c"
w=$work/weights
mkdir -p "$w/a" "$w/b"
cp "$work/vit.safetensors" "$w/one.safetensors"
"$MAKE_MODEL" vit "$w/two.safetensors" huge head.weight || exit 1
"$MAKE_MODEL" vit "$w/lacking.safetensors" drop norm.weight || exit 1
cp "$w/one.safetensors" "$w/a/best.safetensors"
cp "$w/two.safetensors" "$w/b/best.safetensors"

# One that is broken does not keep the others from running.
expect 1 "1 of 3 runs failed, 2 are done" run "$c" "$w"/*.safetensors
grep -q "  c-lacking: .*lacking.safetensors.*norm.weight" "$work/stderr" ||
    fail "the summary does not say which model failed, and why: $(tail -3 "$work/stderr")"
for stem in one two; do [ -f "$work/c-$stem.h5" ] || fail "there is no c-$stem.h5"; done
[ ! -e "$work/c-lacking.h5" ] || fail "a broken model has a result"
"$EVALH" run "$c" -s "model.checkpoint=$w/one.safetensors" >/dev/null 2>&1 || fail "a run of its own"
"$SAME" "$work/c.h5" "$work/c-one.h5" || fail "the run among others is not the same as alone"

# Once it is whole, the same command does what is left.
cp "$w/two.safetensors" "$w/lacking.safetensors"
expect 0 "c-one.h5 is complete already" run "$c" "$w"/*.safetensors
"$SAME" "$work/c-lacking.h5" "$work/c-two.h5" || fail "what was left is not the same model's result"
rm "$w/lacking.safetensors" "$work/c-lacking.h5"

# Names are just long enough to differ. A run of broken checkpoints alone, of none that is left, and
# of one without a config.
expect 0 "13 images in" run "$c" "$w/a/best.safetensors" "$w/b/best.safetensors"
for stem in a-best b-best; do [ -f "$work/c-$stem.h5" ] || fail "there is no c-$stem.h5"; done
expect 2 "none/no.pth" run "$c" "$work/none/no.pth" "$work/none/other.pth"
expect 2 "is the output of $c too" run "$c" "$w/one.safetensors" "$w/one.safetensors"
expect 2 "no config is given, but checkpoints alone" run "$w/one.safetensors"
expect 2 "none/no.pth" run --dry-run "$c" "$w/one.safetensors" "$work/none/no.pth"
grep -q "c-one" "$work/stdout" || fail "--dry-run does not show the model that is well"
expect 0 "13 images in" run "$c" -s "run.output=$work/v.h5" -s "run.vary=model.checkpoint=$w/two.safetensors"
"$SAME" "$work/v-checkpoint-two.h5" "$work/c-two.h5" || fail "run.vary with a checkpoint"

# A model that fails in the middle: the next one runs; a signal stops them all.
sed -e "s|^output = .*|output = $work/w.h5|" -e "s|^checkpoint = .*|arch = worker\ncommand = $FAULT_WORKER|" \
    -e '/^heads/d' -e 's/^methods = .*/methods = random/' "$c" >"$work/w.ini"
rm "$work/c.h5"
FAULTS=exit=3@60 expect 1 "1 of 2 runs failed, 1 are done" run "$work/w.ini" "$c"
[ -f "$work/c.h5" ] && [ ! -e "$work/w.h5" ] || fail "the run after one that failed has no result"
rm "$work/c.h5"
rm -r "$work/w.h5.parts"
FAULTS=hang@50 "$EVALH" run "$work/w.ini" "$c" >"$work/stdout" 2>"$work/stderr" &
evalh=$!
until compgen -G "$work/w.h5.parts/shard-*" >/dev/null || ! kill -0 $evalh 2>/dev/null; do sleep 0.05; done
kill -INT $evalh
code=0
wait $evalh || code=$?
[ "$code" -eq 1 ] && [ ! -e "$work/c.h5" ] || fail "after a signal: exit code $code, or the next one ran"
grep -q "this goes on from there: evalh run $work/w.ini $c" "$work/stderr" || fail "no word on how to go on"
expect 0 "13 images in" run "$work/w.ini" "$c"

# Their table has a row for every model and method; the best figure is bold, and so are all that tie
# with it.
models=("$work/c-one.h5" "$work/c-two.h5" "$work/w.h5")
"$EVALH" report "${models[@]}" >"$work/md" 2>&1 || fail "report: $(cat "$work/md")"
sed -n '/Models and methods/,/In bold/p' "$work/md" >"$work/table"
for row in "vit (one) *| raw" "vit (one) *| random" "vit (two) *| raw" "faulty *| random"; do
    grep -q "^| $row " "$work/table" || fail "there is no row '$row': $(cat "$work/table")"
done
"$EVALH" report -f csv "${models[@]}" >"$work/csv"
# The least figure of the first column and the greatest of the others are bold, with all that print
# alike.
awk -F'|' '
    /^\| (vit|faulty)/ {
        for (c = last = 5; c < NF; last = ++c) { strong[c, n] = $c ~ /\*/; gsub(/[* ]/, "", $c); x[c, n] = $c + 0 }
        n++
    }
    /Models and methods|In bold/ {
        for (c = 5; c < last; c++) {
            best = x[c, 0]
            for (i = 1; i < n; i++) if (c == 5 ? x[c, i] < best : x[c, i] > best) best = x[c, i]
            for (i = 0; i < n; i++) {
                if (strong[c, i] != (x[c, i] == best)) { print "column " c ": " x[c, i] " beside " best; bad = 1 }
                count += strong[c, i]
            }
        }
        n = 0
    }
    END { exit bad || count < 10 }' "$work/table" || fail "another figure is strong: $(cat "$work/table")"
strong=$(grep -o '\*\*[0-9.]*\*\* *|' "$work/table" | wc -l)
for pair in "latex \\\\textbf{[0-9]" "html <b>[0-9.]*</b></td>"; do
    read -r format mark <<<"$pair"
    "$EVALH" report -f "$format" "${models[@]}" >"$work/out" 2>&1 || fail "report -f $format"
    [ "$(grep -o "$mark" "$work/out" | wc -l)" -eq "$strong" ] || fail "$format: not $strong strong figures"
done
[ "$(grep -c '^[^,]*,[^,]*,[^,]*,[^,]*,models,.*,yes,\("[^"]*"\|[^,]*\)$' "$work/csv")" -eq "$strong" ] || fail "csv: not $strong best"
"$EVALH" report -f json "${models[@]}" >"$work/out"
[ "$(grep -c '"best":.*true' "$work/out")" -eq "$strong" ] || fail "json: not $strong best"
"$EVALH" report "$work/c-one.h5" | grep -q "Models and methods" && fail "one run has a table of several models"
finish
