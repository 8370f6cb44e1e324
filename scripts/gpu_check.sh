#!/usr/bin/env bash
# Every check that needs an NVIDIA GPU, in two parts of at most five minutes, each figure compared with its bound:
#   right   checkops and the golden tests on cuda and cuda64, passes as CUDA graphs, copies (tests);
#           compute-sanitizer on every operation and on replayed graphs (sanitize); the same perturbation
#           run of the 200 photographs on CPU and GPU (parity). Nothing is timed, so the checks of a part run
#           side by side.
#   fast    forward passes beside PyTorch's, the scan beside its floor, attention (speed); each kernel of
#           which there are two (kernels/cuda/choice.h), the newer beside the older (kernels); explanations in
#           forward passes (explain); 5,000 images through the whole test (perturbation). One after the other.
# Bounds stand in one table, `bounds` below: the least that is asked, what is aimed at, and what no such
# GPU can exceed: a figure beyond that is implausible, and fails. `costs` has what every step is predicted to
# take, `list` the sums. Logs go to $OUT (default: results/gpu_check), one table to standard output. Exit code 0: all passed. A GPU that is
# not there is a failure here; `meson test` skips instead.
#
#   scripts/gpu_check.sh [here [STAGE...]]     builds here and runs here (a GPU, nvcc, setup.sh's packages)
#   scripts/gpu_check.sh pack DIR              builds here and packs programs, libraries, data into DIR
#   scripts/gpu_check.sh run DIR [STAGE...]    unpacks and runs there: a bare machine with CUDA 13 libraries
#   scripts/gpu_check.sh list                  what would be checked, and the bounds; needs no GPU
#
# Stages: right, fast, or one by one tests sanitize parity speed kernels explain perturbation; without one, all
# of them. Python with h5py and PyTorch is $PYTHON, else python3.
# For a lent machine without packages and without network: here, in the repository's root,
#     echo /.gpu/ >>.git/info/exclude; scripts/gpu_check.sh pack .gpu
# then run there, naming .gpu among what is carried:  bash scripts/gpu_check.sh run .gpu right   (and: fast)
# cuBLAS is not packed (it is larger than what may travel): it is looked for in the CUDA toolkit and
# in Python's nvidia packages. BUILD names the build folder, EVALH_SHARED the folder with golden/, BIN one
# with programs that are there: then nothing is built.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 2
build=${BUILD:-build-gpu}
programs=(harness/evalh tests/kernels/checkops/checkops tests/model/golden_models
    tests/model/golden_attention tests/model/golden_perturb tests/model/golden_segmentation
    tests/model/test_graphs tests/kernels/cuda/test_copies)
python=${PYTHON:-python3}
limit=$((64 * 1024 * 1024)) # of what travels with one call: the tree's files and what is packed

die() {
    echo "gpu_check.sh: $*" >&2
    exit 2
}

compile() {
    [ -f "$build/build.ninja" ] || meson setup "$build" -Dcuda=enabled -Dmpi=disabled || die "meson setup failed"
    ninja -C "$build" "${programs[@]}" || die "the build failed"
}

# The programs' libraries that another machine may lack, except those of glibc, which only fit each
# other, and NVIDIA's.
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
    # 31 MB of character tables, which libarchive's libxml2 needs; no test reads XML
    if [ -f "$stage/lib/libicudata.so.72" ]; then
        echo 'const char icudt72_dat[64];' | cc -shared -fPIC -x c - \
            -Wl,-soname,libicudata.so.72 -o "$stage/lib/libicudata.so.72" || die "libicudata"
    fi
    # full-size checkpoints do not fit; the run reports that their models are left out
    [ -d "$shared/golden" ] && find "$shared/golden" -mindepth 1 -maxdepth 1 -size -8000k \
        -exec cp -r {} "$stage/shared/golden/" \;
    [ -d "$shared/imagenet-samples" ] && cp -r "$shared/imagenet-samples" "$stage/shared/"
    # one thread and a long memory: every program holds the same kernels
    tar -C "$stage" -c . | xz -T1 --x86 --lzma2=preset=9e,dict=64MiB >"$to/gpu.tar.xz" ||
        die "packing failed"
    rm -rf "$stage"
    local size tree
    size=$(stat -c %s "$to/gpu.tar.xz")
    tree=$(git ls-files -z | du -cb --files0-from=- | tail -1 | cut -f1)
    [ $((size + tree)) -le $limit ] ||
        die "$to/gpu.tar.xz has $size bytes and the tree $tree, more than the $limit that travel"
    ls -l "$to/gpu.tar.xz"
}

# Folders with libcublas.so.13 and libcublasLt.so.13.
cublas_folders() {
    find /usr/local /usr/lib /opt -name 'libcublas*.so.13' -printf '%h\n' 2>/dev/null | sort -u |
        paste -sd:
}

# NAME|DIRECTION|LEAST|AIM|WHAT: measured on an H100 before (docs/gpu.md) and what is asked of it.
bounds='deit_bf16|>=|1.3|1.5|DeiT-S forward, bf16, over torch.compile
vim_bf16|>=|11000|12500|Vim-S forward, bf16, images/s
vim_fp32|>=|4500|5500|Vim-S forward, fp32, images/s
scan|>=|55|65|scan, % of the floor of its exponentials
attention|<=|0.24|0.17|attention of 512 images, a layer, ms
explain_deit|<=|22|18|DeiT-S raw + rollout + attribution, forward passes
explain_vim|<=|5|4|Vim-S raw + rollout + attribution, forward passes
table_deit|<=|2.6|2.0|Table 1, DeiT-S half, minutes
table_vim|<=|4.8|4.0|Table 1, Vim-S half, minutes
graphs|>=|98|100|passes as CUDA graphs, % of single launches'

# What an H100 cannot exceed: NAME LIMIT. 989 TFLOP/s in bf16, 3.35 TB/s (an H200: 4.8), 132 multiprocessors
# of 16 exponentials a clock at 1.98 GHz. DeiT-S: 12 blocks of 197 tokens, width 384, MLP 1536; Vim-S: 24
# layers with 2 scans of 197 x 768 x 16 exponentials. Three methods need a forward and a backward pass at
# least, and a backward pass has a forward pass's products; passes are counted in forward passes of bf16.
limits() {
    awk 'BEGIN {
        flops = 989e12; bytes = 4.8e12; exps = 16 * 132 * 1.98e9
        len = 197; width = 384; mlp = 1536; inner = 768; state = 16
        block = 2 * len * (4 * width * width + 2 * width * mlp) + 4 * len * len * width
        deit = flops / (12 * block)
        vim = exps / (24 * 2 * len * inner * state)
        printf "deit_images %.0f\nvim_bf16 %.0f\nvim_fp32 %.0f\n", deit, vim, vim
        printf "scan 100\n"
        printf "attention %.4f\n", 512 * len * 4 * width * 2 / bytes * 1e3
        printf "explain_deit 2\nexplain_vim 2\n"
        printf "table_deit %.3f\ntable_vim %.3f\n", 50000 * 55 / deit / 60, 50000 * 55 / vim / 60
    }'
}

# STEP|SECONDS|WHY: predicted on an H100. The stages of `right` run side by side, those of `fast` one after
# the other. A bench of forward passes: 2 s to start, 1 to write its model, 1 to measure ceilings, 1 of passes.
costs='tests|150|2 backends: 44 programs of 2 to 5 s, most of it the start
sanitize|240|58 runs, 8 at a time, 30 s each under racecheck
parity|200|8 runs of 200 photographs; the two on the CPU of 16 cores take most
speed batches|30|3 batches of 2 models, 5 s each
speed graphs|32|2 batches of 2 models, with and without, 4 s each
speed fp32|5|a bench
speed PyTorch|60|torch.compile 30 s, 3 batches of 8 s
speed cuDNN|20|start of PyTorch, 2 s of products
kernels|60|6 benches of the other kernels, 6 of what they are beside
explain|24|2 models, 12 s each
perturbation|56|5,000 images: 16 s and 29 s at the floors of Table 1; starts'

# Choices of kernels whose time is compared: the words of EVALH_KERNELS (the first choice before the other),
# the model that it is measured with, and in which precision.
choices='scan|pair|single|vim_small|bf16
conv|pair|single|vim_small|bf16
norm|row|any|deit_small|bf16
attention|head|tiles|deit_small|bf16
gelu|kernel|epilogue|deit_small|bf16
products|split|plain|vim_small|fp32'

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

# The log and the exit code of what ran in the background as NAME.
background_result() { # NAME
    cat "$out/$1.background"
    return "$(cat "$out/$1.code" || echo 1)"
}

sanitize() { # TOOL OP BACKEND, in the background
    compute-sanitizer --tool "$1" --error-exitcode 9 "$bin/checkops" --backend "$3" --op "$2" \
        >"$out/$1_$2.background" 2>&1
    echo $? >"$out/$1_$2.code"
}

# ---- the same run on the CPU and on the GPU, judged (issue 5, done 2) ----

# NAME LIST ROOT CHECKPOINT HEADS METHODS DEVICE PRECISION OUTPUT: the perturbation test of listed photographs.
# A shard is more than a batch: the next batch is loaded ahead within a shard, and a batch ends with it.
perturb() {
    printf '%s\n' "[run]" "name = $1" "output = $9" "shard_size = ${SHARD:-32}" "[model]" \
        "checkpoint = $4" "heads = $5" "[data]" "kind = imagenet_list" "path = $2" "root = $3" \
        "[explain]" "methods = $6" "class = predicted" "[task]" "kind = perturbation" "[compute]" \
        "device = $7" "precision = $8" "batch = ${BATCH:-auto}" >"${9%.h5}.ini"
    "$bin/evalh" run --fresh "${9%.h5}.ini"
}

# Labels: what the model itself says of each photograph (a random or a demo model knows no true one), so
# that a hit is a class that stayed; the true labels where real weights are at hand.
own_labels() { # NAME CHECKPOINT HEADS LIST
    sed 's/ [0-9]*$/ 0/' "$photos/labels.txt" >"$out/unlabelled.txt"
    perturb "$1-labels" "$out/unlabelled.txt" "$photos" "$2" "$3" center cuda fp32 "$out/labels.h5" &&
        $python - "$out/labels.h5" >"$4" <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    for name, label in zip(f["images/id"][()], f["images/predicted"][()]):
        print(name.decode().rstrip("\0"), label)
END
}

parity_of() { # NAME CHECKPOINT HEADS LIST
    step "parity $1: run on the CPU" perturb "$1" "$4" "$photos" "$2" "$3" \
        raw,rollout,attribution cpu fp32 "$out/$1_cpu.h5" || return
    local precision
    for precision in fp32 bf16; do
        step "parity $1: run in $precision" perturb "$1" "$4" "$photos" "$2" "$3" \
            raw,rollout,attribution cuda $precision "$out/$1_$precision.h5" || continue
        step "parity $1 $precision" $python scripts/gpu_parity.py "$out/$1_cpu.h5" \
            "$out/$1_$precision.h5" --hits "$([ $precision = fp32 ] && echo 99.9 || echo 99)" \
            --auc "$([ $precision = fp32 ] && echo 0.05 || echo 0.3)"
    done
}

check_parity() {
    local name found heads
    for name in vim vit; do
        heads=$([ $name = vit ] && awk '$1 == "heads" { print $3 }' configs/demo_vit.ini || echo auto)
        step "labels by ${name}_demo" own_labels ${name}_demo model/demo/${name}_demo.safetensors \
            "$heads" "$out/${name}_demo.txt" &&
            parity_of ${name}_demo model/demo/${name}_demo.safetensors "$heads" "$out/${name}_demo.txt"
    done
    for name in vim_s_midclstok_80p5acc deit_small_patch16_224-cd65a155; do
        found=$(ls "${EVALH_WEIGHTS:-/nowhere}/$name".* 2>/dev/null | head -1)
        if [ -n "$found" ]; then
            parity_of $name "$found" auto "$photos/labels.txt"
        else
            note "parity $name" "not run" "no published weights: EVALH_WEIGHTS names their folder"
        fi
    done
}

# ---- speed (done 3 and 4) ----

# The figure after "| forward |" of a bench's log: images a second.
forward_rate() {
    awk -F'|' '$2 ~ /^ forward / { gsub(/ /, "", $6); print $6 }' "$1"
}

# Whether VALUE is on the good side of BOUND.
reaches() { # VALUE DIRECTION BOUND
    awk -v v="${1:-}" -v b="$3" -v d="$2" \
        'BEGIN { exit !(v + 0 > 0 && (d == ">=" ? v + 0 >= b + 0 : v + 0 <= b + 0)) }'
}

# The figure beside its row of `bounds`, and what none can exceed. A figure beyond that means that the
# measurement is wrong, and is no pass.
judge() { # NAME VALUE NOTE
    local row direction bound aim what limit verdict=FAILED
    row=$(grep "^$1|" <<<"$bounds") || die "no bound named $1"
    IFS='|' read -r _ direction bound aim what <<<"$row"
    limit=$(limits | awk -v name="$1" '$1 == name { print $2 }')
    if [ -n "$limit" ] && [ "${2:-0}" != "$limit" ] && reaches "${2:-}" "$direction" "$limit"; then
        note "$what" FAILED "$2: implausible, the GPU's own limit is $limit; $3"
        return
    fi
    reaches "${2:-}" "$direction" "$bound" && verdict=passed
    note "$what" $verdict "${2:-no figure} ($direction $bound, aim $aim) $3"
}

# Times forward passes in bf16 at several batches; sets best_rate and best_batch and keeps the logs.
bench_model() { # MODEL
    local batch rate
    best_rate=0 best_batch=0
    for batch in 128 256 512; do
        "$bin/evalh" bench "$1" --device cuda --precision bf16 --batch $batch --forward-only \
            --save "$out/$1.safetensors" >"$out/bench_$1_$batch.log" 2>&1 || continue
        rate=$(forward_rate "$out/bench_$1_$batch.log")
        echo "  $1 batch $batch: $rate images/s" >&2
        awk -v a="${rate:-0}" -v b="$best_rate" 'BEGIN { exit !(a > b) }' &&
            best_rate=$rate best_batch=$batch
    done
}

# Compares graphs with single launches for one image and the best batch. Graphs must not be slower.
bench_graphs() { # MODEL
    local batch log rate
    for batch in 1 "$best_batch"; do
        [ "$batch" -gt 0 ] || continue
        rate=()
        for with in "" --no-graphs; do
            log=$out/graphs_$1_$batch$with.log
            "$bin/evalh" bench "$1" --device cuda --precision bf16 --batch "$batch" --forward-only \
                --repeats 21 $with >"$log" 2>&1
            rate+=("$(forward_rate "$log")")
        done
        log=$out/graphs_$1_$batch.log
        if grep -q "passes launched as one" "$log"; then
            judge graphs \
                "$(awk -v a="${rate[0]:-0}" -v b="${rate[1]:-0}" \
                    'BEGIN { if (b > 0) printf "%.1f", 100 * a / b }')" \
                "$1, batch $batch: ${rate[0]} and ${rate[1]} images/s"
        else
            note "$1 graphs, batch $batch" FAILED "$(grep -m1 -E 'CUDA graphs|error' "$log" | cut -c1-70)"
        fi
    done
}

# Times cuDNN beside what the engine uses instead. Where it wins, a person decides; that is no
# failure.
bench_cudnn() {
    local own
    own=$(awk -F'|' '$2 ~ /^ attention / { print $5 / $4 }' "$out/bench_deit_small_$best_batch.log")
    step "cuDNN beside the engine" $python scripts/bench_cudnn_gpu.py "$best_batch" \
        ${own:+--attention "$own"}
}

# Vim's scan beside its floors (kernels/cuda/scan.cu): exponentials 2 n L E N at 16 a clock and
# multiprocessor; bytes: u of both directions, z, out in bf16, xdbl of both in float, once each.
scan_share() { # LOG BATCH
    local clock sm
    clock=$(nvidia-smi --query-gpu=clocks.max.sm --format=csv,noheader,nounits | head -1)
    sm=$($python -c 'import torch; print(torch.cuda.get_device_properties(0).multi_processor_count)')
    awk -F'|' -v n="$2" -v clock="$clock" -v sm="$sm" '
        /GB\/s \(copy/ { split($0, part, ", "); bytes = part[2] + 0 }
        $2 ~ /^ scan / {
            ms = $5 / $4
            exps = 2 * n * 197 * 768 * 16 / (16.0 * sm * clock * 1e6) * 1e3
            moved = n * 197 * (768 * 4 * 2 + 2 * 56 * 4) / (bytes * 1e9) * 1e3
            printf "%.1f\n", 100 * (exps > moved ? exps : moved) / ms
            printf "scan %.3f ms a layer; floors: exponentials %.3f, bytes %.3f ms\n", ms, exps, moved
        }' "$1"
}

# One bench of forward passes: its log.
bench_forward() { # MODEL BATCH PRECISION LOG
    "$bin/evalh" bench "$1" --device cuda --precision "$3" --batch "$2" --forward-only >"$4" 2>&1
}

# Milliseconds a call of an operation, of a bench's log.
operation_ms() { # OPERATION LOG
    awk -F'|' -v op=" $1 " '$2 == op { printf "%.4f", $5 / $4 }' "$2"
}

check_speed() {
    local model torch_rate share log
    for model in deit_small vim_small; do
        bench_model $model
        bench_graphs $model
        echo "$best_rate $best_batch" >"$out/rate_$model"
    done
    judge vim_bf16 "$best_rate" "batch $best_batch"
    share=$(scan_share "$out/bench_vim_small_$best_batch.log" "$best_batch")
    judge scan "$(head -1 <<<"$share")" "$(tail -1 <<<"$share")"
    log=$out/bench_vim_small_fp32.log
    bench_forward vim_small 256 fp32 "$log"
    judge vim_fp32 "$(forward_rate "$log")" "batch 256"
    read -r best_rate best_batch <"$out/rate_deit_small"
    step "PyTorch deit_small" $python scripts/bench_torch_gpu.py deit_small
    torch_rate=$(awk '$1 == "images/s" { print $2 }' "$out/PyTorch_deit_small.log" 2>/dev/null)
    judge_deit "$best_rate" "$torch_rate"
    judge attention "$(operation_ms attention "$out/bench_deit_small_512.log")" "evalh bench"
    bench_cudnn
}

# The rate beside PyTorch's, both of which the GPU limits.
judge_deit() { # RATE PYTORCH'S
    local limit beside="$1 images/s, PyTorch ${2:-none}"
    limit=$(limits | awk '$1 == "deit_images" { print $2 }')
    if reaches "$1" ">=" "$limit"; then
        note "DeiT-S forward, bf16, over torch.compile" FAILED \
            "$1 images/s: implausible, the GPU's own limit is $limit"
    else
        judge deit_bf16 "$(awk -v a="${1:-0}" -v b="${2:-0}" 'BEGIN { if (b > 0) printf "%.3f", a / b }')" "$beside"
    fi
}

# Every kernel of which there are two, in turns on the same card: the first choices, then with each of
# the others in its place, then the first choices again. The better of both must win over each. A kernel
# that does not is named with the word of EVALH_KERNELS that takes the other one.
check_kernels() {
    local name newer older model precision of base rate verdict
    for of in $(cut -d'|' -f4,5 <<<"$choices" | sort -u); do
        IFS='|' read -r model precision <<<"$of"
        base=$(kernels_rate "$model" "$precision" first "")
        rate=()
        while IFS='|' read -r name newer older _ _; do
            rate+=("$name|$newer|$older|$(kernels_rate "$model" "$precision" "$name" "$name=$older")")
        done < <(grep -F "|$of" <<<"$choices")
        base+=" $(kernels_rate "$model" "$precision" last "")"
        for verdict in "${rate[@]}"; do
            IFS='|' read -r name newer older rate <<<"$verdict"
            judge_kernel
        done
    done
}

kernels_rate() { # MODEL PRECISION NAME CHOICE
    EVALH_KERNELS=$4 bench_forward "$1" 256 "$2" "$out/kernel_$1_$2_$3.log"
    forward_rate "$out/kernel_$1_$2_$3.log"
}

# gelu alone is not settled by its time: what it does to hits decides, and a person.
judge_kernel() {
    local verdict=FAILED advice="; take EVALH_KERNELS=$name=$older"
    if awk -v base="$base" -v b="${rate:-0}" \
        'BEGIN { split(base, r, " "); exit !(b + 0 > 0 && (r[1] > r[2] ? r[1] : r[2]) + 0 > b + 0) }'; then
        verdict=passed advice=
    elif [ "$name" = gelu ] && [ -n "${rate/#0/}" ] && [ -n "${base// /}" ]; then
        verdict=passed advice="; $older is faster: it becomes the first choice where parity with it passes"
    fi
    note "kernel $name: $newer over $older" $verdict \
        "$model $precision: $base against ${rate:-?} images/s$advice"
}

# Explanations, in forward passes: the last of the rows that hold all three methods is the run's precision.
check_explain() {
    local model log
    for model in deit_small vim_small; do
        log=$out/explain_$model.log
        "$bin/evalh" bench $model --device cuda --precision bf16 --batch 128 --repeats 3 \
            --method raw+rollout+attribution >"$log" 2>&1
        judge "explain_${model%_small}" \
            "$(awk -F'|' '$2 ~ /raw . rollout . attribution/ { gsub(/ /, "", $5); x = $5 } END { print x }' "$log")" \
            "batch 128"
    done
}

# The whole test on 5,000 photographs beside the forward passes alone; 55 passes an image (three
# methods, two directions, nine steps, and the whole image).
check_perturbation() {
    local model rate batch figures list=$out/repeated.txt root=$out/repeated i
    mkdir -p "$root"
    for i in $(seq 25); do
        ln -sfn "$(realpath "$photos")" "$root/r$i"
        sed "s,^,r$i/," "$photos/labels.txt"
    done >"$list"
    for model in deit_small vim_small; do
        read -r rate batch 2>/dev/null <"$out/rate_$model" || {
            note "perturbation $model" FAILED "no forward rate: run the stage speed first"
            continue
        }
        BATCH=$batch SHARD=2560 step "perturbation $model, 5,000 images" perturb "$model" "$list" "$root" \
            "$out/$model.safetensors" auto raw,rollout,attribution cuda bf16 "$out/p_$model.h5" || continue
        figures=$($python - "$out/p_$model.h5" "$rate" <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    a = f.attrs
    images, seconds = len(f["images/id"]), float(a["seconds"])
rate = 55 * images / seconds
print(f"{100 * rate / float(sys.argv[2]):.1f}")
print(f"{seconds / images * 50000 / 60:.2f}")
print(f"{rate:.0f} passes/s")
END
        )
        judge "table_${model%_small}" "$(sed -n 2p <<<"$figures")" \
            "$(head -1 <<<"$figures") % of the forward rate, $(tail -1 <<<"$figures")"
    done
}

check_tests() {
    for backend in cuda cuda64; do
        step "checkops $backend" "$bin/checkops" --backend $backend
        for test in golden_models golden_attention golden_perturb golden_segmentation; do
            golden $test $backend
        done
    done
    step "passes as CUDA graphs" "$bin/test_graphs"
    step "copies" "$bin/test_copies" cuda cuda64
}

check_sanitize() {
    if ! command -v compute-sanitizer >/dev/null; then
        note compute-sanitizer FAILED "not installed"
        return
    fi
    local op tool
    for op in $("$bin/checkops" --list); do # one by one they would not fit into a command's 10 minutes
        for tool in memcheck racecheck; do
            while [ "$(jobs -pr | wc -l)" -ge 8 ]; do wait -n; done
            sanitize $tool "$op" cuda &
        done
    done
    wait
    for op in $("$bin/checkops" --list); do
        for tool in memcheck racecheck; do
            step "$tool $op cuda" background_result "${tool}_$op"
        done
    done
    step "memcheck graphs" compute-sanitizer --tool memcheck --error-exitcode 9 "$bin/test_graphs"
}

stages_of() { # STAGE...: `right` and `fast` spelt out
    local stage
    for stage in "$@"; do
        case $stage in
        right) echo tests sanitize parity ;;
        fast) echo speed kernels explain perturbation ;;
        *) echo "$stage" ;;
        esac
    done
}

# A stage by itself, what it noted in a file: stages that time nothing run side by side.
beside() { # STAGE
    names=() verdicts=() notes=()
    check_"$1"
    local i
    for i in "${!names[@]}"; do
        printf '%s\t%s\t%s\n' "${names[$i]}" "${verdicts[$i]}" "${notes[$i]}"
    done >"$out/$1.notes"
}

take_notes() { # STAGE
    local name verdict text
    while IFS=$'\t' read -r name verdict text; do
        names+=("$name") verdicts+=("$verdict") notes+=("$text")
    done <"$out/$1.notes"
}

run_all() { # STAGE...
    local stage
    mkdir -p "$out"
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader ||
        die "no NVIDIA GPU here (nvidia-smi fails): nothing was checked"
    [ -d "$photos/val" ] || note photographs FAILED "no imagenet-samples under $EVALH_SHARED"
    for stage in "$@"; do
        case $stage in
        tests | sanitize | parity) beside "$stage" & ;;
        speed | kernels | explain | perturbation) ;;
        *) die "no stage '$stage': right (tests sanitize parity), fast (speed kernels explain perturbation)" ;;
        esac
    done
    wait
    for stage in "$@"; do
        case $stage in
        tests | sanitize | parity) take_notes "$stage" ;;
        *) check_"$stage" ;;
        esac
    done
}

list() {
    local name what seconds why direction bound aim newer older model precision
    echo "right: tests sanitize parity; fast: speed kernels explain perturbation"
    while IFS='|' read -r _ direction bound aim what; do
        printf '%-56s %s %s (aim %s)\n' "$what" "$direction" "$bound" "$aim"
    done <<<"$bounds"
    while IFS='|' read -r name newer older model precision; do
        printf 'kernel %-49s %s %s: %s over %s\n' "$name" "$model" "$precision" "$newer" "$older"
    done <<<"$choices"
    while IFS='|' read -r name seconds why; do
        printf 'predicted %-20s %4d s  %s\n' "$name" "$seconds" "$why"
    done <<<"$costs"
    awk -F'|' '$1 ~ /^(tests|sanitize|parity)$/ { if ($2 > right) right = $2; next } { fast += $2 }
        END { printf "predicted: right %d s, fast %d s, of 300 each\n", right, fast }' <<<"$costs"
}

table() {
    local failed=0 i
    printf '\n%-44s %-8s %s\n' check verdict note
    for i in "${!names[@]}"; do
        printf '%-44s %-8s %s\n' "${names[$i]}" "${verdicts[$i]}" "${notes[$i]}"
        [ "${verdicts[$i]}" = FAILED ] && failed=$((failed + 1))
    done
    echo "gpu_check.sh: ${#names[@]} checks, $failed failed; logs in $out"
    [ $failed -eq 0 ]
}

out=${OUT:-results/gpu_check} back=
PATH=$PATH:/usr/local/cuda/bin # compute-sanitizer's
case ${1:-} in
list)
    list
    exit
    ;;
pack)
    pack "${2:?gpu_check.sh pack DIR}"
    exit
    ;;
run)
    command -v nvidia-smi >/dev/null || die "no NVIDIA GPU here (no nvidia-smi): nothing was checked"
    unpacked=$(mktemp -d) || die "no temporary folder"
    tar -C "$unpacked" -xJf "${2:?gpu_check.sh run DIR}/gpu.tar.xz" || die "no $2/gpu.tar.xz"
    bin=$unpacked/bin
    export EVALH_SHARED=$unpacked/shared
    cublas=$(cublas_folders)
    [ -n "$cublas" ] || die "no libcublas.so.13 under /usr/local, /usr/lib, /opt"
    python="env LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-} $python" # it brings its own libraries
    export LD_LIBRARY_PATH=$unpacked/lib:$cublas${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    # $OUT is empty at every call there and takes a few files; what stages hand on lies in a folder that
    # git ignores and that the machine keeps, the logs go back as one file.
    back=${OUT:-} out=build-gpu-check
    ;;
"" | here)
    bin=${BIN:-}
    if [ -z "$bin" ]; then
        compile
        bin=$(mktemp -d)
        for p in "${programs[@]}"; do ln -s "$(realpath "$build/$p")" "$bin/"; done
    fi
    export EVALH_SHARED=${EVALH_SHARED:-$top/../shared}
    ;;
*) die "usage: gpu_check.sh [here [STAGE...] | pack DIR | run DIR [STAGE...] | list]" ;;
esac
photos=$EVALH_SHARED/imagenet-samples
stages=("${@:$([ "${1:-}" = run ] && echo 3 || echo 2)}")
[ ${#stages[@]} -gt 0 ] || stages=(right fast)
read -ra stages <<<"$(stages_of "${stages[@]}" | paste -sd' ')"
run_all "${stages[@]}"
table
code=$?
[ -z "$back" ] || find "$out" -name '*.log' -printf '%P\0' | tar -C "$out" --null -T - -czf "$back/gpu_check.tgz"
exit $code
