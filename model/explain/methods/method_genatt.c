/* Generic attention explainability (Chefer et al., ICCV 2021): R <- R + A' R from the first block
 * on, where A' is the mean over heads of (∂A ⊙ A)⁺; the map is row c. Rows are not normalised. */
#include "vit_scores.h"

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    vit_rollout(view, r, tracks, vit_gradient_map(view));
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    r->start = 0;
    r->row_norm = false;
    return OK;
}

const struct method method_genatt = {
    .info = { .name = "genatt",
              .summary = "rollout of attention times its gradient, clamped, all blocks (ViT)" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_SCORED | METHOD_BACKWARD,
    .settle = settle,
    .on = METHOD_ON({ "vit", { .layer = vit_layer } }),
};
