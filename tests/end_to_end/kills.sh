#!/usr/bin/env bash
# SIGKILL at any moment of a run, up to three times, then the run to its end: the file is that of an
# undisturbed run. ROUNDS (4) rounds.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
slow=(--set explain.methods=raw,rollout,attribution,mambalrp,unified,random --set run.shard_size=1
    --set data.images=30 --set compute.threads=1)
expect 0 "30 images in" run "$c" "${slow[@]}" --set run.output="$work/whole.h5"
began=$(date +%s%N)
expect 0 "30 images in" run "$c" "${slow[@]}" --set run.output="$work/whole.h5" --fresh
microseconds=$((($(date +%s%N) - began) / 1000)) # that a run takes, on this machine at this time

# The state at a kill: no shard yet, some, all (merging), or a finished run.
early=0 middle=0 merging=0 late=0 leftovers=0
out=$work/killed.h5
for round in $(seq "${ROUNDS:-4}"); do
    rm -rf "$out" "$out.parts"
    for ((kill = RANDOM % 3; kill >= 0; kill--)); do
        "$EVALH" run "$c" "${slow[@]}" --set run.output="$out" >/dev/null 2>&1 &
        pid=$!
        moment=$(((RANDOM * 32768 + RANDOM) % microseconds))
        sleep "$((moment / 1000000)).$(printf %06d $((moment % 1000000)))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        shards=$(ls "$out.parts" 2>/dev/null | grep -c '\.h5$')
        leftovers=$((leftovers + $(ls "$out.parts" 2>/dev/null | grep -c '\.tmp$')))
        if [ -e "$out" ]; then
            late=$((late + 1))
        elif [ "$shards" -eq 0 ]; then
            early=$((early + 1))
        elif [ "$shards" -eq 30 ]; then
            merging=$((merging + 1))
        else
            middle=$((middle + 1))
        fi
    done
    "$EVALH" run "$c" "${slow[@]}" --set run.output="$out" >/dev/null 2>"$work/stderr" ||
        fail "round $round: $(cat "$work/stderr")"
    "$SAME" "$work/whole.h5" "$out" >"$work/same" || fail "round $round: $(cat "$work/same")"
    [ -z "$(ls -d "$out."* 2>/dev/null)" ] || fail "round $round: something is left: $(ls -d "$out."*)"
done
echo "kills: ${ROUNDS:-4} rounds; killed before the first shard $early, among shards $middle, while merging" \
    "$merging, when over $late; $leftovers half-written files met; $failures rounds differ"
[ "${ROUNDS:-4}" -lt 50 ] || [ $middle -gt 0 ] || fail "no kill met a run among its shards"
finish
