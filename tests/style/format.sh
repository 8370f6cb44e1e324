#!/bin/sh
# format.sh ROOT: every file of C is laid out as clang-format does it by .clang-format.
set -u
root=$(cd "$1" && pwd -P) || exit 1
. "$(dirname "$0")/sources.sh"
command -v clang-format >/dev/null || { echo "SKIPPED: clang-format is not installed"; exit 77; }
# Layouts differ from version to version; the tree follows this one (Debian 12).
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || { echo "SKIPPED: clang-format $version; the layout is that of 14"; exit 77; }

# shellcheck disable=SC2046 # no file name has a space in it
bad=$(in_root "clang-format --dry-run -ferror-limit=1" $(sources c h cu cuh cc) 2>&1 |
    sed -n 's/^\([^ :]*\):\([0-9]*\):.*clang-format-violations.*/\1:\2/p' | sort -t: -u -k1,1)
[ -z "$bad" ] || {
    printf '%s\n' "$bad"
    echo "these differ from clang-format's layout, from that line on: clang-format -i FILE"
    exit 1
}
