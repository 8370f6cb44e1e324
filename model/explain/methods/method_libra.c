/* FullGrad+ under LibraGrad's rules (Mehri et al., CVPR 2025): the products of every block's input
 * with its gradient, and the biases' with theirs, each at its own token. The first block's input
 * and the biases alone add up to the logit. */
#include <math.h>

#include "vit_scores.h"

static void add_products(struct layer_view *view, struct track *tracks, bool first)
{
    size_t len = (size_t)view->geo->tokens;
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * len,
                                         .cols = view->geo->width,
                                         .x = view->x,
                                         .y = view->g_x,
                                         .out = view->sums };
    view->be->op.row_reduce(view->be, &dot);
    be_read_doubles(view->be, view->host, view->sums, (size_t)view->n * len);
    for (size_t i = 0; i < (size_t)view->n; i++)
        for (size_t t = 0; t < len; t++) {
            tracks[i].v[t] += view->host[i * len + t];
            tracks[i].sum += first ? view->host[i * len + t] : 0;
            tracks[i].size += first ? fabs(view->host[i * len + t]) : 0;
        }
}

static void vit_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    (void)r;
    add_products(view, tracks, view->layer == 0);
}

static void vit_bottom(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens;
    be_read_doubles(view->be, view->host, view->bias, (size_t)view->n * len);
    for (size_t i = 0; i < (size_t)view->n; i++) {
        for (size_t t = 0; t < len; t++) {
            tracks[i].v[t] += view->host[i * len + t];
            tracks[i].sum += view->host[i * len + t];
            tracks[i].size += fabs(view->host[i * len + t]);
        }
        if (r->score == SCORE_LOGIT)
            tracks[i].sum_error = fabs(tracks[i].sum - view->score[i]) / tracks[i].size;
    }
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    r->start = 0;
    r->clamp_map = false;
    if (g->readout != READ_TOKEN)
        return fail_key(err, E_CONFIG, "explain.methods",
                        "'libra' wants a model of which one token meets the head; this "
                        "model's head reads several");
    return OK;
}

static const struct method_on on[] = {
    { "vit", { .passed = vit_passed, .bottom = vit_bottom } },
    { 0 },
};

const struct method method_libra = {
    .info = { .name = "libra",
              .summary =
                  "LibraGrad's FullGrad+: input and biases times gradient, all blocks (ViT)" },
    .gradient = GRADIENT_LIBRA,
    .scored = true,
    .bias = true,
    .settle = settle,
    .on = on,
    .sums = true,
};
