#!/bin/bash
# headers.sh ROOT BUILD: every header of kernels/, model/, datasets/ and harness/ compiles alone, with
# the include paths that BUILD gives to a file of its own folder. Headers of the CUDA engine are C++:
# they are compiled where the emulated device is built, else left out, aloud.
set -u
root=$(cd "$1" && pwd -P) || exit 1
build=$(cd "$2" && pwd -P) || exit 1
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/sources.sh"
commands=$build/compile_commands.json
[ -f "$commands" ] || { echo "SKIPPED: $commands is missing (a build by ninja writes it)"; exit 77; }

# Lines "FOLDER COMPILER OPTION...", each kind once, in the order of the build.
table=$(awk -F'"' -v build="$build" '
    { gsub(/\\"/, "") }
    $2 == "command" {
        n = split($4, word, " ")
        command = ""
        options = 0
        for (i = 1; i <= n; i++) {
            options = options || word[i] ~ /^-/
            if (!options || word[i] ~ /^-(I|D|std|m|fopenmp|pthread)/ && word[i] !~ /[\\'"'"']/)
                command = command " " word[i]
            if (word[i] == "-isystem")
                command = command " " word[i] " " word[i + 1]
        }
    }
    $2 == "file" {
        folder = $4 ~ /^\// ? $4 : build "/" $4
        sub(/\/[^\/]*$/, "", folder)
        while (folder ~ /\/[^\/.]+\/\.\.(\/|$)/) # "build/../harness" is "harness"
            sub(/\/[^\/.]+\/\.\./, "", folder)
        if (!((folder command) in seen))
            print folder command
        seen[folder command] = 1
    }' "$commands")

# alone HEADER FOLDER LANGUAGE: whether it compiles as a file of that folder would. 2: nothing is
# compiled there. The compiler's words are in $said.
alone() {
    local line found=2
    while read -r line; do
        [ "${line%% *}" = "$2" ] || continue
        found=1
        # shellcheck disable=SC2086 # a command line
        said=$(cd "$build" && printf '#include "%s"\n' "$root/$1" |
            ${line#* } -w -fsyntax-only -fno-diagnostics-show-caret -x "$3" - 2>&1) && return 0
    done <<<"$table"
    return $found
}

checked=0
bad=0
left_out=
for header in $(sources h cuh | grep -E '^(kernels|model|datasets|harness)/'); do
    language=c
    folder=$root/$(dirname "$header")
    case $header in
    kernels/cuda/*)
        language=c++
        folder=$build/tests/kernels/cuda_emulated
        ;;
    esac
    said=
    alone "$header" "$folder" $language
    result=$?
    while [ $result = 2 ] && [ $language = c ] && [ "$folder" != "$root" ]; do # headers only
        folder=$(dirname "$folder")
        alone "$header" "$folder" $language
        result=$?
    done
    case $result in
    0) checked=$((checked + 1)) ;;
    1)
        echo "$header does not compile alone:"
        printf '%s\n' "$said" | grep -m 3 -i error
        bad=1
        ;;
    *) left_out="$left_out $header" ;;
    esac
done
[ -z "$left_out" ] || echo "SKIPPED, as this build compiles nothing like them:$left_out"
echo "$checked headers compile alone"
[ "$checked" -gt 0 ] || exit 1
exit $bad
