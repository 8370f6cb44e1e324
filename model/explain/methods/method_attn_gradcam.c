/* GradCAM on attention, as Transformer-Explainability has it (Chefer et al., CVPR 2021): of the
 * last block's row c, patches only, each head weighted by its mean gradient. */
#include <math.h>

#include "vit_scores.h"

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    const struct geometry *g = view->geo;
    size_t len = (size_t)g->tokens, heads = (size_t)g->heads;
    double *attention = view->host, *gradient = view->host2; /* [H, L] each, of [L, L] */
    double patches = (double)g->grid * g->grid;
    (void)r;
    for (int i = 0; i < view->n; i++) {
        double *v = tracks[i].v;
        vit_cls_rows(view, i, attention, gradient);
        for (size_t h = 0; h < heads; h++) {
            double weight = 0;
            for (size_t t = 0; t < len; t++)
                weight += geometry_is_patch(g, (int)t) ? gradient[h * len + t] / patches : 0;
            for (size_t t = 0; t < len; t++)
                v[t] += weight * attention[h * len + t] / (double)heads;
        }
        for (size_t t = 0; t < len; t++)
            v[t] = fmax(v[t], 0);
    }
}

const struct method method_attn_gradcam = {
    .info = { .name = "attn_gradcam",
              .summary = "GradCAM on the last block's attention of CLS (ViT)" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_SUMS | METHOD_SCORED,
    .settle = settle_last_token,
    .on = METHOD_ON({ "vit", { .layer = vit_layer } }),
};
