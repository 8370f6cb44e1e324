#!/usr/bin/env bash
# The long form of some tests of `meson test`: kills, killed ranks, all numbers of threads, ranks
# and shards, a large tar. Prints figures; exit code 0 where all results are the same.
#
#   scripts/soak.sh [BUILD] [kills|ranks|tar]...      BUILD: build (the default); all parts
#   KILLS=200 RANK_KILLS=30 MEGABYTES=1000 EVALH_SHARED=../shared
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
[ $# -gt 0 ] && [ -d "$1" ] && { build=$(cd "$1" && pwd); shift; }
parts=("${@:-all}")
tests=$top/tests/end_to_end
export EVALH=$build/harness/evalh MAKE_MODEL=$build/tests/end_to_end/make_model
export SAME=$build/tests/end_to_end/same_datasets OMP_WAIT_POLICY=passive HAVE_MPI=yes SANITIZER=none
[ -x "$EVALH" ] && [ -x "$MAKE_MODEL" ] || { echo "soak.sh: $build is no build; ninja -C $build" >&2; exit 2; }
failed=0

wanted() {
    case " ${parts[*]} " in *" all "* | *" $1 "*) return 0 ;; esac
    return 1
}

# part NAME COMMAND...: its figures are the lines with a colon and no "ok: ".
part() {
    local name=$1 began=$SECONDS code=0
    shift
    "$@" >"/tmp/soak-$$" 2>&1 || code=$?
    grep -v '^ok: ' "/tmp/soak-$$"
    rm -f "/tmp/soak-$$"
    echo "$name: $([ $code -eq 0 ] && echo passed || echo "FAILED (exit code $code)"), $((SECONDS - began)) s"
    [ $code -eq 0 ] || failed=1
}

# A tar of photographs: memory stays flat; the run is killed five times; only bad images are left
# out.
tar_part() (
    . "$tests/common.sh"
    samples=${EVALH_SHARED:-$top/../shared}/imagenet-samples
    [ -r "$samples/labels.txt" ] || samples=/work/shared/imagenet-samples
    python=$(for p in /usr/bin/python3 python3; do "$p" -c 'import PIL' 2>/dev/null && echo "$p" && break; done)
    if [ ! -r "$samples/labels.txt" ] || [ -z "$python" ]; then
        echo "SKIPPED: the tar wants photographs (EVALH_SHARED) and Pillow (Debian: python3-pil)"
        exit 77
    fi
    "$MAKE_MODEL" vim "$work/thousand.safetensors" classes 1000 || exit 1
    write_config "$work/tar.ini" thousand
    "$python" "$top/scripts/make_tar.py" "$samples" "$work/val.tar" "$work/labels.txt" \
        --megabytes "${MEGABYTES:-1000}" >"$work/counts" || exit 1
    echo "tar: $(stat -c %s "$work/val.tar") bytes, $(cat "$work/counts")"
    read -r _ members _ < "$work/counts"
    bad=$(grep -oE '(cut|empty|noise) [0-9]+' "$work/counts" | awk '{ n += $2 } END { print n }')
    run=(run "$work/tar.ini" --set data.kind=imagenet_tar --set data.path="$work/val.tar" --set run.shard_size=100
        --set data.labels="$work/labels.txt" --set task.kind=perturbation --set explain.methods=raw,random
        --set explain.class=predicted --set task.directions=positive)
    expect 0 "images in" "${run[@]}" --limit 300 --set run.output="$work/few.h5"
    few=$(grep -o 'peak memory [0-9]*' "$work/stderr" | cut -d' ' -f3)
    expect 0 "$members images in" "${run[@]}" --set run.output="$work/whole.h5"
    all=$(grep -o 'peak memory [0-9]*' "$work/stderr" | cut -d' ' -f3)
    grep 'images in' "$work/stderr"
    echo "memory: peak of the first 300 images $few MiB, of all $members $all MiB"
    [ "$all" -lt $((few + 32)) ] || fail "memory is not flat"
    grep -q "$((members - bad)) images scored, $bad skipped" "$work/stdout" ||
        fail "not $bad skipped: $(grep skipped "$work/stdout")"
    echo "tar: $(grep -o '[0-9]* images scored, [0-9]* skipped' "$work/stdout")"
    kills=0 # shards hold 100 images
    for percent in 5 20 45 70 90; do
        shard=$(printf %06d $((members * percent / 10000)))
        "$EVALH" "${run[@]}" --set run.output="$work/killed.h5" >/dev/null 2>&1 &
        pid=$!
        until [ -e "$work/killed.h5.parts/shard-$shard.h5" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
        sleep "0.$((RANDOM % 10))"
        kill -9 $pid 2>/dev/null && kills=$((kills + 1))
        wait $pid 2>/dev/null
    done
    expect 0 "continuing; " "${run[@]}" --set run.output="$work/killed.h5"
    "$SAME" "$work/whole.h5" "$work/killed.h5" >"$work/same" || fail "$(cat "$work/same")"
    echo "tar: killed $kills times inside; $(cat "$work/same")"
    finish
)

! wanted kills || part kills env ROUNDS="${KILLS:-200}" bash "$tests/kills.sh"
! wanted ranks || part ranks env ROUNDS="${RANK_KILLS:-30}" MATRIX=full bash "$tests/mpi.sh"
! wanted tar || part tar tar_part
exit $failed
