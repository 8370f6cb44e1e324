#!/usr/bin/env bash
# cost_of_passes.sh EVALH CHECKPOINT TASK METHODS CONFIG [N]: what a task that explains again (randomisation,
# robustness) costs beside the passes that it plans. Measured: the seconds of 2N images less those of N, so
# that the start of the program cancels (N, by default 8, is also the batch). Planned: the explanations and
# forward passes that --dry-run prints, each at what `evalh bench` takes for it just before and after. Prints
# both, and how much is above the passes; exit code 1 where that is above 5 %.
set -eu
evalh=$(realpath "$1")
model=$2 task=$3 methods=$4 config=$(realpath "$5") n=${6:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() { # IMAGES [OPTION...]
    local images=$1
    shift
    "$evalh" run "$config" --fresh -s model.checkpoint="$model" -s task.kind="$task" \
        -s explain.methods="$methods" -s explain.class=predicted -s compute.batch="$n" \
        -s run.limit="$images" -s run.output="$work/x.h5" "$@" >"$work/stdout" 2>"$work/stderr" ||
        { cat "$work/stderr" >&2; exit 2; }
}
seconds() { # IMAGES
    local from=$EPOCHREALTIME
    run "$1"
    awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
# Milliseconds of a forward pass and of an explanation in the precision that a run takes.
bench() {
    "$evalh" bench -b "$n" -r 3 --method="${methods//,/+}" "$model" | awk -F'|' '
        $2 ~ /^ forward/ { forward = $3 }
        $3 ~ /^ fp32 / && !auto { explain = $4 }
        $3 ~ /auto/ { explain = $4; auto = 1 }
        END { print forward + 0, explain + 0 }'
}

run "$n" --dry-run
plan=$(sed -n 's/.*at most \([0-9]*\) forward passes and \([a-z0-9]*\) explanations* an image.*/\1 \2/p' \
    "$work/stdout" "$work/stderr" | head -1)
read -r passes explanations <<<"${plan/one/1}"
[ -n "$passes" ] && [ "$explanations" -gt 1 ] || { echo "$task plans no explanations: $plan" >&2; exit 2; }

bench >"$work/bench"
few=$(seconds "$n") many=$(seconds $((2 * n)))
bench >>"$work/bench"
awk -v passes="$passes" -v explanations="$explanations" -v few="$few" -v many="$many" -v n="$n" -v task="$task" '
    { forward += $1 / 2; explain += $2 / 2 }
    END { planned = (passes * forward + explanations * explain) / 1000; took = (many - few) / n
          printf "%s: %d explanations of %.1f ms and %d passes of %.1f ms: planned %.2f s an image, took %.2f s: %+.1f %%\n",
                 task, explanations, explain, passes, forward, planned, took, 100 * (took / planned - 1)
          exit took / planned > 1.05 }' "$work/bench"
