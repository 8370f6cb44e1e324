/* Gradients of Vim with respect to activations, layer by layer from the top. */
#include "vim.h"

void vim_grads_layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                      struct vim_grads *gr)
{
    size_t rows = (size_t)n * (size_t)g->tokens, e = (size_t)g->inner, size = be->real_size;
    gr->gated = bump_take(b, rows * e, size);
    gr->xz = bump_take(b, rows * 2 * e, size);
    gr->xn = bump_take(b, rows * (size_t)g->width, size);
    for (int k = 0; k < 2; k++) {
        gr->u[k] = bump_take(b, rows * e, size);
        gr->xdbl[k] = bump_take(b, rows * (size_t)(g->rank + 2 * g->state), size);
    }
}

static void linear_back(struct backend *be, const struct weight *w, int rows, const real *gy,
                        size_t ldgy, bool accumulate, real *gx, size_t ldgx)
{
    const struct linear_back_args a = { .rows = rows,
                                        .w = w,
                                        .gy = gy,
                                        .ldgy = ldgy,
                                        .accumulate = accumulate,
                                        .gx = gx,
                                        .ldgx = ldgx };
    be->op.linear_back(be, &a);
}

void vim_head_back(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                   const struct vim_back_rules *rules, int n, const real *r, const real *onehot,
                   real *normed, real *gr)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    /* Only the CLS token meets the head; 0 times anything finite clears the rest. */
    run_map2(be, MAP_COPY, r, NULL, normed, (size_t)n * len * d, 0.0);
    linear_back(be, w->head, n, onehot, (size_t)g->classes, false,
                be_at(be, normed, (size_t)g->cls_at * d), len * d);
    vim_norm_back(g, be, &w->norm_f, n * g->tokens, r, normed, rules->detach_norm, false, gr);
}

void vim_layer_back_gated(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                          const struct vim_grads *gr_, int n, const real *gr)
{
    linear_back(be, w->out_proj, n * g->tokens, gr, (size_t)g->width, false, gr_->gated,
                (size_t)g->inner);
}

/* What the second direction scanned came from the first one's convolution. */
static void join_conv(const struct geometry *g, struct backend *be, const struct vim_grads *s,
                      int n)
{
    size_t count = (size_t)n * (size_t)g->tokens * (size_t)g->inner;
    run_map2(be, MAP_ADD, s->u[0], s->u[1], s->u[0], count, 1.0);
    run_map2(be, MAP_COPY, s->u[0], NULL, s->u[1], count, 0.0);
}

void vim_layer_back(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                    const struct vim_acts *a, const struct vim_grads *s,
                    const struct vim_back_rules *rules, int n, const real *r, real *gr)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width, e = (size_t)g->inner, xdbl = (size_t)(g->rank + 2 * g->state);
    struct scan_back_args scan = { .n = n,
                                   .len = g->tokens,
                                   .chan = g->inner,
                                   .state = g->state,
                                   .rank = g->rank,
                                   .z = be_at(be, a->xz, e),
                                   .ldz = 2 * e,
                                   .gout = s->gated,
                                   .detach = rules->detach_scan,
                                   .half_gate = rules->half_gate,
                                   .silu_ratio = rules->silu_ratio,
                                   .gz = be_at(be, s->xz, e),
                                   .ldgz = 2 * e };
    struct conv_silu_back_args conv = { .n = n,
                                        .len = g->tokens,
                                        .chan = g->inner,
                                        .taps = g->taps,
                                        .x = a->xz,
                                        .ldx = 2 * e,
                                        .silu_ratio = rules->silu_ratio,
                                        .gx = s->xz,
                                        .ldgx = 2 * e };
    for (int k = 0; k < 2; k++) {
        const struct vim_direction *v = &w->dir[k];
        scan.dir[k] = (struct scan_dir){
            .u = a->u[k], .xdbl = a->xdbl[k], .w_dt = v->w_dt, .b_dt = v->b_dt, .a = v->a, .d = v->d
        };
        scan.delta[k] = a->delta[k];
        scan.gu[k] = s->u[k];
        scan.gxdbl[k] = s->xdbl[k];
        conv.dir[k].w = v->conv_w;
        conv.dir[k].b = v->conv_b;
        conv.dir[k].gu = s->u[k];
    }
    be->op.scan_back(be, &scan);
    for (int k = 0; k < 2 && !rules->detach_scan; k++)
        linear_back(be, w->dir[k].x_proj, rows, s->xdbl[k], xdbl, true, s->u[k], e);
    if (g->shared_conv)
        join_conv(g, be, s, n);
    be->op.conv_silu_back(be, &conv);
    linear_back(be, w->in_proj, rows, s->xz, 2 * e, false, s->xn, d);
    vim_norm_back(g, be, &w->norm, rows, r, s->xn, rules->detach_norm, true, gr);
}
