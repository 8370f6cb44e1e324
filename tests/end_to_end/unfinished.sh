#!/usr/bin/env bash
# A run that is not done: report and info say how far it is, and show what its shards hold; what they
# show is what the finished file says of the same images.
. "$(dirname "$0")/common.sh"
c=$work/vit.ini
out=$work/result.h5
write_config "$c" vit
options=(--set run.output="$out" --set run.shard_size=2 --set data.images=12
    --set explain.methods=raw,attribution,random)

# shows PATTERN ARGUMENT...: evalh ARGUMENT... is done, and a line of standard output fits.
shows() {
    local pattern=$1
    shift
    "$EVALH" "$@" >"$work/stdout" 2>"$work/stderr" || fail "evalh $*: $(cat "$work/stderr")"
    grep -q -- "$pattern" "$work/stdout" || fail "evalh $*: does not show '$pattern'"
}

# Nothing is there yet, or a folder without a shard.
expect 2 "No such file" report "$out"
mkdir "$out.parts"
expect 2 "none of its shards is done" report "$out"
expect 2 "none of its shards is done" info "$out"
rmdir "$out.parts"

# Whole, for comparison; then the same with its first three shards only.
expect 0 "12 images in" run "$c" "${options[@]}" --set run.output="$work/whole.h5"
"$EVALH" run "$c" "${options[@]}" >/dev/null 2>&1 &
pid=$!
for _ in $(seq 600); do
    [ "$(ls "$out.parts" 2>/dev/null | grep -c '\.h5$')" -ge 3 ] && break
    sleep 0.02
done
kill -STOP $pid
# Stopped, it holds its lock: in progress.
if [ -d "$out.parts" ]; then
    shows "in progress, [0-9]* of 6 shards" info "$out"
fi
kill -KILL $pid
kill -CONT $pid 2>/dev/null
wait $pid 2>/dev/null
[ -d "$out.parts" ] || fail "the run was over before it was stopped: more images are needed"
for shard in "$out.parts"/shard-00000[3-9].h5; do rm -f "$shard"; done
shows "interrupted, 3 of 6 shards (6 of 12 images) are done" info "$out"
shows "interrupted, 3 of 6 shards (6 of 12 images) are done" info "$out.parts"
for format in md html json latex; do
    shows "interrupted, 3 of 6 shards (6 of 12 images) are done" report --format $format "$out"
done
[ -z "$(ls -d "${TMPDIR:-/tmp}"/evalh-?????? 2>/dev/null)" ] || fail "a temporary file is left"

# The same rows as in the whole file: its first six images.
"$PYTHON" - "$out.parts" "$work/whole.h5" <<'EOF' || fail "rows differ from the finished run's"
import sys
try:
    import h5py
except ImportError:
    sys.exit(0)
import glob
whole = h5py.File(sys.argv[2])
ids = list(whole["images/id"][:])
for name in sorted(glob.glob(sys.argv[1] + "/shard-*.h5")):
    shard = h5py.File(name)
    for at, image in enumerate(shard["images/id"][:]):
        row = ids.index(image)
        assert (shard["explain/raw/predicted/map"][at] == whole["explain/raw/predicted/map"][row]).all()
        assert shard.attrs["model"] == whole.attrs["model"]
EOF
"$EVALH" report --format csv "$out" >"$work/part.csv" 2>"$work/stderr" || fail "csv: $(cat "$work/stderr")"
grep -q ',6,' "$work/part.csv" || fail "the table is not of 6 images: $(head -3 "$work/part.csv")"

# A shard that is damaged is named; the run itself goes on from what is left, to the same bits.
cp "$out.parts/shard-000001.h5" "$work/good"
head -c 1000 "$work/good" >"$out.parts/shard-000001.h5"
expect 2 "shard-000001.h5" report "$out"
cp "$work/good" "$out.parts/shard-000001.h5"
expect 0 "12 images" run "$c" "${options[@]}"
"$SAME" "$work/whole.h5" "$out" || fail "the finished run differs"
shows "schema 2" info "$out"
finish
