#!/usr/bin/env bash
# The commands, options and files that README and docs name exist, and their Python that reads a
# result file runs on one.
. "$(dirname "$0")/common.sh"
root=$(cd "$(dirname "$0")/../../.." && pwd)
known=$(commands)

# Indented lines that call evalh, by any of its names; continued lines are one.
blocks() {
    sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$1" |
        grep -oE '^    +.*(\$evalh|"\$evalh"|build/harness/evalh|\bevalh) [a-z]+ .*|^    +(\$evalh|build/harness/evalh|evalh) [a-z]+$' |
        sed -nE 's/^ +(.*[ (])?(\$evalh|build\/harness\/evalh|evalh) //p'
}

lines=0
for page in "$root"/README.md "$root"/docs/*.md; do
    while read -r command rest; do
        grep -qx "$command" <<<"$known" || continue # a file's name, or prose in a block
        lines=$((lines + 1))
        help=$("$EVALH" "$command" --help)
        rest=${rest%%#*}
        for word in $rest; do
            case $word in
            --[a-z]*)
                grep -qE -- "(^|[ ,])${word%%=*}([ =,]|\$)" <<<"$help" ||
                    fail "$(basename "$page"): evalh $command has no option $word"
                ;;
            configs/*.ini)
                compgen -G "$root/$(sed 's/\$[a-z]*/*/g; s/{.*}/*/' <<<"$word")" >/dev/null ||
                    fail "$(basename "$page"): there is no $word"
                ;;
            esac
        done
    done < <(blocks "$page")
    for script in $(grep -oE '\./scripts/[a-z_]+\.(sh|py)' "$page" | sort -u); do
        [ -x "$root/$script" ] || fail "$(basename "$page"): there is no $script"
    done
    for link in $(grep -oE '\]\([A-Za-z_/.]+\)' "$page" | tr -d '])('); do
        [ -e "$(dirname "$page")/$link" ] || fail "$(basename "$page"): a link to nothing: $link"
    done
done
[ "$lines" -ge 8 ] || fail "only $lines calls of evalh were found in README and docs"

# The snippet that reads a result file, on a result file.
python=$(command -v /usr/bin/python3 || command -v python3)
if [ -n "$python" ] && "$python" -c 'import h5py' 2>/dev/null; then
    cd "$work" && mkdir results || exit 1
    "$MAKE_MODEL" vim model.safetensors >/dev/null || exit 1
    "$EVALH" run "$root/configs/demo_vim.ini" -s run.output=results/perturb_vim_s.h5 -s run.name=vim \
        -s model.checkpoint=model.safetensors -s data.images=6 -s data.size=40 \
        -s explain.methods=attribution -s task.kind=perturbation >log 2>&1 || { cat log; fail "no result file"; }
    sed -n '/^    import h5py/,/^    print/p' "$root/README.md" | sed 's/^    //' >snippet.py
    [ "$(wc -l <snippet.py)" -ge 4 ] || fail "README has no snippet that reads a result file"
    "$python" snippet.py >got 2>&1 || { cat got; fail "README's snippet fails"; }
    want=$("$EVALH" report results/perturb_vim_s.h5 --format csv --resamples 10 |
        awk -F, '$6 == "attribution" && $7 == "predicted" && $9 == "auc" && $10 == "positive" { print $13; exit }')
    awk -v a="$(cat got)" -v b="$want" 'BEGIN { d = a - b; exit !(b != "" && d < 1e-6 && d > -1e-6) }' ||
        fail "README's snippet says $(cat got), the report '$want'"
else
    echo "SKIPPED: README's snippet: no python3 with h5py (Debian: python3-h5py)"
fi
finish
