#!/usr/bin/env bash
# evalh bench prints a row for every method that is asked for, controls too, and names one that it
# refuses.
. "$(dirname "$0")/../../end_to_end/common.sh"
quick=("$work/vit.safetensors" --repeats 1 --batch 1 --threads 1)
for method in random attribution; do
    "$EVALH" bench "${quick[@]}" --heads 2 --method "$method" >"$work/stdout" 2>"$work/stderr" ||
        fail "bench --method $method: $(cat "$work/stderr")"
    grep -q "^| $method | fp32 | [0-9]" "$work/stdout" ||
        fail "bench has no row for $method: $(cat "$work/stdout")"
    echo "ok: a row for $method"
done
for precision in double "auto (mixed)"; do
    grep -qF "| attribution | $precision | " "$work/stdout" ||
        fail "attribution in $precision is not measured"
done
[ "$(grep "^| attribution | " "$work/stdout" | tail -1 | cut -d'|' -f3)" = " auto (mixed) " ] ||
    fail "the run's precision is not the last row"
expect 2 "mambalrp: is not defined for a vit; methods that are: raw" bench "${quick[@]}" --heads 2 \
    --method mambalrp
expect 2 "--heads (model.heads in a config): " bench "${quick[@]}" --heads 5
expect 2 "5 does not divide the width 24" bench "${quick[@]}" --heads 5
finish
