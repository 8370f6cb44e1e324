# The toy through the whole program: plan, run, report, doctor, info. $EVALH: evalh with one more
# architecture; $TOY: writes its checkpoint.
. "$(dirname "$0")/../end_to_end/common.sh"

"$TOY" "$work/toy.safetensors" || exit 1
write_config "$work/toy.ini" toy
sed -i 's/^methods = .*/methods = raw, random/; s/^kind = perturbation.*/kind = perturbation/' "$work/toy.ini"
expect 0 "" run "$work/toy.ini"
"$EVALH" report "$work/toy.h5" >"$work/report" 2>"$work/stderr" || fail "report: $(cat "$work/stderr")"
for method in raw random; do
    grep -q "$method" "$work/report" || fail "no $method in the report: $(cat "$work/report")"
done
grep -q "toy" "$work/report" || fail "the report does not name the architecture"
"$EVALH" run "$work/toy.ini" --dry-run --fresh >"$work/plan" 2>&1 || fail "dry run: $(cat "$work/plan")"
grep -q "toy: 32 x 32 pixels, 2 layers, width 8, 17 tokens (CLS at 0), 10 classes" "$work/plan" ||
    fail "the plan says: $(cat "$work/plan")"
"$EVALH" info "$work/toy.safetensors" >"$work/info" 2>&1 || fail "info: $(cat "$work/info")"
grep -q "10 classes, 2 spoons" "$work/info" || fail "info says: $(cat "$work/info")"
expect 2 "'attribution' is not defined for" run "$work/toy.ini" --fresh --set explain.methods=attribution
expect 2 "a Toy has no attention to look at" attn "$work/toy.safetensors" "$(find "$work/demo" -name '*.JPEG' | head -n 1)"
finish
