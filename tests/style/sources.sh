# shellcheck shell=sh
# What every check here reads. Usage: . sources.sh; root=...; sources c h
LC_ALL=C # the same for every awk
export LC_ALL

# sources EXTENSION...: the project's files with one of these extensions, relative to $root, a line
# each: what git tracks or would track, else (an unpacked archive) whatever lies there.
sources() {
    if [ "$(git -C "$root" rev-parse --show-toplevel 2>/dev/null)" = "$root" ]; then
        for extension; do
            git -C "$root" ls-files --cached --others --exclude-standard -- "*.$extension"
        done
    else
        for extension; do
            (cd "$root" && find . -name '.?*' -prune -o -path './build*' -prune -o -path ./shared -prune -o \
                -path ./data -prune -o -type f -name "*.$extension" -print | sed 's|^\./||')
        done
    fi | sort -u | while read -r file; do
        [ ! -f "$root/$file" ] || echo "$file" # not what the index alone still has
    done
}

# in_root COMMAND FILE...: runs it there. Fails where there is no file: a check of nothing is none.
in_root() (
    cd "$root" || exit 1
    command=$1
    shift
    [ $# -gt 0 ] || { echo "no file was found under $root"; exit 1; }
    $command "$@"
)
