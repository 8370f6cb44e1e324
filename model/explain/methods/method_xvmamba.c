/* X-VMamba (Mabrok and Zafari 2025): how far a token reaches through the scan, without u, D or
 * gate. Per layer min-max over the patches, their mean over all layers, min-max. */
#include <math.h>

#include "vim_scores.h"

/* (a - min) / (max - min + margin) over the patches; 0 where the range is below 1e-8. */
static void patch_minmax(const struct geometry *g, double margin, double *a)
{
    double low = INFINITY, high = -INFINITY;
    for (int t = 0; t < g->tokens; t++)
        if (geometry_is_patch(g, t)) {
            low = fmin(low, a[t]);
            high = fmax(high, a[t]);
        }
    for (int t = 0; t < g->tokens; t++)
        a[t] = high - low < 1e-8 ? 0 : (a[t] - low) / (high - low + margin);
}

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    const struct geometry *g = view->geo;
    size_t len = (size_t)g->tokens;
    double *m = vim_influence(view, r->gramian);
    for (int i = 0; i < view->n; i++, m += len) {
        patch_minmax(g, 1e-8, m);
        for (size_t t = 0; t < len; t++)
            tracks[i].v[t] += m[t] / g->depth;
        if (view->layer == 0)
            patch_minmax(g, 0, tracks[i].v);
    }
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    r->start = 0;
    return OK;
}

const struct method method_xvmamba = {
    .info = { .name = "xvmamba",
              .summary = "X-VMamba: how far a token reaches through the scan, all layers (Vim)",
              .class_agnostic = true },
    .traits = METHOD_SUMS,
    .settle = settle,
    .on = METHOD_ON({ "vim", { .layer = vim_layer } }),
};
