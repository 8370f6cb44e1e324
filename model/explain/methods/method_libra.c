/* FullGrad+ under LibraGrad's rules (Mehri et al., CVPR 2025): the products of every block's input
 * with its gradient, and the biases' with theirs, each at its own token. The first block's input
 * and the biases alone add up to the logit. */
#include "input.h"

/* Adds the sums on the device to all images' tracks. */
static void add(const struct layer_view *view, struct track *tracks, const real *values)
{
    size_t len = (size_t)view->geo->tokens;
    be_read_doubles(view->be, view->host, values, (size_t)view->n * len);
    for (size_t i = 0; i < (size_t)view->n * len; i++)
        tracks[i / len].v[i % len] += view->host[i];
}

static void vit_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * (size_t)view->geo->tokens,
                                         .cols = view->geo->width,
                                         .x = view->x,
                                         .y = view->g_x,
                                         .out = view->sums };
    (void)r;
    view->be->op.row_reduce(view->be, &dot);
    add(view, tracks, view->sums);
}

static void vit_bottom(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    add(view, tracks, view->bias);
    if (r->score == SCORE_LOGIT)
        input_sum_error(view, tracks);
}

const struct method method_libra = {
    .info = { .name = "libra",
              .summary = "LibraGrad's FullGrad+: input and biases times gradient, all blocks (ViT)",
              .adds_up = true },
    .gradient = GRADIENT_LIBRA,
    .traits = METHOD_SUMS | METHOD_SCORED | METHOD_BIAS,
    .settle = settle_signed,
    .on = METHOD_ON({ "vit", { .passed = vit_passed, .bottom = vit_bottom } }),
};
