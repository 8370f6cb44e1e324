#!/usr/bin/env bash
# Runs whose model is another process: faults at any moment lose no shard and leave nothing behind, and
# the same command goes on.
. "$(dirname "$0")/common.sh"
export PIDS=$work/pids

cat >"$work/w.ini" <<EOT
[run]
output = $work/w.h5
shard_size = 4
[model]
arch = worker
command = $FAULT_WORKER
timeout = 20
$(demo_data)
[explain]
methods = heat, plain, random, center
class = predicted, target
[task]
kind = perturbation, segmentation
EOT

# Checks that no worker is left of those whose process numbers are in $PIDS.
gone() {
    local pid
    for pid in $(cat "$PIDS" 2>/dev/null); do
        # After SIGKILL of evalh the system collects the dead workers, which takes a while.
        if kill -0 "$pid" 2>/dev/null && ! { [[ $1 == KILL* ]] && grep -q '^State:.*Z' "/proc/$pid/status"; }; then
            fail "$1: process $pid is still there"
        fi
    done
    rm -f "$PIDS"
}

run() { "$EVALH" run "$work/w.ini" "$@" >"$work/stdout" 2>"$work/stderr"; }
shards() { find "$work/w.h5.parts" -name 'shard-*.h5' 2>/dev/null | wc -l; }

# What is whole.
run || fail "the run fails: $(cat "$work/stderr")"
mv "$work/w.h5" "$work/whole.h5"
gone "the run"
for text in 'faulty: 40 x 40 pixels, 10 classes' "worker $FAULT_WORKER, fingerprint f1"; do
    grep -qF "$text" "$work/stderr" "$work/stdout" || fail "the plan does not say '$text'"
done
"$EVALH" report "$work/whole.h5" >"$work/table" 2>&1 || fail "report: $(cat "$work/table")"
for text in faulty heat plain random center 'a worker with fingerprint f1, started by: '; do
    grep -q "$text" "$work/table" || fail "the report does not name $text"
done
"$EVALH" info "$work/whole.h5" >"$work/info" || fail "info fails"
for text in 'faulty' 'worker_fingerprint  *f1' "worker_command  *$FAULT_WORKER"; do
    grep -q "$text" "$work/info" || fail "info does not say '$text'"
done

# The same bits whatever the batch, the threads and the shards.
for more in "-s compute.batch=1" "-s compute.threads=1" "-s run.shard_size=13"; do
    # shellcheck disable=SC2086
    run $more || fail "$more: $(cat "$work/stderr")"
    "$SAME" "$work/w.h5" "$work/whole.h5" || fail "$more: another result"
    rm "$work/w.h5"
done
gone "runs in other pieces"

# A fault in the middle: an error, the shards stay, the run goes on.
# A shard of 4 images takes about 95 requests.
for fault in exit=3@140 signal=9@133 nan@150 print@145 shape@138 hang@141 short@136 \
    'stderr-flood=30@99 exit=1@140' 'child@10 crash@140'; do
    code=0
    FAULTS=$fault run -s model.timeout=2 || code=$?
    [ "$code" -eq 1 ] || fail "$fault: exit code $code, not 1: $(tail -c 600 "$work/stderr")"
    grep -q '^evalh.*: .*the worker' "$work/stderr" || fail "$fault: no word of the worker"
    [ "$(shards)" -ge 1 ] || fail "$fault: no shard is left"
    [ ! -e "$work/w.h5" ] || fail "$fault: there is a result"
    gone "$fault"
    run || fail "$fault: it does not go on: $(cat "$work/stderr")"
    "$SAME" "$work/w.h5" "$work/whole.h5" || fail "$fault: gone on to another result"
    rm -f "$work/w.h5"
    gone "$fault, gone on"
done

# Other weights, or another command: not the same run.
FAULTS=exit=3@140 run
FAULTS='hello=fingerprint:"f2"@1' expect 2 'another model' run "$work/w.ini"
expect 2 'another model' run "$work/w.ini" -s "model.command=$FAULT_WORKER more@99"
run --fresh || fail "--fresh: $(cat "$work/stderr")"
rm -f "$work/w.h5" "$PIDS"

# Signals, while the worker computes and while it hangs.
for fault in '' hang@140; do
    for signal in INT TERM KILL; do
        FAULTS=$fault "$EVALH" run "$work/w.ini" >"$work/stdout" 2>"$work/stderr" &
        evalh=$!
        until [ "$(shards)" -ge 1 ] || ! kill -0 $evalh 2>/dev/null; do sleep 0.05; done
        [ -z "$fault" ] || sleep 0.5
        kill -$signal $evalh 2>/dev/null || echo "note: $signal came too late"
        wait $evalh 2>/dev/null
        sleep 0.3
        gone "$signal ($fault)"
        [ -e "$work/w.h5" ] || [ "$(shards)" -ge 1 ] || fail "$signal ($fault): no shard is left"
        run || fail "$signal ($fault): it does not go on: $(cat "$work/stderr")"
        "$SAME" "$work/w.h5" "$work/whole.h5" || fail "$signal ($fault): another result"
        rm -f "$work/w.h5" "$PIDS"
    done
done

# What cannot be.
expect 2 "this model is a worker's" run "$work/w.ini" -s task.kind=randomisation
expect 2 "'gradcam' is not" run "$work/w.ini" -s explain.methods=gradcam
expect 2 'heat, plain, ' run "$work/w.ini" -s explain.methods=attribution
expect 2 model.checkpoint run "$work/w.ini" -s "model.checkpoint=$work/vit.safetensors"
expect 2 model.heads run "$work/w.ini" -s model.heads=3
expect 2 compute.precision run "$work/w.ini" -s compute.precision=bf16
expect 2 explain.row_norm run "$work/w.ini" -s explain.row_norm=yes
expect 2 explain.precision precision "$work/w.ini"
expect 2 compute.device run "$work/w.ini" -s compute.device=cuda
sed '/^command/d' "$work/w.ini" >"$work/none.ini"
expect 2 'model.command: not set' run "$work/none.ini"
sed '/^arch/d' "$work/w.ini" >"$work/none.ini"
expect 2 'model.command' run "$work/none.ini" -s explain.methods=raw -s "model.checkpoint=$work/vit.safetensors"
expect 2 'could not be started' run "$work/w.ini" -s model.command=/no/such/program
expect 2 'RuntimeError: out of' run "$work/w.ini" -s "model.command=$FAULT_WORKER exit=3@1"
expect 2 'model.timeout' run "$work/w.ini" -s model.timeout=-1
gone "what cannot be"
finish
