# Sourced by the end-to-end tests. $EVALH, $MAKE_MODEL, $SAME: programs; $work: a folder of our own.
set -u
# In memory where possible, because the tests sync hundreds of small files.
place=${TMPDIR:-/tmp}
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || place=/dev/shm
work=$(mktemp -d -p "$place")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
chmod 755 "$work"
failures=0

# Root may read and write everything: tests of rights then run as nobody, who starts with $user.
user=()
nobody=()
[ "$(id -u)" -ne 0 ] || nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect CODE TEXT ARGUMENT...: evalh ARGUMENT... ends with CODE and says TEXT (a fixed string) on
# stderr, as an error where CODE is not 0.
expect() {
    local code=$1 text=$2 got=0
    shift 2
    ${user[@]+"${user[@]}"} "$EVALH" "$@" >"$work/stdout" 2>"$work/stderr" || got=$?
    if [ "$got" -ne "$code" ]; then
        fail "evalh $*: exit code $got, not $code"
        cat "$work/stderr"
    elif ! grep -qF -- "$text" "$work/stderr"; then
        fail "evalh $*: does not say '$text', but:"
        cat "$work/stderr"
    elif [ "$code" -ne 0 ] && ! grep -q '^evalh: error: ' "$work/stderr" &&
        ! grep -q '^evalh [a-z]*: ' "$work/stderr"; then
        fail "evalh $*: no line is marked as an error"
        cat "$work/stderr"
    else
        echo "ok: $text"
    fi
}

# The lines of a config that name 13 demo pictures.
demo_data() {
    cat <<EOF
[data]
kind = demo
path = $work/demo
images = 13
size = 40
EOF
}

# A config at $1 for model $2 (vim or vit) on the demo pictures.
write_config() {
    cat >"$1" <<EOF
[run]
output = $work/$(basename "$1" .ini).h5
shard_size = 4
[model]
checkpoint = $work/$2.safetensors
heads = $([ "$2" = vit ] && echo 2 || echo auto)
$(demo_data)
[explain]
methods = raw, rollout, attribution, random
class = predicted, target
[task]
kind = perturbation, segmentation, localisation, groups, tiles, subsets, robustness, randomisation
groups = 3
tiles = 2
subsets = 5
samples = 2
[compute]
device = cpu
[data]
max_unreadable = 1
EOF
}

. "$(dirname "${BASH_SOURCE[0]}")/../sanitizers/mpi.sh"

finish() {
    [ "$failures" -eq 0 ] || echo "$failures failed"
    [ "$failures" -eq 0 ]
    exit
}

"$MAKE_MODEL" vim "$work/vim.safetensors" || exit 1
"$MAKE_MODEL" vit "$work/vit.safetensors" || exit 1
