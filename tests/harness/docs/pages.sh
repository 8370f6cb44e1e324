#!/usr/bin/env bash
# The help fits a screen; every command, option and key has its place in a man page, and the pages
# are good roff.
. "$(dirname "$0")/common.sh"
# Words may not be broken at the end of a line, or grep would miss them.
export MANWIDTH=200 LC_ALL=C.UTF-8

fits() { # NAME MOST_LINES, text on stdin
    local text lines widest
    text=$(cat)
    lines=$(wc -l <<<"$text")
    widest=$(awk '{ if (length > w) w = length } END { print w }' <<<"$text")
    [ "$lines" -le "$2" ] || fail "$1: $lines lines, more than $2"
    [ "$widest" -le 80 ] || fail "$1: $widest columns, more than 80"
}

fits "evalh --help" 24 < <("$EVALH" --help)
[ "$(commands | wc -l)" -ge 3 ] || fail "evalh --help lists no commands that this test can read"
for command in $(commands); do
    fits "evalh $command --help" 50 < <("$EVALH" "$command" --help)
    page=$DOCS/man1/evalh-$command.1
    [ -s "$page" ] || fail "no page $page"
    grep -q "evalh\\\\-$command" "$DOCS/man1/evalh.1" || fail "evalh.1 does not name $command"
    options=$("$EVALH" "$command" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
    [ -n "$options" ] || fail "evalh $command --help shows no options"
    for option in $options; do
        grep -qF -- "\\fB${option//-/\\-}\\fR" "$page" || fail "evalh-$command.1 lacks $option"
    done
done

# A page says what is true of its command alone: two ways to call it, exit codes of its own.
[ "$(grep -cx '\.B evalh attn' "$DOCS/man1/evalh-attn.1")" -eq 2 ] || fail "evalh-attn.1 does not have two ways to call it"
grep -q "^numbers differ, " "$DOCS/man1/evalh-compare.1" || fail "evalh-compare.1 has the exit codes of others"

keys=$("$EVALH" run --keys | sed -nE 's/^  ([a-z_]+)( =.*| +\(.*)?$/\1/p')
[ "$(wc -l <<<"$keys")" -ge 30 ] || fail "evalh run --keys: too few keys were read"
for key in $keys; do
    grep -qx "\\.B $key" "$DOCS/man5/evalh.ini.5" || fail "evalh.ini.5 lacks the key $key"
done
for name in $("$EVALH" run --methods | sed -nE 's/^  ([a-z_]+) .*/\1/p'); do
    grep -qx "\\.B $name" "$DOCS/man5/evalh.ini.5" || fail "evalh.ini.5 lacks $name"
done

# Configs and baselines that the examples name.
for config in $(grep -ohE '(configs/[a-z_]+\.ini|results/baseline/[a-z_]+\.h5)' "$DOCS"/man1/*.1 | sort -u); do
    [ -f "$(dirname "$0")/../../../$config" ] || fail "an example names $config, which there is not"
done

if command -v groff >/dev/null; then
    for page in "$DOCS"/man1/*.1 "$DOCS"/man5/*.5; do
        said=$(groff -man -Tutf8 -ww -z "$page" 2>&1) || fail "$page: groff fails"
        [ -z "$said" ] || fail "$page: $said"
    done
else
    echo "groff is not installed: the pages' roff was not checked"
fi
finish
