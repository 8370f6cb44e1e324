#!/bin/sh
# layout.sh ROOT columns: no line of C over 100 columns.
# layout.sh ROOT sizes: no file of C over 450 lines, no function body over 60. A body is what stands
# between a { and a } in column 0, as .clang-format lays it out.
set -u
root=$(cd "$1" && pwd -P) || exit 1
. "$(dirname "$0")/sources.sh"

# shellcheck disable=SC2046 # no file name has a space in it
in_root "awk -v check=$2 -f $(cd "$(dirname "$0")" && pwd -P)/layout.awk" \
    $(sources c h cu cuh cc)
