#!/usr/bin/env bash
# What a run through a worker costs beyond the worker's own forward passes, on a machine with nothing else
# to do: the demo's ViT in PyTorch, 100 pictures, 73 forward passes each, three times.
#
#     scripts/worker_overhead.sh [BUILD]     build: set up with ninja, evalh in it
#
# The worker measures its predictions and explanations itself; all other time of the run (decoding,
# masking, ranking, scoring, storing, the pipe, Python's side of the protocol) is the overhead. Exit code 1
# where the median is above 5 %, or where hits, scores or maps are not those of the native run. Takes two
# minutes on two cores. IMAGES and TIMES change the numbers; PYTHON names a Python with torch.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
EVALH=$(cd "$build" && pwd)/harness/evalh
export EVALH IMAGES="${IMAGES:-100}"
uptime
for _ in $(seq "${TIMES:-3}"); do
    bash "$root/tests/python/demo_vit.sh" | tee /dev/stderr | sed -n 's/^run .*overhead \([0-9.-]*\)%$/\1/p'
done | sort -n | awk -v most=5 '
    { all[NR] = $1 }
    END {
        if (NR == 0) exit 1
        median = all[int((NR + 1) / 2)]
        printf "overhead of the worker: median %.1f %% of %d runs (from %.1f to %.1f); at most %g %% is wanted\n", median, NR, all[1], all[NR], most
        exit median > most
    }'
