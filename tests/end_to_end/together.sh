#!/usr/bin/env bash
# A run gives the same bits whatever ran before it in the same process: two models of one width share
# shapes of matrix products, and nothing that was made for the one may serve the other.
. "$(dirname "$0")/common.sh"
for model in vim vit; do
    write_config "$work/$model.ini" "$model"
    sed -i 's/^kind = perturbation.*/kind = perturbation/' "$work/$model.ini"
done
expect 0 "13 images in" run "$work/vit.ini" --fresh
cp "$work/vit.h5" "$work/alone.h5"
expect 0 "13 images in" run "$work/vim.ini" "$work/vit.ini" --fresh
"$SAME" "$work/alone.h5" "$work/vit.h5" || fail "a ViT after a Vim has other bits than alone"
finish
