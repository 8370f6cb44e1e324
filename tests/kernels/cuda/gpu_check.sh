#!/usr/bin/env bash
# scripts/gpu_check.sh on figures that are made up here: those at the aim's floors pass, those beneath them
# fail, and so do figures that no GPU can reach. A folder of pretended programs stands in for the real ones.
# $1: the source tree.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
    echo "FAIL: $*"
    failed=1
}
mkdir -p "$work/bin" "$work/path" "$work/shared/imagenet-samples/val" "$work/shared/golden"
touch "$work/shared/imagenet-samples/labels.txt"
printf '#!/bin/sh\necho 1980\n' >"$work/path/nvidia-smi"

# evalh bench MODEL ... and evalh run: logs in the form of the real ones, with the figures of $FIGURES.
cat >"$work/bin/evalh" <<'END'
#!/usr/bin/env bash
. "$FIGURES"
[ "$1" = bench ] || exit 0
model=$2 batch=$(sed 's/.*--batch \([0-9]*\).*/\1/' <<<"$*") rate=$deit
case "$*" in
*fp32*) rate=$vim_fp32 ;;
*vim_small*) rate=$vim_bf16 ;;
esac
[ -z "${EVALH_KERNELS:-}" ] || rate=$(awk -v r="$rate" -v s="$slower" 'BEGIN { print r * s }')
case "$*" in *--no-graphs*) rate=$(awk -v r="$rate" -v g="$graphs" 'BEGIN { print r * 100 / g }') ;; esac
cat <<LOG
Ceilings measured now: 798000.0 GFLOP/s (matrix product of 8192), 3000.0 GB/s (copy of 4.29 GB, read and written)

| forward | 0.04 | 0.04 | 0.04 | $rate |
CUDA graphs: 7 of 9 passes launched as one, after 1 recorded
| attention | 21.3 % | 12 | $(awk -v a="$attention" -v b="$batch" 'BEGIN { print a * 12 * b / 512 }') | 1 | 1 % | 1 | 1 % |
| scan | 58.1 % | 24 | $(awk -v s="$scan" -v b="$batch" 'BEGIN { print 24 * 2 * b * 197 * 768 * 16 / (16 * 132 * 1980e6) * 1e3 * 100 / s }') | 1 | 1 % | 1 | 1 % |
| raw + rollout + attribution | fp32 | 1.34 | 99 | 10306 |
| raw + rollout + attribution | auto (mixed) | 1.75 | $(case $model in vim*) echo "$explain_vim" ;; *) echo "$explain_deit" ;; esac) | 29764 |
LOG
END
# Python: PyTorch's rate, the number of multiprocessors, a run's share of the forward rate, minutes, rate.
cat >"$work/bin/python" <<'END'
#!/usr/bin/env bash
. "$FIGURES"
case "$*" in
*bench_torch*) echo "images/s 25000 at batch 256" ;;
-c*) echo 132 ;;
-\ *p_deit*) printf '75.0\n%s\n12000 passes/s\n' "$table_deit" ;;
-\ *p_vim*) printf '92.0\n%s\n8000 passes/s\n' "$table_vim" ;;
*) echo "attention: nobody wins" ;;
esac
END
chmod +x "$work/bin"/* "$work/path"/*

# CODE [NAME=VALUE...]: stage fast ends with CODE when these figures differ from those at the floors.
check() {
    local code=$1 got=0
    shift
    printf '%s\n' deit=32500 vim_bf16=11000 vim_fp32=4500 scan=55 attention=0.24 explain_deit=22 \
        explain_vim=5 table_deit=2.6 table_vim=4.8 graphs=98 slower=0.9 "$@" >"$work/figures"
    FIGURES=$work/figures PATH=$work/path:$PATH BIN=$work/bin PYTHON=$work/bin/python OUT=$work/out \
        EVALH_SHARED=$work/shared bash "$script" here fast >"$work/all" 2>&1 || got=$?
    sed -n '/^check /,$p' "$work/all" >"$work/table"
    [ $got -eq "$code" ] || fail "$*: exit code $got, not $code: $(cat "$work/all")"
}
# Lines of the table that say TEXT, and nothing else's.
only() { # VERDICT COUNT TEXT
    local count
    count=$(grep -cE "^.{44,} $1 .*$3" "$work/table")
    [ "$count" -eq "$2" ] || fail "$count lines are '$1 $3', not $2: $(cat "$work/table")"
}

script=$1/scripts/gpu_check.sh
check 0
only FAILED 0 ""
only passed 13 "aim" # nine lines, and graphs four times
check 1 deit=32400 vim_bf16=10990 vim_fp32=4490 scan=54.8 attention=0.241 explain_deit=22.1 \
    explain_vim=5.1 table_deit=2.61 table_vim=4.81 graphs=97
only FAILED 13 "aim"
only passed 0 "aim"
check 1 deit=120000 vim_bf16=40000 vim_fp32=40000 scan=101 attention=0.05 explain_deit=1.5 explain_vim=1.5 \
    table_deit=0.3 table_vim=1
only FAILED 9 "implausible"
check 1 slower=1.1
only FAILED 5 "take EVALH_KERNELS="
only passed 1 "epilogue is faster"
check 1 deit= table_vim=
only FAILED 1 "no figure .* of the forward rate"
only FAILED 1 "PyTorch 25000"
only FAILED 3 "against 0 images/s"
only passed 3 "against [1-9].* images/s"

# Each part is predicted to take five minutes at most.
bash "$script" list | awk '/^predicted: / { gsub(/,/, ""); exit !($3 <= 300 && $6 <= 300 && $3 > 0 && $6 > 0) }' ||
    fail "more than five minutes are predicted: $(bash "$script" list | grep '^predicted: ')"
exit $failed
