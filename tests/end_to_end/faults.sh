#!/usr/bin/env bash
# Faults during a run: pictures, disks, folders, memory. Each is reported clearly, ends with exit
# code 1 (or the run goes on, where only one picture is concerned), and loses no finished work.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
expect 0 "13 images in" run "$c"
demo=$(dirname "$(find "$work/demo" -name labels.txt)")

same() {
    "$SAME" "$1" "$2" >"$work/same" || fail "$3: $(cat "$work/same")"
}

# kept N: the last run has said that at least N shards are kept.
kept() {
    local n
    n=$(sed -n 's/^evalh: \([0-9]*\) of [0-9]* shards are done and kept.*/\1/p' "$work/stderr")
    [ "${n:-0}" -ge "$1" ] || fail "fewer than $1 shards are kept: $(cat "$work/stderr")"
}

# mount_at FOLDER OPTION...; prints a message where that is not permitted.
mounted=()
mount_at() {
    mkdir -p "$1"
    if mount "${@:2}" "$1" 2>"$work/mount"; then
        mounted+=("$1")
    else
        echo "SKIPPED: $1: no mount: $(cat "$work/mount")"
        return 1
    fi
}
trap 'for m in ${mounted[@]+"${mounted[@]}"}; do umount -l "$m"; done; chmod -R u+w "$work"; rm -rf "$work"' EXIT

# interrupted OUT KEEP ARGUMENT...: a run of shards of 1 image that left its first KEEP shards, having
# met a limit on the size of files that the whole is over and a shard is not.
interrupted() {
    local out=$1 keep=$2 i
    shift 2
    (trap '' XFSZ; ulimit -f 400; ${user[@]+"${user[@]}"} "$EVALH" "$@" >/dev/null 2>&1) &&
        fail "a result was to be larger than 400 KiB"
    [ -e "$(printf '%s.parts/shard-%06d.h5' "$out" "$keep")" ] || fail "no shards to go on with in $out.parts"
    for i in $(seq "$keep" 999); do
        rm -f "$(printf '%s.parts/shard-%06d.h5' "$out" "$i")"
    done
}

# ---- pictures ----

cp -r "$demo" "$work/tree"
list=(run "$c" --set data.kind=imagenet_list --set data.path="$work/tree/labels.txt"
    --set task.kind=perturbation --set run.output="$work/list.h5" --set run.shard_size=1)
third=$(sed -n 3p "$demo/labels.txt" | cut -d' ' -f1)
fifth=$(sed -n 5p "$demo/labels.txt" | cut -d' ' -f1)
mkdir -m 777 "$work/open"
list2=("${list[@]}" --set run.output="$work/open/list.h5")
if [ "$(id -u)" -eq 0 ] && [ ${#nobody[@]} -eq 0 ]; then
    echo "SKIPPED: rights: root may read everything"
else
    user=(${nobody[@]+"${nobody[@]}"})
    # One that cannot be read is left out and counted, like one that is broken.
    chmod a-r "$work/tree/$third"
    expect 0 "image $third is left out: $work/tree/$third: cannot open: Permission denied" "${list2[@]}"
    grep -q "12 images scored, 1 skipped" "$work/stdout" || fail "the skipped image is not counted"
    rm -f "$work/open/list.h5"
    expect 0 "image $third is left out: $work/tree/$third: cannot open: Permission denied" attn --influence "$c" \
        -s data.kind=imagenet_list -s data.path="$work/tree/labels.txt" -s run.output="$work/open/list.h5" -s task.kind=perturbation \
        --images 5 --out "$work/open/influence"
    grep -q "n = 4" "$work/open/influence/vim-influence.gnuplot" || fail "influence counts the image that is left out"
    # More than one in eight images: the data set is at fault, not the pictures.
    interrupted "$work/open/list.h5" 2 "${list2[@]}"
    chmod a-r "$work/tree/$fifth"
    expect 1 "the data set cannot be read any more (nor can 2 of 13 other images that were tried)" "${list2[@]}"
    kept 2
    chmod a+r "$work/tree/$third" "$work/tree/$fifth"
    expect 0 "continuing; " "${list2[@]}"
    grep -q "13 images scored, 0 skipped" "$work/stdout" || fail "a picture that came back is not counted"
    user=()
fi

# A data set disappears or shrinks during a run. many: a run long enough to be caught in the middle.
many=(--set data.images=200 --set run.shard_size=1 --set compute.threads=1 --set compute.batch=1)
"$EVALH" run "$c" "${many[@]}" --set run.output="$work/plain.h5" >/dev/null 2>&1 || fail "200 images"
big=$(dirname "$(find "$work/demo" -path '*200x*' -name labels.txt)")
cp -r "$big" "$work/big"
tar -cf "$work/big.tar" -C "$work/big/val" $(cd "$work/big/val" && ls -d */*.JPEG)
sed 's/^val\///' "$big/labels.txt" >"$work/tar.txt"

# meanwhile OUT COMMAND: runs on $source, does COMMAND after the third shard, waits; exit code in $code.
meanwhile() {
    "$EVALH" run "$c" "${many[@]}" "${source[@]}" --set task.kind=perturbation --set run.output="$1" \
        >"$work/stdout" 2>"$work/stderr" &
    local pid=$!
    until [ -e "$1.parts/shard-000002.h5" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.002; done
    eval "$2"
    code=0
    wait $pid || code=$?
}
# ended OUT TEXT UNDO: it ended with exit code 1 and TEXT, kept its shards, and goes on after UNDO.
ended() {
    if [ -e "$1" ]; then
        echo "note: the run was over before: $2"
        eval "$3"
        return
    fi
    [ "$code" -eq 1 ] || fail "$2: exit code $code, not 1"
    grep -qF -- "$2" "$work/stderr" || fail "does not say '$2': $(tail -3 "$work/stderr")"
    kept 3
    eval "$3"
    expect 0 "continuing; " run "$c" "${many[@]}" "${source[@]}" --set task.kind=perturbation \
        --set run.output="$1"
}
source=(--set data.kind=imagenet_list --set data.path="$work/big/labels.txt")
expect 0 "200 images in" run "$c" "${many[@]}" "${source[@]}" --set task.kind=perturbation \
    --set run.output="$work/whole.h5"
meanwhile "$work/gone.h5" 'mv "$work/big/val" "$work/big/away"'
ended "$work/gone.h5" "the data set cannot be read any more" 'mv "$work/big/away" "$work/big/val"'
same "$work/whole.h5" "$work/gone.h5" "after the pictures had gone"
meanwhile "$work/one.h5" 'last=$(tail -1 "$work/big/labels.txt"); mv "$work/big/${last% *}" "$work/one"'
[ $code -eq 0 ] || fail "one picture that has gone ends a run: $(tail -1 "$work/stderr")"
grep -q "199 images scored, 1 skipped" "$work/stdout" || echo "note: the picture went too late"

source=(--set data.kind=imagenet_tar --set data.path="$work/big.tar" --set data.labels="$work/tar.txt")
expect 0 "200 images in" run "$c" "${many[@]}" "${source[@]}" --set task.kind=perturbation \
    --set run.output="$work/whole-tar.h5"
cp "$work/big.tar" "$work/copy.tar"
meanwhile "$work/shrunk.h5" 'truncate -s 40k "$work/big.tar"'
ended "$work/shrunk.h5" "beyond the end of the tar" 'cp "$work/copy.tar" "$work/big.tar"'
same "$work/whole-tar.h5" "$work/shrunk.h5" "after the tar had shrunk"

# ---- folders and disks ----

source=(--set data.kind=imagenet_tar --set data.path="$work/big.tar" --set data.labels="$work/tar.txt")
meanwhile "$work/lost.h5" 'mv "$work/lost.h5.parts" "$work/lost.away"'
[ -e "$work/lost.h5" ] || ended "$work/lost.h5" "cannot create: No such file" 'mv "$work/lost.away" "$work/lost.h5.parts"'
same "$work/whole-tar.h5" "$work/lost.h5" "after the shards' folder had gone"

if [ ${#nobody[@]} -gt 0 ]; then
    user=("${nobody[@]}")
    mkdir -m 777 "$work/rights"
    interrupted "$work/rights/r.h5" 12 run "$c" --set run.output="$work/rights/r.h5" --set run.shard_size=1
    chmod a-w "$work/rights/r.h5.parts"
    expect 2 "cannot write into folder '$work/rights/r.h5.parts': Permission denied" \
        run "$c" --set run.output="$work/rights/r.h5"
    [ "$(find "$work/rights/r.h5.parts" -name 'shard-*.h5' | wc -l)" -eq 12 ] || fail "shards are gone"
    chmod a+w "$work/rights/r.h5.parts"
    expect 0 "continuing; 12 of 13" run "$c" --set run.output="$work/rights/r.h5"
    same "$work/vim.h5" "$work/rights/r.h5" "after a folder without rights"
    user=()
fi
if mount_at "$work/ro" -t tmpfs -o size=1m,ro tmpfs; then
    expect 2 "cannot write into folder '$work/ro': Read-only file system" run "$c" --set run.output="$work/ro/r.h5"
fi
if mount_at "$work/small" -t tmpfs -o size=300k tmpfs; then
    small=(run "$c" --set run.output="$work/small/r.h5" --set run.shard_size=1)
    expect 1 "cannot write: No space left on device" "${small[@]}"
    kept 1
    [ -z "$(find "$work/small" -name '*.tmp')" ] || fail "half a shard is left on a full disk"
    if [ "$HAVE_MPI" = yes ] && command -v mpirun >/dev/null; then
        code=0
        (
            leaks_under_mpi
            OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 exec mpirun --oversubscribe -n 2 \
                "$EVALH" "${small[@]}"
        ) >/dev/null 2>"$work/stderr" || code=$?
        [ $code -eq 1 ] && [ "$(grep -c "No space left on device" "$work/stderr")" -eq 1 ] ||
            fail "a full disk on 2 ranks: exit code $code, $(cat "$work/stderr")"
    fi
    # Room for all shards, none for the whole.
    shard=$(stat -c %s "$work/small/r.h5.parts/shard-000000.h5")
    mount -o remount,size=$((13 * (shard + 4096) / 1024 + 200))k "$work/small"
    expect 1 "No space left on device" "${small[@]}"
    kept 13
    mount -o remount,size=20m "$work/small"
    expect 0 "continuing; 13 of 13" "${small[@]}"
    same "$work/vim.h5" "$work/small/r.h5" "after a full disk"
fi

# ---- HDF5 and memory ----

# A demo set that does not fit; HDF5 writes its masks.
(
    trap '' XFSZ
    ulimit -f 100
    expect 2 "is there space?" run "$c" --set data.path="$work/demo2" --set data.images=60
    [ $failures -eq 0 ]
) || failures=$((failures + 1))
[ -z "$(ls "$work/demo2")" ] || fail "half a demo set is left"

"$EVALH" run "$c" "${many[@]}" --set run.output="$work/bad.h5" >/dev/null 2>&1 &
pid=$!
until [ -e "$work/bad.h5.parts/shard-000002.h5" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.002; done
kill -9 $pid
wait $pid 2>/dev/null
truncate -s 1000 "$work/bad.h5.parts/shard-000001.h5"
expect 1 "shard-000001.h5: damaged; remove it and run again to make it anew" run "$c" "${many[@]}" \
    --set run.output="$work/bad.h5"
rm "$work/bad.h5.parts/shard-000001.h5"
expect 0 "continuing; 199 of 200" run "$c" "${many[@]}" --set run.output="$work/bad.h5"
same "$work/plain.h5" "$work/bad.h5" "after a damaged shard"

# Too little memory, at the start and in the middle. (Not before the program has started: OpenBLAS
# waits for ever for the memory that it wants then.) AddressSanitizer reserves terabytes of addresses
# and cannot be held to this.
if [ "$SANITIZER" != none ]; then
    echo "SKIPPED: out of memory: built with -Db_sanitize=$SANITIZER"
else
    # What a run needs with small batches depends on the libraries that are linked: CUDA's alone map
    # half a gigabyte.
    "$EVALH" run "$c" --set run.output="$work/peak.h5" --set compute.threads=1 >/dev/null 2>&1 &
    pid=$! peak=0
    while now=$(sed -n 's/^VmPeak:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
    done
    wait $pid || fail "a plain run for its peak of memory"
    (
        ulimit -v $((peak + 100000))
        expect 1 "a smaller compute.batch would fit" run "$c" --set run.output="$work/memory.h5" \
            --set compute.threads=1 --set compute.batch=4096
        [ $failures -eq 0 ]
    ) || failures=$((failures + 1))
    expect 0 "13 images in" run "$c" --set run.output="$work/memory.h5"
    same "$work/vim.h5" "$work/memory.h5" "after a batch that was too large"
    # From one moment on there is no more memory to be had; the heap may suffice for some more
    # shards.
    rm -f "$work/memory.h5"
    meanwhile "$work/memory.h5" 'prlimit --pid $pid --data=1 || echo "SKIPPED: no prlimit"'
    ended "$work/memory.h5" "memory" :
    same "$work/whole-tar.h5" "$work/memory.h5" "after memory had run out"
fi
finish
