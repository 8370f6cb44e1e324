#!/bin/sh
# citations.sh ROOT: every "SPEC n[.m]" in the sources, and every "section n[.m]" in the specification
# itself, is the number of one of its headings; no heading has another's number.
set -u
root=$(cd "$1" && pwd -P) || exit 1
. "$(dirname "$0")/sources.sh"

spec=$(cd "$root" && ls docs/spec.md docs/spec/*.md 2>/dev/null)
[ -n "$spec" ] || { echo "docs/spec.md is missing"; exit 1; }

# shellcheck disable=SC2046,SC2086 # no file name has a space in it
in_root "awk -f $(cd "$(dirname "$0")" && pwd -P)/citations.awk" $spec \
    $(sources c h cu cuh cc build awk sh py ini in)
