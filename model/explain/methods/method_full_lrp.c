/* LRP, as Transformer-Explainability has it for comparison (Chefer et al., CVPR 2021): the first
 * LRP's rules through all blocks, and the z^B rule at the pixels. Nothing is conserved. */
#include "input.h"

const struct method method_full_lrp = {
    .info = { .name = "full_lrp",
              .summary = "LRP of all blocks down to the pixels, signed (ViT)",
              .needs_double = true },
    .gradient = GRADIENT_FIRST_LRP,
    .traits = METHOD_SUMS,
    .levels = 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PIXEL,
    .settle = settle_signed,
    .on = METHOD_ON({ "vit", { .bottom = input_box_relevance, .relevance = true } }),
};
