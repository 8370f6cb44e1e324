/* AttnLRP (Achtibat et al., ICML 2024): input times a gradient whose rules keep relevance, the γ
 * rule in MLPs, head and patch projection. What the tokens and the biases take adds up to the logit
 * where attention passes to its values alone. */
#include "input.h"

static void vit_bottom(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    input_times_gradient(view, r, tracks);
    if (r->softmax == SOFTMAX_CP && r->score == SCORE_LOGIT)
        input_sum_error(view, tracks);
}

static const struct method_on on[] = {
    { "vit", { .bottom = vit_bottom } },
    { 0 },
};

const struct method method_attnlrp = {
    .info = { .name = "attnlrp",
              .summary = "AttnLRP: input times a gradient by LRP's rules, signed (ViT)",
              .adds_up = true },
    .gradient = GRADIENT_ATTNLRP,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PIXEL,
    .scored = true,
    .bias = true,
    .settle = settle_signed,
    .on = on,
    .sums = true,
};
