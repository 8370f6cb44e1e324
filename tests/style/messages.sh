#!/bin/sh
# messages.sh ROOT: no text that a user sees cites a section of the specification: string literals of
# C, configs, README.md and the documents (the specification itself left out).
set -u
root=$(cd "$1" && pwd -P) || exit 1
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/sources.sh"

documents() {
    sources ini in | grep -E '^(configs|results)/'
    sources md | grep -E '^(README|CHANGELOG|docs/|results/|model/)' | grep -v '^docs/spec'
}

# shellcheck disable=SC2046 # no file name has a space in it
cited=$({
    in_root "awk -v want=strings -f $here/c_text.awk" $(sources c h cu cuh cc)
    in_root 'grep -Hn ^' $(documents)
} | awk '{
        text = $0
        sub(/^[^:]*:[0-9]*:/, "", text)
        if (text ~ /(^|[^A-Za-z_])SPEC([^A-Za-z_]|$)|(SCORES|METHODS|FAMILIES) [0-9A-J]/ ||
            text ~ /(^|[^A-Za-z])[Ss]ections? [0-9]|\302\247/)
            print
    }
    END { if (NR < 2) print "nothing was read" }')
[ -z "$cited" ] || {
    printf '%s\n' "$cited"
    echo "texts for users say the thing itself; only comments cite sections"
    exit 1
}
