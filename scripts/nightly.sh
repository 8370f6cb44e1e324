#!/usr/bin/env bash
# Runs configs, compares the results with a baseline, writes a report, and ends with a line that
# sums it up. Exit code 0: equal to the baseline; 1: numbers or speed differ, or a run failed; 2:
# not run.
#
#   scripts/nightly.sh [CONFIG...]              default: configs/nightly_{vim,vit}.ini
#   scripts/nightly.sh --baseline [CONFIG...]   makes today's results the baseline
#
# From the environment:
#   EVALH      the program (default: the one in BUILD, which is built first)
#   BUILD      build folder (default: build)
#   BASELINE   folder of the baseline's result files (default: results/baseline)
#   OUT        where this night's files go (default: results/runs/nightly-DATE)
#   TOLERANCE  how far maps and probabilities may differ (default 0: bit for bit). A baseline from
#              another kind of CPU needs some; evalh-compare(1) says what it means.
#   SLOWER     how many times the baseline's seconds an image may take (default 1.5)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
baseline=${BASELINE:-results/baseline}
out=${OUT:-results/runs/nightly-$(date +%F)}
new_baseline=
if [ "${1:-}" = --baseline ]; then
    new_baseline=1
    shift
fi
[ $# -gt 0 ] || set -- configs/nightly_vim.ini configs/nightly_vit.ini

day=$(date +%F)
say() {
    echo "nightly $day: $*"
}

mkdir -p "$out" || { say "NOT RUN: cannot create $out"; exit 2; }
if [ -z "${EVALH:-}" ]; then
    EVALH=$build/harness/evalh
    if ! { [ -f "$build/build.ninja" ] || meson setup "$build"; } >"$out/build.log" 2>&1 ||
        ! ninja -C "$build" harness/evalh >>"$out/build.log" 2>&1; then
        say "NOT RUN: the build fails, see $out/build.log"
        exit 2
    fi
fi
version=$("$EVALH" --version) || { say "NOT RUN: $EVALH does not start"; exit 2; }

results=()
equal=()
bad=()
for config in "$@"; do
    name=$(basename "$config" .ini)
    result=$out/$name.h5
    if ! "$EVALH" run --fresh "$config" -s run.output="$result" >"$out/$name.log" 2>&1; then
        bad+=("$name failed: $(grep 'error:' "$out/$name.log" | tail -1)")
        continue
    fi
    results+=("$result")
    if [ -n "$new_baseline" ]; then
        mkdir -p "$baseline" && cp "$result" "$baseline/$name.h5" ||
            bad+=("$name: cannot be copied to $baseline")
    elif [ ! -f "$baseline/$name.h5" ]; then
        bad+=("$name: no $baseline/$name.h5; scripts/nightly.sh --baseline makes it")
    elif "$EVALH" compare --paired --tolerance "${TOLERANCE:-0}" --slower "${SLOWER:-1.5}" \
        "$baseline/$name.h5" "$result" >"$out/$name.compare.md" 2>&1; then
        equal+=("$name")
    else
        bad+=("$name: $(tail -1 "$out/$name.compare.md" | sed 's/^verdict: //')")
    fi
done

if [ ${#results[@]} -gt 0 ]; then
    { "$EVALH" report "${results[@]}" --plots "$out/plots" >"$out/report.md" &&
        "$EVALH" report "${results[@]}" --format html >"$out/report.html"; } 2>"$out/report.log" ||
        bad+=("the report failed, see $out/report.log")
fi

if [ ${#bad[@]} -gt 0 ]; then
    printf -v list '%s; ' "${bad[@]}"
    say "DIFFERS: ${list%; } ($version; $out)"
    exit 1
fi
if [ -n "$new_baseline" ]; then
    say "new baseline in $baseline: $# runs ($version)"
else
    say "equal: ${equal[*]} ($version; $out)"
fi
