#!/usr/bin/env bash
# Registers, stack and spills of every CUDA kernel, as ptxas reports them: a table of kernels that
# have a stack frame or spill, and of the largest others. Needs nvcc, no GPU.
#   scripts/gpu_registers.sh [ARCH...]     default: 80 90
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for arch in "${@:-80 90}"; do
    for a in $arch; do
        for source in "$top"/kernels/cuda/*.cu; do
            flags=()
            [ "$(basename "$source")" = heat.cu ] && flags=(-fmad=false)
            "$nvcc" -std=c++17 -O3 -DEVALH_CUDA -I"$top/kernels" -I"$top/kernels/base" "${flags[@]}" \
                -gencode="arch=compute_$a,code=sm_$a" -Xptxas -v -cubin -o "$work/x.cubin" "$source" \
                2>"$work/log" || { cat "$work/log" >&2; exit 1; }
            # "Compiling entry function 'NAME'", "N bytes stack frame, N bytes spill stores, ...", "Used N registers"
            c++filt <"$work/log" | awk -v arch="$a" -v file="$(basename "$source")" '
                /Compiling entry function/ { split($0, part, "\047"); name = part[2] }
                /bytes stack frame/ { stack = $1; stores = $5; loads = $9 }
                /Used [0-9]+ registers/ {
                    for (i = 1; i <= NF; i++) if ($i == "Used") used = $(i + 1)
                    printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", arch, file, used, stack, stores, loads, name
                }'
        done
    done
done >"$work/all"
echo "kernels with a stack frame or spills (sm, file, registers, stack, spill stores, spill loads, kernel):"
awk -F'\t' '$4 > 0 || $5 > 0 || $6 > 0' "$work/all" | grep -v 'cub::' || echo "  none"
echo "the most registers of those without:"
awk -F'\t' '$4 == 0 && $5 == 0 && $6 == 0' "$work/all" | grep -v 'cub::' | sort -t$'\t' -k3,3nr | head -12
echo "$(grep -vc 'cub::' "$work/all") kernels, $(awk -F'\t' '$5 > 0 || $6 > 0' "$work/all" | grep -vc 'cub::') of them spill"
