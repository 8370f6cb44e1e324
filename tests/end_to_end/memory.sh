#!/usr/bin/env bash
# compute.memory and compute.batch = auto on the emulated GPU: what the plan states is what is taken,
# results are the same bits whatever is allowed, and what is too little is told with what would do.
. "$(dirname "$0")/common.sh"
export EVALH_EMULATED=
short=(--set task.kind=perturbation --set task.steps=2 --set compute.device=cuda)
run=("${short[@]}" --set explain.methods=raw,attribution --set compute.batch=6 --set data.images=8)

# The figure before "MiB NAME" of the plan, or the one it is "of".
planned() {
    sed -n "s/^  memory .* \([0-9.]*\) MiB $1.*/\1/p" "$work/stderr"
}

for model in vim vit; do
    write_config "$work/$model.ini" $model
    expect 0 "  memory " run "$work/$model.ini" "${run[@]}" --set run.output="$work/free.h5"
    grep -q "explained at a time" "$work/stderr" && fail "$model: explained in parts though memory is there"
    # room for all but half of the explanations
    some=$(awk -v w="$(planned weights)" -v a="$(planned activations)" -v m="$(planned 'images and maps')" \
        -v e="$(planned explanations)" 'BEGIN { printf "%.1f", w + a + m + e * 0.6 }')
    expect 0 "explained at a time" run "$work/$model.ini" "${run[@]}" --set run.output="$work/tight.h5" \
        --set compute.memory="$some"
    awk -v w="$(planned weights)" -v a="$(planned activations)" -v m="$(planned 'images and maps')" \
        -v e="$(planned explanations)" -v of="$some" 'BEGIN { exit !(w + a + m + e <= of + 0.2 && e > 0) }' ||
        fail "$model: more is planned than compute.memory: $(grep '^  memory' "$work/stderr")"
    "$SAME" "$work/free.h5" "$work/tight.h5" >"$work/compared" || fail "$model: other bits: $(cat "$work/compared")"
    "$EVALH" info "$work/tight.h5" | grep -q "batch .*6; [1-5] explained at a time" || fail "$model: info says no batch"
    # what is too little says what would do, and that does
    expect 2 "should be at least" run "$work/$model.ini" "${run[@]}" --set compute.memory=0.1 --fresh
    least=$(sed -n 's/.*should be at least \([0-9.]*\).*/\1/p' "$work/stderr")
    expect 0 " explained at a time" run "$work/$model.ini" "${run[@]}" --set run.output="$work/least.h5" \
        --set compute.memory="$least"
    "$SAME" "$work/free.h5" "$work/least.h5" >"$work/compared" || fail "$model: other bits: $(cat "$work/compared")"
    expect 2 "should be at least $least" run "$work/$model.ini" "${run[@]}" --dry-run --fresh \
        --set compute.memory="$(awk -v m="$least" 'BEGIN { print m - 0.1 }')"
    rm "$work"/*.h5
done

# auto: half of the memory for passes, the rest for explanations; several batches to a run; on a CPU
# what serves its threads. Nobody's wish is followed at any price: the smallest that explains one image.
auto=(--fresh "${short[@]}" --set explain.methods=raw,attribution --set run.output="$work/auto.h5")
c=$work/vit.ini
plans() { # TEXT ARGUMENT...: the plan says TEXT
    local text=$1
    shift
    "$EVALH" run "$c" --dry-run "${auto[@]}" "$@" >"$work/stdout" 2>&1
    grep -qF -- "$text" "$work/stdout" || fail "$*: the plan does not say '$text': $(cat "$work/stdout")"
}
plans "batch 64 (as many as leave several batches to the run)" --set data.images=13
plans "batch 128 (as many as leave several batches to the run)" --set data.images=600
plans "batch 512 (rates hardly rise beyond it)" --set data.images=5000
plans "(the most whose passes and maps fit into half of the memory)" --set data.images=5000 --set compute.memory=20
plans "should be at least" --set compute.memory=0.1
least=$(sed -n 's/.*should be at least \([0-9.]*\).*/\1/p' "$work/stdout")
plans "batch 1 " --set compute.memory="$least"
plans "batch 8 (enough for few threads)" --set compute.device=cpu --set compute.threads=2
plans "compute.memory" --set compute.device=cpu --set compute.memory=0.1
plans "compute.memory" --set compute.memory=some
# The summary and the file say what it was.
expect 0 "2 images in" run "$c" --fresh "${short[@]}" --set data.images=2 --set explain.methods=raw
grep -q "^  batch 64 (as many as" "$work/stdout" || fail "the summary has no batch: $(cat "$work/stdout")"
# A model that is explained again with fresh weights is in memory beside the run's.
expect 0 "2 images in" run "$c" --fresh --set compute.device=cuda --set data.images=2 --set explain.methods=raw \
    --set task.kind=randomisation --set run.output="$work/all.h5"
expect 2 "should be at least" run "$c" --fresh --set compute.device=cuda --set data.images=2 --set explain.methods=raw \
    --set task.kind=randomisation --set run.output="$work/some.h5" --set compute.memory=0.1 --set compute.batch=2
least=$(sed -n 's/.*should be at least \([0-9.]*\).*/\1/p' "$work/stderr")
expect 0 "2 images in" run "$c" --fresh --set compute.device=cuda --set data.images=2 --set explain.methods=raw \
    --set task.kind=randomisation --set run.output="$work/some.h5" --set compute.memory="$least" --set compute.batch=2
"$SAME" "$work/all.h5" "$work/some.h5" >"$work/compared" || fail "randomisation: other bits: $(cat "$work/compared")"
finish
