#!/usr/bin/env bash
# run.limit: a sample, not the first classes; a higher limit goes on from a lower one, to the same
# datasets as at once. The demo set's class is the index modulo 10.
. "$(dirname "$0")/common.sh"
c=$work/vim.ini
write_config "$c" vim
run=(run "$c" --set data.images=60 --set explain.methods=raw,random --set run.output)

same() {
    "$SAME" "$1" "$2" >"$work/same" || fail "$3: $(cat "$work/same")"
}

# at once, in every order
expect 0 "60 images in" "${run[@]}=$work/all.h5"
expect 0 "20 images in" "${run[@]}=$work/even20.h5" --limit 20
expect 0 "45 images in" "${run[@]}=$work/even45.h5" --limit 45 --set run.shard_size=7
expect 0 "20 images in" "${run[@]}=$work/first20.h5" --limit 20 --set data.subset=first
expect 0 "20 images in" "${run[@]}=$work/random20.h5" --limit 20 --set data.subset=random
expect 0 "45 images in" "${run[@]}=$work/random45.h5" --limit 45 --set data.subset=random

# which images
classes() {
    "$EVALH" report "$1" --format json >/dev/null || fail "no report of $1"
    strings -n 11 "$1" | grep -o 'val/n[0-9]*/demo_[0-9]*' | sort -u | cut -d/ -f2 | sort | uniq -c |
        tr -s ' ' | cut -d' ' -f2 | sort -u | tr '\n' ' '
}
[ "$(classes "$work/even20.h5")" = "2 " ] || fail "even: not two of each class: $(classes "$work/even20.h5")"
[ "$(classes "$work/even45.h5")" = "4 5 " ] || fail "even: 45 images, and classes have $(classes "$work/even45.h5")"

# on from a finished result, and from shards; whole shards are kept
step() {
    local output=$1 text=$2
    shift 2
    expect 0 "$text" "${run[@]}=$output" "$@"
}
cp "$work/even20.h5" "$work/grow.h5"
step "$work/grow.h5" "continuing; 20 of 45 images" --limit 45
same "$work/even45.h5" "$work/grow.h5" "45 after 20"
step "$work/grow.h5" "continuing; 44 of 60 images"
same "$work/all.h5" "$work/grow.h5" "all after 45"
step "$work/grow.h5" "complete already"
cp "$work/random20.h5" "$work/grow.h5"
step "$work/grow.h5" "continuing; 20 of 45 images" --limit 45 --set data.subset=random
same "$work/random45.h5" "$work/grow.h5" "45 after 20, at random"
step "$work/grow.h5" "continuing; 44 of 60 images" --set data.subset=random
same "$work/all.h5" "$work/grow.h5" "all after 45, at random"
cp "$work/first20.h5" "$work/grow.h5"
step "$work/grow.h5" "continuing; 20 of 60 images"
same "$work/all.h5" "$work/grow.h5" "all after the first 20"
step "$work/grow.h5" "complete already" --limit 1000

# another size of shards, so that the last rows of the shorter run fill none
cp "$work/even45.h5" "$work/grow.h5"
step "$work/grow.h5" "continuing; 40 of 60 images" --set run.shard_size=8
same "$work/all.h5" "$work/grow.h5" "all after 45 in shards of 8"

# interrupted on the way: shards of the shorter run stay, the short one at its end goes
cp "$work/even45.h5" "$work/stop.h5"
stopping() {
    (trap - INT; exec "$EVALH" "${run[@]}=$work/stop.h5" "$@" --set compute.threads=1) \
        >"$work/stdout" 2>"$work/stderr" &
    pid=$!
    until [ -e "$work/stop.h5.parts/shard-000010.h5" ] || ! kill -0 $pid 2>/dev/null; do
        sleep 0.01
    done
    kill -TERM $pid
    wait $pid
}
stopping --set explain.methods=raw,random
[ ! -e "$work/stop.h5.parts" ] || expect 2 "images past the first 20" "${run[@]}=$work/stop.h5" --limit 20
expect 0 "" "${run[@]}=$work/stop.h5"
same "$work/all.h5" "$work/stop.h5" "all after 45 and a signal"

# what does not fit together is refused
expect 2 "has 60 images, and run.limit asks for 20" "${run[@]}=$work/all.h5" --limit 20
expect 2 "another order (even)" "${run[@]}=$work/even20.h5" --limit 45 --set data.subset=random
expect 2 "another order" "${run[@]}=$work/even20.h5" --limit 20 --set data.subset=first
expect 2 "explain.discard was" "${run[@]}=$work/even20.h5" --limit 45 --set explain.discard=0.2
expect 0 "45 images in" "${run[@]}=$work/even20.h5" --limit 45 --fresh
same "$work/even45.h5" "$work/even20.h5" "afresh"

# data.only
expect 0 "12 images in" "${run[@]}=$work/only.h5" --set data.only=3,7
[ "$(classes "$work/only.h5")" = "6 " ] || fail "only: $(classes "$work/only.h5")"
expect 2 "another data set" "${run[@]}=$work/only.h5" --set data.only=3
expect 2 "data.only = '12': the data set has no image of class 12" "${run[@]}=$work/none.h5" --set data.only=12
expect 2 "data.only = 'nothere.txt': nothere.txt: No such file" "${run[@]}=$work/none.h5" --set data.only=nothere.txt
: >"$work/no_ids.txt"
expect 2 "data.only = '$work/no_ids.txt': $work/no_ids.txt: no ids in it" "${run[@]}=$work/none.h5" --set data.only="$work/no_ids.txt"
for k in 0 1 2 3 4 5 6 7 8 9; do echo "n0000000$k shape $k, the $k. shape"; done >"$work/shapes.txt"
expect 0 "6 images in" "${run[@]}=$work/named.h5" --set "data.only=the 3. shape" --set data.classes="$work/shapes.txt"
expect 2 "neither a file that is there nor a class: 'circle' is none of the model's 10 classes" \
    "${run[@]}=$work/none.h5" --set data.only=circle --set data.classes="$work/shapes.txt"

if [ "$HAVE_MPI" = yes ] && command -v mpirun >/dev/null; then
    leaks_under_mpi
    cp "$work/first20.h5" "$work/ranks.h5"
    mpirun --allow-run-as-root --oversubscribe -n 2 "$EVALH" "${run[@]}=$work/ranks.h5" \
        >"$work/stdout" 2>"$work/stderr" || fail "two ranks: $(cat "$work/stderr")"
    same "$work/all.h5" "$work/ranks.h5" "two ranks after the first 20"
    rm "$work/ranks.h5"
    mpirun --allow-run-as-root --oversubscribe -n 2 "$EVALH" "${run[@]}=$work/ranks.h5" --limit 45 \
        >"$work/stdout" 2>"$work/stderr" || fail "two ranks: $(cat "$work/stderr")"
    same "$work/even45.h5" "$work/ranks.h5" "45 by two ranks"
    mpirun --allow-run-as-root --oversubscribe -n 2 "$EVALH" "${run[@]}=$work/ranks.h5" \
        >"$work/stdout" 2>"$work/stderr" || fail "two ranks: $(cat "$work/stderr")"
    same "$work/all.h5" "$work/ranks.h5" "all by two ranks"
fi
finish
