#!/bin/sh
# names.sh ROOT: no identifier or file of the C code is named by a word that says too little, or that the
# field uses for something else; and no struct of a header shares its name with another struct.
set -u
root=$(cd "$1" && pwd -P) || exit 1
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/sources.sh"

# Better: style, picture, panel, key or override, reported, thread, take, select, reason, title.
words='scene|sheet|setting|told|aside|admit|pick|because|subject' # nowhere in an identifier
whole='look'                                                     # as a name of its own

code=$(mktemp)
trap 'rm -f "$code"' EXIT
# shellcheck disable=SC2046 # no file name has a space in it
in_root "awk -v want=code -f $here/c_text.awk" $(sources c h cu cuh) >"$code" || exit 1
capitals=$(echo "$words|$whole" | tr a-z A-Z)
found=$(grep -E "^[^:]*:[0-9]*:.*(^|[^A-Za-z0-9])($words|$capitals)([^A-Za-z0-9]|\$)" "$code"
    grep -E "^[^:]*:[0-9]*:.*(^|[^A-Za-z0-9_])($whole)([^A-Za-z0-9_]|\$)" "$code")
files=$(sources c h cu cuh | grep -E "(^|[/_])($words|$whole)[_.]")
doubles=$(grep -E '^(kernels|model|datasets|harness)/' "$code" |
    sed -nE 's/^([^:]*):([0-9]*):(static |const )*struct ([a-z_0-9]+) \{.*/\4 \1:\2/p' | awk '{
        if (places[$1] != "")
            double[$1] = 1
        places[$1] = places[$1] " " $2
        if ($2 ~ /\.h:/)
            public[$1] = 1
        if ($2 !~ /^kernels\//) # each backend has structs of its own, under the names of the others
            above[$1] = 1
    }
    END {
        for (name in double)
            if (public[name] && above[name])
                print substr(places[name], 2) ": struct " name " is defined more than once"
    }' | sort)
[ -z "$found$files$doubles" ] || {
    printf '%s\n' "$found" "$files" "$doubles" | grep .
    echo "a name says what it names: see the words in tests/style/names.sh"
    exit 1
}
