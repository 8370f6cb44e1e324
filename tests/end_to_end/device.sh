#!/usr/bin/env bash
# The device that a run takes, and its messages when the GPU or its memory fails, tested on the
# emulated GPU.
. "$(dirname "$0")/common.sh"
export EVALH_EMULATED=
small=(--set data.images=5 --set explain.methods=raw,rollout)

for model in vim vit; do
    write_config "$work/$model.ini" $model
    expect 0 "5 images in" run "$work/$model.ini" "${small[@]}" --set run.output="$work/cpu.h5"
    expect 0 "engine     cuda" run "$work/$model.ini" "${small[@]}" --set compute.device=cuda \
        --set run.output="$work/cuda.h5"
    "$EVALH" compare --paired --slower=100000 --tolerance=1e-3 "$work/cpu.h5" "$work/cuda.h5" \
        >"$work/compared" 2>&1 || fail "$model: cpu and cuda differ: $(cat "$work/compared")"
    expect 0 "bf16" run "$work/$model.ini" "${small[@]}" --set compute.device=cuda \
        --set compute.precision=bf16 --set run.output="$work/bf16.h5"
    if ! "$PYTHON" -c 'import h5py' 2>/dev/null; then
        echo "SKIPPED: judging bf16 (python3-h5py is not installed)"
    elif ! "$PYTHON" "$(dirname "$0")/../../scripts/gpu_parity.py" "$work/cpu.h5" "$work/bf16.h5" --hits 95 \
        --auc 5 >"$work/compared" 2>&1; then
        fail "$model: cpu and bf16 differ: $(cat "$work/compared")"
    fi
    rm "$work/cpu.h5" "$work/cuda.h5" "$work/bf16.h5"
done
# Pixels that are filled in from those around, where the images are.
linear=(--set data.images=2 --set explain.methods=raw --set task.kind=perturbation --set task.fill=linear --set task.steps=2)
for device in cpu cuda; do
    expect 0 "engine     $device" run "$work/vim.ini" "${linear[@]}" --set compute.device=$device \
        --set run.output="$work/linear-$device.h5"
done
"$EVALH" compare --slower=100000 --tolerance=1e-3 "$work/linear-cpu.h5" "$work/linear-cuda.h5" >"$work/compared" ||
    fail "linear: cpu and cuda differ: $(cat "$work/compared")"

c=$work/vim.ini
silent() { # TEXT: the last command did not print it
    ! grep -qF -- "$1" "$work/stderr" || fail "says '$1': $(cat "$work/stderr")"
}

# auto: the GPU; the CPU without a word where there is none; with a word where it fails.
expect 0 "engine     cuda" run "$c" "${small[@]}" --set compute.device=auto --fresh
EVALH_EMULATED=devices=0 expect 0 "engine     cpu" run "$c" "${small[@]}" \
    --set compute.device=auto --fresh
silent "compute.device"
EVALH_EMULATED=memory=1 expect 0 "device auto: GPU 0: " run "$c" "${small[@]}" \
    --set compute.device=auto --fresh
grep -q "engine     cpu" "$work/stderr" || fail "auto does not go on with the CPU"

# Shards hold several batches on a GPU, as many as serve a CPU on that, and what was asked for.
expect 0 "in shards of 256 images" run "$c" "${small[@]}" --set compute.device=cuda \
    --set run.shard_size=auto --fresh
expect 0 "in shards of 8 images" run "$c" "${small[@]}" --set compute.device=cuda \
    --set run.shard_size=auto --set compute.batch=2 --fresh
expect 0 "in shards of 32 images" run "$c" "${small[@]}" --set run.shard_size=auto --fresh
expect 0 "in shards of 3 images" run "$c" "${small[@]}" --set compute.device=cuda \
    --set run.shard_size=3 --fresh

# Which kernels computed is stored and shown; a run does not go on with others, and compare names
# those that differ.
kernels=(--set data.images=2 --set explain.methods=raw --set compute.device=cuda)
expect 0 "2 images in" run "$c" "${kernels[@]}" --set run.output="$work/first.h5"
EVALH_KERNELS=norm=any expect 2 "was made with another EVALH_KERNELS (kernels differs)" run "$c" \
    "${kernels[@]}" --set run.output="$work/first.h5"
EVALH_KERNELS=norm=any expect 0 "with kernels norm=any" run "$c" "${kernels[@]}" --set run.output="$work/other.h5"
"$EVALH" info "$work/other.h5" | grep -q "kernels .*scan=pair,.*norm=any" || fail "info does not name the kernels"
"$EVALH" compare --slower=100000 --tolerance=1e-3 "$work/first.h5" "$work/other.h5" >"$work/compared" ||
    fail "kernels differ in more than rounding: $(cat "$work/compared")"
grep -qx -- "- kernels: norm=row | norm=any" "$work/compared" ||
    fail "compare does not name the kernels that differ: $(cat "$work/compared")"

# cuda: an error without a GPU, and when something fails in the middle of a run.
EVALH_EMULATED=devices=0 expect 2 "no usable NVIDIA GPU" run "$c" "${small[@]}" \
    --set compute.device=cuda --fresh
EVALH_EMULATED=launch=60 expect 1 "unspecified launch failure" run "$c" "${small[@]}" \
    --set compute.device=cuda --fresh

# Too little memory: the batch is halved once; then comes an error that says what would fit. The
# test searches the smallest memory with which a run of each batch succeeds, so that no number is
# typed here.
fits() { # MIB BATCH
    EVALH_EMULATED=memory=$1 "$EVALH" run "$c" "${small[@]}" --set data.images=13 --fresh \
        --set compute.device=cuda --set compute.batch="$2" >"$work/stdout" 2>"$work/stderr"
}
low=2 high=256
while [ $((high - low)) -gt 1 ]; do
    middle=$(((low + high) / 2))
    if fits $middle 64 && ! grep -q "half of compute.batch" "$work/stderr"; then
        high=$middle
    else
        low=$middle
    fi
done
fits $((high - 1)) 64 || fail "half of the batch is not tried: $(cat "$work/stderr")"
grep -q "going on with half of compute.batch, 32" "$work/stderr" || fail "the halving is not told: $(cat "$work/stderr")"
grep -q "13 images in" "$work/stderr" || fail "the halved run is not whole"
fits 80 4096 && fail "4096 images fit into 80 MiB"
grep -qE "error: .*compute.batch = [0-9]+ would fit into the [0-9]+ of 80 MiB" "$work/stderr" ||
    fail "does not say what would fit: $(cat "$work/stderr")"
finish
