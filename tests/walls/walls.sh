#!/usr/bin/env bash
# An include that runs upward does not compile. For every room: a file that includes one of the
# room's own headers compiles with the room's flags, and one that includes a header of a room above
# does not, for want of that header alone.
#   walls.sh BUILD: a build folder; its compile_commands.json says which paths a room sees
set -euo pipefail
build=$1
commands=$build/compile_commands.json
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -f "$commands" ] || { echo "SKIPPED: walls: $commands is not there"; exit 77; }

# One of its files, a header that it may see, a header that lies above it.
rooms='
kernels/base/status.c             status.h           backend.h
kernels/base/status.c             log.h              model.h
kernels/backend.c                 backend.h          model.h
model/checkpoint/checkpoint.c     checkpoint.h       arch.h
model/options/explain_options.c   explain_options.h  explain.h
model/arch/net.c                  arch.h             sweep.h
model/explain/explain.c           sweep.h            vim.h
model/vim/vim.c                   vim.h              vit.h
model/vit/vit.c                   vit.h              config.h
datasets/codecs/image.c           image.h            dataset.h
datasets/common/files.c           image_list.h       tar_index.h
datasets/imagenet/imagenet_tar.c  tar_index.h        demo.h
datasets/dataset.c                dataset.h          config.h
harness/config/config.c           config.h           metrics.h
harness/scores/metrics.c          metrics.h          config.h
harness/ranks/ranks.c             ranks.h            store.h
harness/store/store.c             store.h            result.h
harness/results/result.c          result.h           inference.h
harness/maps/map_file.c           map_file.h         engine.h
harness/engine/inference.c        inference.h        plan.h
harness/run/plan.c                plan.h             gnuplot.h
harness/figures/gnuplot.c         gnuplot.h          format.h
harness/report/format_md.c        format.h           command.h
harness/commands/run_command.c    command.h          docs.h
'

# The compiler and the -I, -D and -std flags that FILE is compiled with.
flags_of() {
    awk -v file="$1" '
        /"command":/ { command = $0 }
        /"file":/ && index($0, "/" file "\"") { print command; exit }' "$commands" |
        grep -oE '(-I|-isystem |-D|-std=)[^ "\\]+' | tr '\n' ' '
}

failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}
compiles() { # FLAGS HEADER
    printf '#include "%s"\n' "$2" >"$work/probe.c"
    # shellcheck disable=SC2086  # flags are words
    (cd "$build" && ${CC:-cc} $1 -fsyntax-only "$work/probe.c") 2>"$work/said"
}

count=0
while read -r file own above; do
    [ -n "$file" ] || continue
    count=$((count + 1))
    flags=$(flags_of "$file")
    [ -n "$flags" ] || { fail "$file is not compiled: its room has another name now"; continue; }
    compiles "$flags" "$own" || fail "$(dirname "$file") does not see $own, which is below it: $(cat "$work/said")"
    [ -n "$(cd "$source" && find kernels model datasets harness -name "$above" -print -quit)" ] ||
        fail "there is no $above any more: another header should stand for what lies above"
    if compiles "$flags" "$above"; then
        fail "$(dirname "$file") includes $above, which lies above it"
    elif ! grep -q "$above: No such file\|'$above' file not found" "$work/said"; then
        fail "$(dirname "$file") with $above fails for another reason: $(cat "$work/said")"
    fi
done <<<"$rooms"
echo "$count walls"
[ "$failed" -eq 0 ]
