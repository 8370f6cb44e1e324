/* Attribution: rollout of attention weighted by gradients (Mamba-Attribution, SPEC 5.1, 5.2) and by
 * gradients and relevance (Transformer-Attribution, SPEC 5.4). */
#include "vim_scores.h"
#include "vit_scores.h"

/* Columns weighted by s_j >= 0: the sign rule applies to each channel's scores. */
static void weigh_columns(struct layer_view *view, const struct rules *r, int image,
                          const double *range, double *k, const double *s)
{
    size_t len = (size_t)view->geo->tokens, rows = r->full_matrix ? len : 1;
    if (r->minmax)
        minmax_range(k, rows * len, range + 2 * image);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < len; j++)
            k[i * len + j] *= s[j];
}

/* Rows weighted by q_i of any sign: the sign rule applies to the product (Eq. 24). */
static void weigh_rows(struct layer_view *view, const struct rules *r, int image,
                       const double *range, double *k, const double *q)
{
    size_t len = (size_t)view->geo->tokens, rows = r->full_matrix ? len : 1;
    if (r->minmax)
        minmax_range(k, rows * len, range + 2 * image);
    for (size_t i = 0; i < rows; i++) {
        double weight = r->full_matrix ? q[i] : q[view->geo->cls_at];
        for (size_t j = 0; j < len; j++)
            k[i * len + j] = apply_sign(r->negatives, weight * k[i * len + j]);
    }
}

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    int len = view->geo->tokens;
    size_t count = (size_t)len * (r->full_matrix ? (size_t)len : 1);
    enum sign_rule sign = r->gated_gradient ? SIGN_KEEP : r->negatives;
    double *weight = r->gated_gradient ? vim_row_gradient(view) : vim_column_gradient(view);
    const double *range;
    const double *m = r->full_matrix ? vim_matrix_scores(view, r, sign, &range)
                                     : vim_row_scores(view, r, sign, &range);
    for (int i = 0; i < view->n; i++) {
        double *k = view->host2, *w = weight + (size_t)i * (size_t)len;
        for (size_t j = 0; j < count; j++)
            k[j] = m[(size_t)i * count + j];
        if (r->gated_gradient) {
            weigh_rows(view, r, i, range, k, w);
        } else {
            if (r->minmax)
                minmax(w, (size_t)len);
            weigh_columns(view, r, i, range, k, w);
        }
        vim_rollout(view, r, &tracks[i], k);
    }
}

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    vit_rollout(view, r, tracks, vit_weighted_map(view));
}

const struct method method_attribution = {
    .info = { .name = "attribution",
              .summary = "rollout of attention weighted by the class gradient (Vim) and LRP (ViT)",
              .needs_double = true },
    .gradient = GRADIENT_PLAIN,
    .on = METHOD_ON({ "vim", { .layer = vim_layer } },
                    { "vit", { .layer = vit_layer, .relevance = true } }),
};
