#!/usr/bin/env bash
# How long a forward pass takes beside other work: `evalh bench` alone, then beside as many busy
# processes as there are cores, then alone again (which says whether the machine was quiet).
#   bench_busy.sh [EVALH] [MODEL] [BATCH]
set -euo pipefail
evalh=${1:-build/harness/evalh} model=${2:-deit_small} batch=${3:-1}
busy=()
trap '[ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null' EXIT

forward() { # milliseconds an image, median
    "$evalh" bench "$model" --batch "$batch" --repeats 9 --forward-only |
        awk -F'|' '$2 ~ /^ forward / { print $3 + 0 }'
}

before=$(forward)
for _ in $(seq "$(nproc)"); do
    (while :; do :; done) &
    busy+=($!)
done
beside=$(forward)
kill "${busy[@]}"
wait "${busy[@]}" 2>/dev/null || true
busy=()
after=$(forward)
awk -v a="$before" -v b="$beside" -v c="$after" -v m="$model" -v n="$batch" -v k="$(nproc)" 'BEGIN {
    alone = a < c ? a : c
    printf "%s, batch %d: alone %.1f and %.1f ms an image, beside %d busy processes %.1f: %.2f times\n",
        m, n, a, c, k, b, b / alone }'
