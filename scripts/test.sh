#!/usr/bin/env bash
# Sets up, builds, runs all tests. The last line says how many passed, failed and were skipped;
# exit 1 if any failed. BUILD names the build folder (default: build).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

./scripts/setup.sh
[ -f "$build/build.ninja" ] || meson setup "$build"
ninja -C "$build"

code=0
meson test -C "$build" --no-rebuild --print-errorlogs "$@" || code=$?

# One JSON object a line, one line a test.
log=$build/meson-logs/testlog.json
count() {
    grep -cE "\"result\": \"($1)\"" "$log" || true
}
passed=$(count 'OK|EXPECTEDFAIL')
skipped=$(count 'SKIP|IGNORED')
total=$(wc -l <"$log")
failed=$((total - passed - skipped))
# The reasons of skipped tests: the first words of their output, with their number.
grep -E '"result": "(SKIP|IGNORED)"' "$log" | grep -oE 'SKIPPED[^:]*: [^\\":;(]*' |
    sed 's/^SKIPPED: //; s/ *$//' | sort | uniq -c | sort -rn | sed 's/^ *\([0-9]*\) /skipped, \1: /' || true
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$code" -eq 0 ]
