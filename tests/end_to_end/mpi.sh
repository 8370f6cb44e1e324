#!/usr/bin/env bash
# Several ranks: the same datasets as one process, mistakes told once, dead ranks made up for.
# MATRIX=full: every number of threads, ranks and images a shard; ROUNDS: rounds of killed ranks.
. "$(dirname "$0")/common.sh"
if [ "$HAVE_MPI" != yes ]; then
    echo "SKIPPED: this build has no MPI (-Dmpi)"
    exit 77
elif ! command -v mpirun >/dev/null; then
    echo "SKIPPED: there is no mpirun (Debian: openmpi-bin)"
    exit 77
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# What mpirun leaves the other ranks when one has died: nothing.
# And what killed ones leave behind lies in our own folder.
mpi=(mpirun --oversubscribe --bind-to none --mca odls_base_sigkill_timeout 0
    --mca btl_vader_backing_directory "$work")
leaks_under_mpi
"${mpi[@]}" -n 2 true >"$work/stderr" 2>&1 || {
    echo "SKIPPED: mpirun does not work here: $(head -c 300 "$work/stderr")"
    exit 77
}
c=$work/vim.ini
write_config "$c" vim
write_config "$work/vit.ini" vit

same() {
    "$SAME" "$1" "$2" >"$work/same" || fail "$3: $(cat "$work/same")"
}

# ranks N CODE TEXT ARGUMENT...: like expect, on N ranks; TEXT is said once.
ranks() {
    local n=$1 code=$2 text=$3 got=0
    shift 3
    "${mpi[@]}" -n "$n" "$EVALH" "$@" >"$work/stdout" 2>"$work/stderr" || got=$?
    if [ "$got" -ne "$code" ] || [ "$(grep -cF -- "$text" "$work/stderr")" -ne 1 ]; then
        fail "$n ranks, evalh $*: exit code $got, not $code, or not once '$text':"
        cat "$work/stderr"
    else
        echo "ok: $n ranks: $text"
    fi
}

# The demo set is not there yet: one rank writes it. Then what one process makes of it.
ranks 4 0 "13 images in" run "$c" --set run.shard_size=1
[ "$(ls "$work/demo" | wc -l)" -eq 1 ] || fail "the demo set was written more than once"
[ "$(grep -c 'images scored' "$work/stdout")" -eq 1 ] || fail "the summary is there more than once"
mv "$work/vim.h5" "$work/ranks.h5"
expect 0 "13 images in" run "$c"
same "$work/vim.h5" "$work/ranks.h5" "4 ranks"
expect 0 "13 images in" run "$work/vit.ini"
ranks 2 0 "13 images in" run "$work/vit.ini" --set run.output="$work/ranks.h5" --fresh
same "$work/vit.h5" "$work/ranks.h5" "a ViT on 2 ranks"

# Threads x ranks x images a shard.
matrix=("1 2 7" "2 2 1" "2 3 64")
[ "${MATRIX:-short}" = short ] || matrix=({1,2,4}" "{1,2,4}" "{1,7,64})
for cell in "${matrix[@]}"; do
    read -r threads n shard <<<"$cell"
    ranks "$n" 0 "13 images in" run "$c" --set compute.threads="$threads" --fresh \
        --set run.shard_size="$shard" --set run.output="$work/ranks.h5"
    same "$work/vim.h5" "$work/ranks.h5" "$threads threads, $n ranks, shards of $shard"
done
echo "matrix: ${#matrix[@]} of 27 cells are the same as one process"

# Two runs at one command, and what is complete.
ranks 2 0 "is complete already" run "$c"
mkdir "$work/two"
ranks 2 0 "vim: 13 images in" run "$c" --set "run.vary=row_norm=no" --set run.output="$work/two/v.h5"
same "$work/vim.h5" "$work/two/v.h5" "the first of two runs"

# Mistakes: told once, exit code 2, nothing is left.
ranks 3 2 "there is no method 'x'" run "$c" -s explain.methods=x
ranks 3 2 "no.ini: No such file" run "$work/no.ini"
ranks 3 2 "was made with another config" run "$c" -s explain.discard=0.2
ranks 2 2 "folder '$work/vim.safetensors/such'" run "$c" -s run.output="$work/vim.safetensors/such/x.h5"
# A rank that has another copy of the data set, of the same names and sizes.
mkdir "$work/a" "$work/b"
"$MAKE_MASKS" "$work/a/set.mat" sss
"$MAKE_MASKS" "$work/b/set.mat" sms
masks=("$EVALH" run "$work/vit.ini" -s explain.methods=raw -s explain.class=predicted -s task.kind=segmentation
    -s data.kind=imagenet_seg -s data.path=set.mat -s run.output="$work/copies.h5")
copies() { # FOLDER: of rank 1
    code=0
    "${mpi[@]}" -n 1 -wdir "$work/a" "${masks[@]}" : -n 1 -wdir "$work/$1" "${masks[@]}" \
        >"$work/stdout" 2>"$work/stderr" || code=$?
}
copies b
[ $code -eq 2 ] && grep -q "sees other contents of the data set 'set.mat' than rank 0" "$work/stderr" ||
    fail "two copies: exit code $code: $(cat "$work/stderr")"
copies a
[ $code -eq 0 ] || fail "one copy: exit code $code: $(cat "$work/stderr")"
"${mpi[@]}" -n 3 "$EVALH" run "$c" --dry-run >"$work/stdout" 2>&1 || fail "a dry run on 3 ranks"
[ "$(grep -c '  model  ' "$work/stdout")" -eq 1 ] || fail "a dry run on 3 ranks speaks more than once"

slow=(--set explain.methods=raw,rollout,attribution,mambalrp,unified,random --set run.shard_size=1
    --set data.images=30 --set compute.threads=1)
expect 0 "30 images in" run "$c" "${slow[@]}" --set run.output="$work/whole.h5"

# start OUT: a run on 3 ranks in the background ($pid: mpirun), once it has a shard.
start() {
    "${mpi[@]}" -n 3 "$EVALH" run "$c" "${slow[@]}" --set run.output="$1" >/dev/null 2>"$work/stderr" &
    pid=$!
    until [ -n "$(ls "$1.parts" 2>/dev/null | grep 'h5$')" ] || ! kill -0 $pid 2>/dev/null; do
        sleep 0.005
    done
}

# SIGTERM, as Slurm sends it: to one rank or to all; exit code 1, said once.
for who in one all; do
    out=$work/stopped.h5
    rm -rf "$out" "$out.parts"
    start "$out"
    victims=($(pgrep -f "run.output=$out" | grep -vx "$pid"))
    [ $who = all ] || victims=(${victims[@]: -1})
    [ ${#victims[@]} -eq 0 ] || kill -TERM "${victims[@]}"
    code=0
    wait $pid || code=$?
    if [ -e "$out" ]; then
        echo "note: the run was over before SIGTERM came"
    else
        [ $code -eq 1 ] || fail "SIGTERM to $who: exit code $code, not 1"
        [ "$(grep -c "goes on from there" "$work/stderr")" -eq 1 ] || fail "SIGTERM: $(cat "$work/stderr")"
        ranks 2 0 "continuing; " run "$c" "${slow[@]}" --set run.output="$out"
    fi
    same "$work/whole.h5" "$out" "after SIGTERM to $who"
done

# SIGKILL to one rank, or to mpirun, at any moment. Then the same file, on any number of ranks.
killed=0 died=0
for round in $(seq "${ROUNDS:-3}"); do
    out=$work/killed-$round.h5
    rm -rf "$work/killed"*
    start "$out" # and up to a tenth of a second more
    sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
    victims=($(pgrep -f "run.output=$out"))
    if [ ${#victims[@]} -gt 0 ]; then
        kill -9 "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null && killed=$((killed + 1))
    fi
    wait $pid 2>/dev/null || died=$((died + 1))
    for attempt in 1 2 3 4 5 6 7 8 9 10; do # the others of the killed one may take a moment to end
        pgrep -f "run.output=$out" >/dev/null || break
        sleep 0.1
    done
    n=$((RANDOM % 3 + 1))
    "${mpi[@]}" -n $n "$EVALH" run "$c" "${slow[@]}" --set run.output="$out" >/dev/null \
        2>"$work/stderr" || fail "round $round, $n ranks: $(cat "$work/stderr")"
    same "$work/whole.h5" "$out" "round $round of killed ranks"
    [ ! -e "$out.parts" ] || fail "round $round: shards are left"
done
echo "killed ranks: ${ROUNDS:-3} rounds, $killed ranks killed, $died runs died of it, all the same in the end"
[ "$died" -gt 0 ] || fail "no run died: nothing was tested"
finish
