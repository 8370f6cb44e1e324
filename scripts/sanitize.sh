#!/usr/bin/env bash
# Builds with a compiler's sanitizers, runs every test, and counts what they reported; exit 1 if that
# is anything, or if a test failed.
#   sanitize.sh address [ARGUMENT...]   gcc: addresses, leaks, undefined behaviour
#   sanitize.sh thread [ARGUMENT...]    clang: data races. What gcc's OpenMP orders the sanitizer does
#                                       not know; LLVM's tells it through its tool Archer
# ARGUMENTs go to meson test (--suite model). BUILD names the build folder (default: build-address,
# build-thread), CC and CXX other compilers. Reports are written to files, not left to a program's
# stderr, which many tests read themselves or throw away.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-}
tests=$PWD/tests/sanitizers
link=()

die() {
    echo "sanitize.sh: $*" >&2
    exit 1
}

case $what in
    address)
        flags=address,undefined
        export CC=${CC:-gcc} CXX=${CXX:-g++}
        plants=(overflow undefined leak)
        # gcc's two libraries share the settings of report files only where both are linked into one
        # program; clang does that anyway.
        "$CC" --version | grep -q clang || link=(-static-libasan -static-libubsan)
        ;;
    thread)
        flags=thread
        export CC=${CC:-clang} CXX=${CXX:-clang++}
        plants=(race)
        ;;
    *) die "usage: sanitize.sh address|thread [ARGUMENT of meson test...]" ;;
esac
shift
build=${BUILD:-build-$what}

# Some tests run evalh as nobody.
reports=$(mktemp -d)
chmod 1777 "$reports"
trap 'rmdir "$reports" 2>/dev/null || echo "the reports are in $reports"' EXIT
common=log_path=$reports/report:exitcode=99
export ASAN_OPTIONS=$common:detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=$common:halt_on_error=1:print_stacktrace=1
if [ "$what" = thread ]; then
    # oneDNN, OpenBLAS, HDF5 and MPI are not compiled with the sanitizer and would be misjudged.
    export TSAN_OPTIONS=$common:ignore_noninstrumented_modules=1:second_deadlock_stack=1
    # Else every program starts with a file of 512 KiB, which the tests of full disks do not allow.
    unset TMPDIR
    export TEST_TMPDIR=/nonexistent
fi
export OMP_WAIT_POLICY=passive
# Programs with one thread have no races.
[ "$(nproc)" -gt 1 ] || export OMP_NUM_THREADS=2

found() {
    find "$reports" -name 'report*' -size +0 | wc -l
}

# Checks that the sanitizer reports planted mistakes, and nothing else.
planted=$reports/planted
"$CC" -std=gnu17 -O1 -g -fopenmp -fsanitize="$flags" ${link[@]+"${link[@]}"} -o "$planted" \
    "$tests/planted.c"
for plant in "${plants[@]}" order; do
    # OpenMP's waiting through the kernel would show the sanitizer some of its order.
    OMP_WAIT_POLICY=active "$planted" "$plant" >/dev/null 2>&1 || true
    n=$(found)
    [ "$plant" = order ] || [ "$n" -eq 1 ] || die "a planted mistake ($plant) is not reported"
    [ "$plant" != order ] || [ "$n" -eq 0 ] || [ "$what" = address ] ||
        die "what OpenMP orders is taken for a race: no Archer (libarcher.so; Debian: libomp-dev)?"
    rm -f "$reports"/report*
done
rm "$planted"
echo "planted mistakes are reported: ${plants[*]}"

[ -f "$build/build.ninja" ] || meson setup "$build" -Db_sanitize="$flags" -Db_lundef=false \
    -Dcuda=disabled -Dc_link_args="${link[*]-}" -Dcpp_link_args="${link[*]-}"
ninja -C "$build"

start=$SECONDS code=0
meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 "$@" || code=$?

log=$build/meson-logs/testlog
count() {
    grep -cE "\"result\": \"($1)\"" "$log.json" || true
}
total=$(wc -l <"$log.json")
passed=$(count 'OK|EXPECTEDFAIL')
skipped=$(count 'SKIP|IGNORED')
findings=$(found)
# Reports that went to stderr although they should have gone to a file.
stray=$(grep -cE '(ERROR|WARNING): (Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ' \
    "$log.txt" || true)

echo
if grep -qE 'SKIPPED' "$log.txt"; then
    echo "left out by the tests, with the reason:"
    grep -hoE 'SKIPPED.*' "$log.txt" | sort | uniq -c
fi
if [ "$findings" -gt 0 ]; then
    echo "found:"
    grep -hoE '^SUMMARY: .*|[^ ]*: runtime error: .*' "$reports"/report* | sort | uniq -c
fi
printf '%-10s %6s %7s %8s %7s %9s %8s\n' sanitizer tests passed skipped failed findings seconds
printf '%-10s %6d %7d %8d %7d %9d %8d\n' "$what" "$total" "$passed" "$skipped" \
    $((total - passed - skipped)) $((findings + stray)) $((SECONDS - start))
[ $((findings + stray)) -eq 0 ] && [ "$code" -eq 0 ]
