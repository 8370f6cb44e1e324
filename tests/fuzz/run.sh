#!/usr/bin/env bash
# run.sh BUILD TARGET SECONDS [libFuzzer options]: seeds a corpus and runs one fuzz target on it.
set -euo pipefail
build=$(cd "$1" && pwd) target=$2 seconds=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
corpus=$build/corpus/$target
seeds=$build/corpus/seeds/${target#checkpoint_}
mkdir -p "$corpus" "$build"/corpus/seeds/{pth,safetensors,jpeg,png,list,tar,synsets,gtsegs,config,model,reply,npy}
case $target in
checkpoint_*) "$build/tests/fuzz/seed_checkpoints" "$build/corpus/seeds" ;;
reply) cp "$here/seed_reply.json" "$build/corpus/seeds/reply" ;;
*) "$build/tests/fuzz/seed_datasets" "$build/corpus/seeds" ;;
esac
options=(-max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=8192 -print_final_stats=1)
[ -f "$here/$target.dict" ] && options+=(-dict="$here/$target.dict")
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
cd "$build/corpus"
exec "$build/tests/fuzz/fuzz_$target" "${options[@]}" "$@" "$corpus" "$seeds"
