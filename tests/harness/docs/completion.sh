#!/usr/bin/env bash
# What the completion offers behind the cursor, when it is asked as bash asks it.
. "$(dirname "$0")/common.sh"
. "$DOCS/completions/evalh" || exit 1

# offers LINE WORDS: with the cursor at the end of LINE, exactly WORDS (sorted) are offered.
offers() {
    local COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS COMP_CWORD got
    local COMPREPLY=()
    read -ra COMP_WORDS <<<"$1"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _evalh
    got=$(printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort | tr '\n' ' ')
    [ "${got% }" = "$2" ] || fail "'$1' offers '${got% }', not '$2'"
}

# includes LINE WORD: WORD is one of what is offered.
includes() {
    local COMP_LINE=$1 COMP_POINT=${#1}
    local COMPREPLY=()
    _evalh
    printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | grep -qxF -- "$2" ||
        fail "'$1' does not offer '$2', but: ${COMPREPLY[*]-}"
}

for command in $(commands); do
    includes "evalh " "$command"
    includes "evalh $command -" --help
done
offers "evalh resc" "rescore"
offers "evalh run --dr" "--dry-run"
offers "evalh run -s run.pro" "run.protocol="
offers "evalh run --set run.protocol=" "paper released"
offers "evalh run --set=run.protocol=re" "released"
offers "evalh run -n -s explain.methods=ro" "rollout"
offers "evalh run -s explain.methods=raw,ro" "raw,rollout"
offers "evalh run -s task.directions=negative,p" "negative,positive"
offers "evalh run -l " ""
offers "evalh run -s explain.discard=" ""

offers "evalh run -s explain.ties=" "index random reverse"
offers "evalh explain -m rollo" "rollout"
offers "evalh explain --methods=raw,ro" "raw,rollout"
offers "evalh bench --method attri" "attribution"
offers "evalh bench vim_sm" "vim_small vim_small_s8"
offers "evalh bench -d c" "cpu cuda"

cd "$work" && mkdir -p folder && touch a.ini b.h5 folder/c.ini || exit 1
offers "evalh run " "a.ini folder"
offers "evalh run a.ini folder/" "folder/c.ini"
offers "evalh report " "a.ini b.h5 folder"
offers "evalh report b.h5 --plots " "folder"
offers "evalh report --plots=f" "folder"
offers "evalh report --format h" "html"
offers "evalh report -f l" "latex"
offers "evalh rescore --format=" "csv md"
offers "evalh explain --class=" "predicted target"
offers "evalh run -s model.checkpoint=b" "b.h5"

if command -v zsh >/dev/null; then
    zsh -n "$DOCS/site-functions/_evalh" || fail "zsh does not read _evalh"
else
    echo "zsh is not installed: its completion was not checked"
fi
finish
