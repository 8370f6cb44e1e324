/* Attention rollout (Abnar and Zuidema 2020) over hidden attention (SPEC 5.1, 5.2) or attention
 * (SPEC 5.4). */
#include "vim_scores.h"
#include "vit_scores.h"

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    int len = view->geo->tokens;
    size_t count = (size_t)len * (r->full_matrix ? (size_t)len : 1);
    const double *range;
    double *m = r->full_matrix ? vim_matrix_scores(view, r, r->negatives, &range)
                               : vim_row_scores(view, r, r->negatives, &range);
    for (int i = 0; i < view->n; i++) {
        double *k = view->host2;
        for (size_t j = 0; j < count; j++)
            k[j] = m[(size_t)i * count + j];
        vim_rollout(view, r, &tracks[i], k);
    }
}

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    vit_rollout(view, r, tracks, vit_attention_map(view));
}

const struct method method_rollout = {
    .info = { .name = "rollout",
              .summary = "attention rollout: product of the layers' mean attention plus identity",
              .class_agnostic = true },
    .on = METHOD_ON({ "vim", { .layer = vim_layer } }, { "vit", { .layer = vit_layer } }),
};
