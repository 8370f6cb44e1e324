#!/usr/bin/env bash
# bf16 forward passes against fp32 ones, on the demo's trained models: AUC within 0.3 points, pixel
# accuracy within 0.2, and a different hit on no more than 5 % of the pictures in either direction.
#
# One hit more or less moves the AUC of N pictures by 10/N points, and on 500 pictures 0.1 to 0.16 %
# of the hits were others. By chance alone the AUC of 100 pictures is then off by 0.1 (one standard
# deviation: 10 sqrt(0.016/N), 0.13 for the larger share), and 0.3 would judge three pictures' luck.
# Of 200 pictures it takes a net of seven hits, 3.4 standard deviations.
. "$(dirname "$0")/common.sh"
pictures=200
top=$(cd "$(dirname "$0")/../.." && pwd)

# run_with PRECISION CONFIG
run_with() {
    (cd "$top" && "$EVALH" run "configs/$2.ini" -s run.output="$work/$2_$1.h5" -s data.path="$work/data" \
        -s data.images=$pictures -s explain.methods=attribution -s explain.class=predicted -s compute.precision="$1" \
        -s compute.device=cpu) >"$work/log" 2>&1 || { fail "$2 in $1" && cat "$work/log"; }
}

# figures FILE: name and value of the scores, a line each
figures() {
    "$EVALH" report -f csv --resamples=10 "$1" | awk -F, '$8 == "all" && ($9 == "auc" || $9 == "pixel_accuracy") {
        print $9 $10, $13 }'
}

for config in demo_vim demo_vit; do
    run_with fp32 "$config"
    run_with bf16 "$config"
    if grep -q 'computing in fp32' "$work/log"; then
        echo "SKIPPED: this CPU has no bf16"
        exit 77
    fi
    paste -d' ' <(figures "$work/${config}_fp32.h5") <(figures "$work/${config}_bf16.h5") >"$work/figures"
    cat "$work/figures"
    awk -v config="$config" 'function off(x) { return x < 0 ? -x : x }
        $1 != $3 || off($2 - $4) > ($1 == "pixel_accuracy" ? 0.2 : 0.3) + 1e-9 { bad = 1 }
        END { exit bad || NR != 3 }' "$work/figures" || fail "$config: scores move too far in bf16"
    "$EVALH" compare "$work/${config}_fp32.h5" "$work/${config}_bf16.h5" >"$work/differences"
    if awk -F'|' -v most=$((pictures / 20)) '$2 ~ /\/hit / && $3 + 0 > most { bad = 1 } END { exit bad }' \
        "$work/differences"; then
        echo "ok: $config in bf16"
    else
        fail "$config: hits differ on more than 5 % of the pictures" && cat "$work/differences"
    fi
    # otherwise nothing was compared: bf16 moves every probability a little
    grep -q '/prob ' "$work/differences" || fail "$config: bf16 gives the very bits of fp32"
done
finish
