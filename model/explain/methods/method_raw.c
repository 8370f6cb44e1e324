/* Raw attention: Vim, mean over layers of the mean channel's CLS row (SPEC 5.1, 5.2); ViT, the last
 * block's mean attention of CLS (SPEC 5.4). */
#include <string.h>

#include "vim_scores.h"
#include "vit_scores.h"

/* For a read-out other than one token: its weights times all rows of the mixing matrix. */
static void vim_all_rows(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens;
    const double *range, *m = vim_matrix_scores(view, r, r->negatives, &range);
    double layers = view->geo->depth - r->start, *weight = view->host, *row = view->host2;
    geometry_readout(view->geo, weight);
    for (int i = 0; i < view->n; i++)
        for (size_t t = 0; t < len; t++) {
            memcpy(row, m + ((size_t)i * len + t) * len, len * sizeof *row);
            if (r->minmax)
                minmax_range(row, len, range + 2 * i);
            for (size_t j = 0; j < len; j++)
                tracks[i].v[j] += weight[t] * row[j] / layers;
        }
}

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    if (view->geo->readout != READ_TOKEN) {
        vim_all_rows(view, r, tracks);
        return;
    }
    size_t len = (size_t)view->geo->tokens;
    const double *range, *m = vim_row_scores(view, r, r->negatives, &range);
    double layers = view->geo->depth - r->start;
    for (int i = 0; i < view->n; i++) {
        double *row = view->host2;
        memcpy(row, m + (size_t)i * len, len * sizeof *row);
        if (r->minmax)
            minmax_range(row, len, range + 2 * i);
        for (size_t j = 0; j < len; j++)
            tracks[i].v[j] += row[j] / layers;
    }
}

/* Row c of the last block's maps; for another read-out, its weights times all rows. */
static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    const struct geometry *g = view->geo;
    size_t len = (size_t)g->tokens;
    (void)r;
    if (view->layer != g->depth - 1)
        return;
    const real *a = vit_attention_map(view);
    for (int i = 0; i < view->n && g->readout == READ_TOKEN; i++)
        be_read_doubles(view->be, tracks[i].v,
                        be_at(view->be, a, ((size_t)i * len + (size_t)g->cls_at) * len), len);
    if (g->readout == READ_TOKEN)
        return;
    double *weight = view->host2;
    geometry_readout(g, weight);
    be_read_doubles(view->be, view->host, a, (size_t)view->n * len * len);
    for (int i = 0; i < view->n; i++)
        for (size_t row = 0; row < len; row++)
            for (size_t j = 0; j < len; j++)
                tracks[i].v[j] += weight[row] * view->host[((size_t)i * len + row) * len + j];
}

const struct method method_raw = {
    .info = { .name = "raw",
              .summary = "attention of CLS as it is: mean over layers (Vim), last block (ViT)",
              .class_agnostic = true },
    .traits = METHOD_SUMS,
    .on = METHOD_ON({ "vim", { .layer = vim_layer } }, { "vit", { .layer = vit_layer } }),
};
