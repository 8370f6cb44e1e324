#!/usr/bin/env bash
# Every command that README and docs tell to type runs, in the order of its page: with a little model
# in place of the published one, a few images in place of all, and fewer samples. What needs root, a
# network or hours (demo.sh, test.sh, docker, Slurm) is none of these.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/../../sanitizers/mpi.sh"
root=$(cd "$(dirname "$0")/../../.." && pwd)

# The tree as its reader has it: build/harness/evalh and configs/ below the current folder.
cd "$work" && mkdir -p build/harness weights data/imagenet/val bin || exit 1
ln -s "$EVALH" build/harness/evalh
ln -s "$EVALH" bin/evalh
ln -s "$root/model" model
cp -r "$root/configs" configs
export PATH="$work/bin:$PATH" EVALH_WEIGHTS="$work/weights" EVALH_DATA="$work/data"
# A data set of ten classes with two pictures each, and weights under their published name.
"$MAKE_MODEL" vim weights/vim_s_midclstok_80p5acc.pth >/dev/null || exit 1
sed -i 's/^arch = vim_small/arch = vim/' configs/perturb_vim_s.ini
evalh run configs/demo_vim.ini -s run.output=made.h5 -s data.path=made -s data.images=20 -s data.size=40 \
    -s explain.methods=center -s task.kind=segmentation >log 2>&1 || { cat log; fail "no pictures"; finish; }
cp -r made/*/val/* data/imagenet/val/
(cd data/imagenet/val && ls) >weights/classes.txt
[ "$(wc -l <weights/classes.txt)" -eq 10 ] || fail "the pictures are not of ten classes"

# Indented blocks of a page with the commands of evalh in them, one block after the other, as a script.
typed() {
    awk '
        /^    / { block = block substr($0, 5) "\n"; next }
        /^$/ && block != "" { block = block "\n"; next }
        { flush_block() }
        END { flush_block() }
        function flush_block() {
            if (block ~ /(^|\n)[^\n]*(\$evalh|build\/harness\/evalh|(^|[ \n])evalh) (run|report|info|explain|attn|export|compare|rescore|doctor|bench|precision) [^\n]/ &&
                block !~ /(^demo_vim\n|import |> \{)/)
                printf "%s", block
            block = ""
        }' "$1" |
        sed -E 's/data\.images=[0-9]+/data.images=6/; s/--limit (40|100)/--limit 4/; s/subsets=[0-9]+/subsets=3/
                s/samples=[0-9]+/samples=2/; s/mpirun -n [0-9]+/mpirun --oversubscribe -n 2/'
}

for page in README.md docs/tutorial.md docs/cluster.md; do
    typed "$root/$page" | grep -v sbatch >script.sh
    calls=$(grep -cE 'evalh (run|report|info|explain|attn|export|compare|rescore|doctor|bench|precision) ' script.sh)
    if grep -q mpirun script.sh && { [ "$HAVE_MPI" != yes ] || ! command -v mpirun >/dev/null; }; then
        echo "SKIPPED: the commands of $page: no MPI here"
        continue
    fi
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    [ "$calls" -ge 1 ] || fail "$page: no command was found"
    if grep -q mpirun script.sh; then leaks_under_mpi; fi
    bash -eu script.sh >log 2>&1 || { cat script.sh; tail -20 log; fail "$page: its commands do not run"; }
    echo "$page: $calls lines of evalh run"
done
[ -s results/perturb_vim_s.h5 ] || fail "README's run left no result"
[ -n "$(ls plots/*.png 2>/dev/null)" ] || fail "README's report drew no plots"
finish
