#!/usr/bin/env bash
# Everything that wants an NVIDIA GPU, in one go: checkops and the golden tests on cuda and cuda64,
# compute-sanitizer on small cases, the demo on CPU and GPU held to each other, timings. Logs go to
# $OUT (default: results/gpu_check), one table to standard output. Exit code 0: all passed. A GPU that
# is not there is a failure here; `meson test` skips instead.
#
#   scripts/gpu_check.sh                 builds here and runs here (a GPU, nvcc and setup.sh's packages)
#   scripts/gpu_check.sh pack DIR        builds here and packs programs, libraries, data into DIR
#   scripts/gpu_check.sh run DIR         unpacks and runs there: a bare machine with CUDA 13 libraries
#
# For a lent machine without packages and without network: here, in the repository's root,
#     echo /.gpu/ >>.git/info/exclude; scripts/gpu_check.sh pack .gpu
# then run there, naming .gpu among what is carried:  bash scripts/gpu_check.sh run .gpu
# cuBLAS is not packed (it is larger than what may travel): it is looked for in the CUDA toolkit and
# in Python's nvidia packages. BUILD names the build folder, EVALH_SHARED the folder with golden/.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 2
build=${BUILD:-build-gpu}
programs=(harness/evalh tests/checkops/checkops tests/model/golden_models
    tests/model/golden_attention tests/model/golden_perturb tests/model/golden_segmentation)
limit=$((62 * 1024 * 1024)) # of what travels with one call

die() {
    echo "gpu_check.sh: $*" >&2
    exit 2
}

compile() {
    [ -f "$build/build.ninja" ] || meson setup "$build" -Dcuda=enabled || die "meson setup failed"
    ninja -C "$build" "${programs[@]}" || die "the build failed"
}

# Libraries of the programs that another machine may lack: not glibc's, which fit only each other,
# and not NVIDIA's.
libraries() {
    ldd "${programs[@]/#/$build/}" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
        grep -vE '/(libc|libm|libpthread|libdl|librt|libresolv|ld-linux[^/]*)\.so|/libcu[^/]*\.so'
}

pack() {
    local to=$1 stage shared=${EVALH_SHARED:-$top/../shared}
    compile
    stage=$(mktemp -d) || die "no temporary folder"
    mkdir -p "$stage/bin" "$stage/lib" "$stage/shared/golden" "$to"
    for p in "${programs[@]}"; do
        strip -o "$stage/bin/$(basename "$p")" "$build/$p" || die "strip $p"
    done
    for l in $(libraries); do
        strip -o "$stage/lib/$(basename "$l")" "$l" 2>/dev/null || cp -L "$l" "$stage/lib/"
    done
    # full-size checkpoints do not fit: the run leaves their models out, aloud
    [ -d "$shared/golden" ] && find "$shared/golden" -mindepth 1 -maxdepth 1 -size -8000k \
        -exec cp -r {} "$stage/shared/golden/" \;
    tar -C "$stage" -c . | xz -9 -T0 >"$to/gpu.tar.xz" || die "packing failed"
    rm -rf "$stage"
    [ "$(stat -c %s "$to/gpu.tar.xz")" -le $limit ] ||
        die "$to/gpu.tar.xz has $(stat -c %s "$to/gpu.tar.xz") bytes, more than the $limit that travel"
    ls -l "$to/gpu.tar.xz"
}

# Folders with libcublas.so.13 and libcublasLt.so.13.
cublas_folders() {
    find /usr/local /usr/lib /opt -name 'libcublas*.so.13' -printf '%h\n' 2>/dev/null | sort -u |
        paste -sd:
}

names=() verdicts=() notes=()
note() { # NAME VERDICT NOTE
    names+=("$1") verdicts+=("$2") notes+=("$3")
    echo "== $1: $2 $3" >&2
}

# NAME COMMAND...: its last line goes into the table.
step() {
    local name=$1 log=$out/${1//[^a-zA-Z0-9]/_}.log code
    shift
    "$@" >"$log" 2>&1
    code=$?
    case $code in
    0) note "$name" passed "$(tail -1 "$log" | cut -c1-70)" ;;
    77) note "$name" FAILED "skipped: $(grep -m1 SKIPPED "$log" | cut -c1-60)" ;;
    *) note "$name" FAILED "exit $code; $(grep -m1 -iE 'FAIL|error' "$log" | cut -c1-70)" ;;
    esac
    return $code
}

golden() { # TEST BACKEND: all models whose files are here
    local test=$1 backend=$2 model
    [ -f "$EVALH_SHARED/golden/models.h5" ] || {
        note "$test $backend" FAILED "no golden/models.h5 under $EVALH_SHARED"
        return
    }
    for model in "$EVALH_SHARED"/golden/*.pth "$EVALH_SHARED"/golden/*.safetensors; do
        [ -f "$model" ] || continue
        model=$(basename "${model%.*}")
        step "$test $backend $model" "$bin/$test" --backend "$backend" --model "$model" "$top"
    done
}

sanitize() { # TOOL OP BACKEND
    step "$1 $2 $3" compute-sanitizer --tool "$1" --error-exitcode 9 "$bin/checkops" --backend "$3" \
        --op "$2"
}

# The same demo on both devices: records apart by rounding alone.
parity() { # CONFIG PRECISION TOLERANCE
    local config=$1 precision=$2 name device
    name=$(basename "$config" .ini)_$precision
    for device in cpu cuda; do
        step "run $name $device" "$bin/evalh" run --fresh "$config" --set compute.device=$device \
            --set compute.precision="$([ $device = cpu ] && echo fp32 || echo "$precision")" \
            --set run.output="$out/${name}_$device.h5" || return
    done
    "$bin/evalh" compare --paired --slower=1000 --tolerance="$3" "$out/${name}_cpu.h5" \
        "$out/${name}_cuda.h5" >"$out/parity_$name.log" 2>&1
    # hits may differ where two logits are nearly equal: the figures count, not the exit code
    note "parity $name" "see log" "$(grep -iE 'hit|auc' "$out/parity_$name.log" | head -1 | cut -c1-70)"
}

run_all() {
    mkdir -p "$out"
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || die "no GPU"
    for backend in cuda cuda64; do
        step "checkops $backend" "$bin/checkops" --backend $backend
        for test in golden_models golden_attention golden_perturb golden_segmentation; do
            golden $test $backend
        done
    done
    if command -v compute-sanitizer >/dev/null; then
        for op in conv_silu conv_silu_back scan scan_back hidden_row hidden_matrix hidden_identity \
            channel_reduce rmsnorm layernorm linear attention lrp_add row_reduce heat patchify; do
            sanitize memcheck $op cuda
        done
        for op in scan scan_back hidden_matrix channel_reduce hidden_identity lrp_add heat; do
            sanitize racecheck $op cuda
        done
    else
        note compute-sanitizer FAILED "not installed"
    fi
    parity configs/demo_vim.ini fp32 1e-3
    parity configs/demo_vit.ini fp32 1e-3
    parity configs/demo_vim.ini bf16 1
    parity configs/demo_vit.ini bf16 1
    step "bench operations" "$bin/checkops" --backend cuda --bench
    if "$bin/evalh" bench --help >/dev/null 2>&1; then
        step "bench models" "$bin/evalh" bench --set compute.device=cuda
    else
        note "bench models" "not run" "this evalh has no bench command"
    fi
}

table() {
    local failed=0 i
    printf '\n%-44s %-8s %s\n' check verdict note
    for i in "${!names[@]}"; do
        printf '%-44s %-8s %s\n' "${names[$i]}" "${verdicts[$i]}" "${notes[$i]}"
        [ "${verdicts[$i]}" = FAILED ] && failed=$((failed + 1))
    done
    cat "$out"/bench_operations.log 2>/dev/null
    echo "gpu_check.sh: ${#names[@]} checks, $failed failed; logs in $out"
    [ $failed -eq 0 ]
}

out=${OUT:-results/gpu_check}
case ${1:-} in
pack)
    pack "${2:?gpu_check.sh pack DIR}"
    exit
    ;;
run)
    unpacked=$(mktemp -d) || die "no temporary folder"
    tar -C "$unpacked" -xJf "${2:?gpu_check.sh run DIR}/gpu.tar.xz" || die "no $2/gpu.tar.xz"
    bin=$unpacked/bin
    export EVALH_SHARED=$unpacked/shared
    cublas=$(cublas_folders)
    [ -n "$cublas" ] || die "no libcublas.so.13 under /usr/local, /usr/lib, /opt"
    export LD_LIBRARY_PATH=$unpacked/lib:$cublas${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    ;;
"")
    compile
    bin=$(mktemp -d)
    for p in "${programs[@]}"; do ln -s "$(realpath "$build/$p")" "$bin/"; done
    export EVALH_SHARED=${EVALH_SHARED:-$top/../shared}
    ;;
*) die "usage: gpu_check.sh [pack DIR | run DIR]" ;;
esac
run_all
table
