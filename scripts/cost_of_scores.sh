#!/usr/bin/env bash
# cost_of_scores.sh EVALH [PAIRS] [CONFIG]: what the scores that need no passes of their own (localisation, from
# maps and masks) add to a run of the paper's two tests. Runs both by turns, AB BA AB ..., so that a
# machine that warms up or is shared favours neither; prints wall and processor seconds of each run,
# their medians and ratios. Exit code 1: the wall time's ratio is above 1.05. By default 5 pairs of the demo.
set -eu
evalh=$(realpath "$1")
pairs=${2:-5}
config=$(realpath "${3:-$(dirname "$0")/../configs/demo_vim.ini}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
base=perturbation,segmentation
extra=$base,localisation
TIMEFORMAT='%R %U %S'

one() { # NAME TASKS
    { time "$evalh" run "$config" --fresh -s run.output="$work/x.h5" -s task.kind="$2" >/dev/null 2>"$work/stderr"; } \
        2>"$work/time" || { cat "$work/stderr" >&2; exit 2; }
    awk -v name="$1" '{ printf "%-5s %8.2f s wall, %8.2f s of processors\n", name, $1, $2 + $3 }' "$work/time" |
        tee -a "$work/all"
}

one warm "$base" >/dev/null # the pictures are made, the files are in memory
: >"$work/all"
for ((i = 0; i < pairs; i++)); do
    if ((i % 2 == 0)); then
        one base "$base"
        one extra "$extra"
    else
        one extra "$extra"
        one base "$base"
    fi
done
median() { # NAME COLUMN
    awk -v name="$1" -v at="$2" '$1 == name { print $at }' "$work/all" | sort -n |
        awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
awk -v b="$(median base 2)" -v e="$(median extra 2)" -v bp="$(median base 5)" -v ep="$(median extra 5)" 'BEGIN {
    printf "medians: wall %.2f and %.2f s, %+.1f %%; processors %.2f and %.2f s, %+.1f %%\n",
           b, e, 100 * (e / b - 1), bp, ep, 100 * (ep / bp - 1)
    exit e / b > 1.05 }'
