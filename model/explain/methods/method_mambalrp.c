/* MambaLRP (Jafari et al., NeurIPS 2024; SPEC 5.5): gradient times input at the tokens, under the
 * changed backward rules of vim_back_rules. Vim only. */
#include "vim_scores.h"

static void vim_bottom(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens, d = (size_t)view->geo->width;
    (void)r;
    real *sums = vim_row_buffer(view);
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * len,
                                         .cols = (int)d,
                                         .x = view->tokens,
                                         .y = view->g_tokens,
                                         .out = sums };
    view->be->op.row_reduce(view->be, &dot);
    for (int i = 0; i < view->n; i++)
        be_read_doubles(view->be, tracks[i].v, be_at(view->be, sums, (size_t)i * len), len);
}

static const struct method_on on[] = {
    { "vim", { .bottom = vim_bottom } },
    { 0 },
};

const struct method method_mambalrp = {
    .info = { .name = "mambalrp",
              .summary = "MambaLRP: relevance of the tokens by rule-changed gradients (Vim)" },
    .gradient = GRADIENT_MAMBALRP,
    .fixed_protocol = true,
    .on = on,
    .sums = true,
};
