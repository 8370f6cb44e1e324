/* Unified implicit attention (Zimerman et al., ICLR 2025; SPEC 5.3): the CLS row of the whole
 * operator from x to the gated output, convolution and gate included. Vim only. */
#include "vim_scores.h"

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens;
    double *s = vim_column_gradient(view), *m = vim_unified_scores(view);
    for (int i = 0; i < view->n; i++, s += len, m += len) {
        minmax(s, len);
        for (size_t j = 0; j < len; j++)
            m[j] *= s[j];
        minmax(m, len);
        discard_smallest(m, len, r->discard, view->host2);
        rollout_row(&tracks[i], m, (int)len, r->row_norm);
    }
}

const struct method method_unified = {
    .info = { .name = "unified",
              .summary =
                  "attribution over the unified operator: scan, convolution and gate (Vim)" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_FIXED,
    .on = METHOD_ON({ "vim", { .layer = vim_layer } }),
};
