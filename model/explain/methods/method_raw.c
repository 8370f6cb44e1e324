/* Raw attention: Vim, mean over layers of the mean channel's CLS row (SPEC 5.1, 5.2); ViT, the last
 * block's mean attention of CLS (SPEC 5.4). */
#include <string.h>

#include "vim_scores.h"
#include "vit_scores.h"

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
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

static void vit_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens, cls = (size_t)view->geo->cls_at;
    (void)r;
    if (view->layer != view->geo->depth - 1)
        return;
    const real *a = vit_attention_map(view);
    for (int i = 0; i < view->n; i++)
        be_read_doubles(view->be, tracks[i].v, be_at(view->be, a, ((size_t)i * len + cls) * len),
                        len);
}

static const struct method_on on[] = {
    { "vim", { .layer = vim_layer } },
    { "vit", { .layer = vit_layer } },
    { 0 },
};

const struct method method_raw = {
    .info = { .name = "raw",
              .summary = "attention of CLS as it is: mean over layers (Vim), last block (ViT)",
              .class_agnostic = true },
    .on = on,
    .sums = true,
};
