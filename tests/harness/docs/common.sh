# shellcheck shell=bash
# Sourced by the tests of this folder. $EVALH: the program; $DOCS: what evalh-docs wrote.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# The commands, as the program lists them.
commands() {
    "$EVALH" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | grep -vx evalh
}

finish() {
    [ "$failures" -eq 0 ] || echo "$failures failed"
    [ "$failures" -eq 0 ]
    exit
}
