/* LRP, as Transformer-Explainability has it for comparison (Chefer et al., CVPR 2021): the first
 * LRP's rules through all blocks, and the z^B rule at the pixels. Nothing is conserved. */
#include "input.h"

static const struct method_on on[] = {
    { "vit", { .bottom = input_box_relevance, .relevance = true } },
    { 0 },
};

const struct method method_full_lrp = {
    .info = { .name = "full_lrp",
              .summary = "LRP of all blocks down to the pixels, signed (ViT)",
              .needs_double = true },
    .gradient = GRADIENT_FIRST_LRP,
    .levels = 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PIXEL,
    .settle = settle_signed,
    .on = on,
    .sums = true,
};
