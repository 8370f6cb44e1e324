/* Partial LRP, as Transformer-Explainability has it (Chefer et al., CVPR 2021): the relevance of
 * the last block's attention by the first LRP, mean over heads of its positive part, the row of
 * CLS. */
#include <math.h>

#include "vit_scores.h"

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens, heads = (size_t)view->geo->heads;
    (void)r;
    for (int i = 0; i < view->n; i++) {
        vit_cls_relevance(view, i, view->host);
        for (size_t h = 0; h < heads; h++)
            for (size_t t = 0; t < len; t++)
                tracks[i].v[t] += fmax(view->host[h * len + t], 0) / (double)heads;
    }
}

const struct method method_partial_lrp = {
    .info = { .name = "partial_lrp",
              .summary = "LRP of the last block's attention of CLS (ViT)",
              .needs_double = true },
    .gradient = GRADIENT_FIRST_LRP,
    .traits = METHOD_SUMS,
    .settle = settle_last_token,
    .on = METHOD_ON({ "vit", { .layer = vit_layer, .relevance = true } }),
};
