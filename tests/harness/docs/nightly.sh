#!/usr/bin/env bash
# scripts/nightly.sh: its verdicts and exit codes. scripts/slurm_array.sbatch: which task runs what.
. "$(dirname "$0")/common.sh"
scripts=$(cd "$(dirname "$0")/../../../scripts" && pwd)
export EVALH BASELINE=$work/baseline OUT=$work/out SLOWER=1000
"$MAKE_MODEL" vim "$work/model.safetensors" >/dev/null || exit 1
cat >"$work/little.ini" <<END
[model]
checkpoint = $work/model.safetensors
[data]
kind = demo
path = $work/data
images = 5
size = 40
[explain]
methods = raw
[task]
kind = perturbation, segmentation
[compute]
device = cpu
END

# night CODE TEXT ARGUMENT...: nightly.sh ends with CODE, and its last line says TEXT.
night() {
    local code=$1 text=$2 got=0
    shift 2
    "$scripts/nightly.sh" "$@" >"$work/stdout" 2>&1 || got=$?
    [ "$got" -eq "$code" ] || fail "nightly.sh $*: exit code $got, not $code"
    tail -1 "$work/stdout" | grep -qF -- "$text" || {
        fail "nightly.sh $*: the last line does not say '$text', but:"
        cat "$work/stdout" "$work"/out/*.log
    }
}

night 1 "little.h5; scripts/nightly.sh --baseline makes it" "$work/little.ini"
night 0 "new baseline" --baseline "$work/little.ini"
night 0 "equal: little" "$work/little.ini"
[ -s "$work/out/report.html" ] && grep -q "Perturbation" "$work/out/report.md" || fail "no report was written"
[ -n "$(ls "$work"/out/plots/*.png 2>/dev/null)" ] || fail "no plots were drawn"
# The same images, other masks of pixels: numbers differ.
sed -i 's/^methods = raw/methods = center/' "$work/little.ini"
night 1 "DIFFERS: little: numbers differ" "$work/little.ini"
sed -i 's/^images = 5/images = many/' "$work/little.ini"
night 1 "little failed: evalh: error: " "$work/little.ini"
EVALH=/nowhere/evalh night 2 "NOT RUN" "$work/little.ini"

# The baselines in git belong to the weights in git, and stay small.
for m in vim vit; do
    file=$scripts/../results/baseline/nightly_$m.h5
    sha=$(sha256sum "$scripts/../model/demo/${m}_demo.safetensors" | cut -d' ' -f1)
    "$EVALH" info "$file" | grep -q "checkpoint_sha256 *$sha" ||
        fail "nightly_$m.h5 is of other weights; scripts/nightly.sh --baseline makes it anew"
    [ "$(stat -c %s "$file")" -lt 200000 ] || fail "nightly_$m.h5 is larger than 200 kB"
done

export EVALH=echo SLURM_SUBMIT_DIR=$work
unset SLURM_JOB_ID SLURM_CPUS_PER_TASK CONFIGS
slurm() { # TASK CONFIG
    local said
    said=$(SLURM_ARRAY_TASK_ID=$1 bash "$scripts/slurm_array.sbatch" 2>&1)
    [ "$said" = "$2" ] || fail "slurm task $1 says '$said', not '$2'"
}
slurm 3 "run configs/segment_deit_s.ini -s compute.threads=all"
CONFIGS="a.ini b.ini" slurm 1 "run b.ini -s compute.threads=all"
SLURM_ARRAY_TASK_ID=4 bash "$scripts/slurm_array.sbatch" >/dev/null 2>&1 &&
    fail "a task without a config does not fail"
finish
