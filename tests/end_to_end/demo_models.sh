#!/usr/bin/env bash
# The demo's models do what they were trained for: on 1,000 held-out pictures each is right at least
# 95 times of 100 (a test that they see the pictures as the training did, too).
. "$(dirname "$0")/common.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# accuracy CONFIG: top-1 in percent
accuracy() {
    (cd "$top" && "$EVALH" run "configs/$1.ini" -s run.output="$work/$1.h5" -s data.path="$work/data" \
        -s data.images=1000 -s explain.methods=center -s task.kind=segmentation 2>&1) |
        sed -n 's/.* images scored, 0 skipped; top-1 \([0-9.]*\) %.*/\1/p'
}

for config in demo_vim demo_vit shortcut_vim shortcut_vit; do
    top1=$(accuracy "$config")
    if awk -v a="${top1:-0}" 'BEGIN { exit !(a >= 95) }'; then
        echo "ok: $config is right on $top1 % of 1,000 held-out pictures"
    else
        fail "$config: right on '$top1' % of 1,000 held-out pictures, not 95 %"
    fi
done
finish
