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

const struct method method_attnlrp = {
    .info = { .name = "attnlrp",
              .summary = "AttnLRP: input times a gradient by LRP's rules, signed (ViT)",
              .adds_up = true },
    .gradient = GRADIENT_ATTNLRP,
    .traits = METHOD_SUMS | METHOD_SCORED | METHOD_BIAS,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PIXEL,
    .settle = settle_signed,
    .on = METHOD_ON({ "vit", { .bottom = vit_bottom } }),
};
