/* The last layer of a Vim whose head reads one token. Each direction's scan then ends at this
 * token, and z, the gate and W_out are for it alone: two thirds of the layer's products fall away.
 * What is computed is computed as in the whole layer, bit by bit.
 *
 * For backends that take one image at a time, as CPUs do: on a GPU calls of few rows cost what the
 * other rows would. */
#include "vim.h"

bool vim_last_bind(struct vim_weights *w, const struct model *m, struct backend *be)
{
    const struct geometry *g = &m->geo;
    if (be->lane_images != 1 || g->readout != READ_TOKEN || g->shared_conv)
        return true;
    bool ok = true;
    for (int k = 0; k < 2; k++) {
        w->last_in[k] = bind_weight_rows(m, be, k * g->inner, g->inner,
                                         "layers.%d.mixer.in_proj.weight", g->depth - 1);
        ok = ok && w->last_in[k] != NULL;
    }
    return ok;
}

bool vim_last_alone(const struct vim_weights *w, int n)
{
    return n == 1 && w->last_in[0] != NULL;
}

/* x of all tokens into `x` [L, E], z of the one into `z` [E]. */
static void enter(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                  const struct vim_acts *a, real *x, real *z)
{
    size_t d = (size_t)g->width, e = (size_t)g->inner;
    const real *bias = w->layer[g->depth - 1].in_bias;
    run_linear(be, w->last_in[0], bias, g->tokens, a->xn, d, x, e);
    run_linear(be, w->last_in[1], bias != NULL ? be_at(be, bias, e) : NULL, 1,
               be_at(be, a->xn, (size_t)g->cls_at * d), d, z, e);
}

/* x_proj of the tokens that a direction scans. */
static void project(const struct geometry *g, struct backend *be, const struct vim_direction *w,
                    const struct vim_acts *a, int dir)
{
    size_t e = (size_t)g->inner, cols = (size_t)(g->rank + 2 * g->state);
    size_t first = dir == 0 ? 0 : (size_t)g->cls_at;
    int rows = dir == 0 ? g->cls_at + 1 : g->tokens - g->cls_at;
    run_linear(be, w->x_proj, NULL, rows, be_at(be, a->u[dir], first * e), e,
               be_at(be, a->xdbl[dir], first * cols), cols);
}

static void mix(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                const struct vim_acts *a, const real *x, const real *z)
{
    struct conv_silu_args conv = {
        .n = 1, .len = g->tokens, .chan = g->inner, .taps = g->taps, .x = x, .ldx = (size_t)g->inner
    };
    struct scan_args scan = { .n = 1,
                              .len = g->tokens,
                              .chan = g->inner,
                              .state = g->state,
                              .rank = g->rank,
                              .z = z, /* ldz = 0: the same row for every token */
                              .out = a->gated,
                              .one_row = true,
                              .row = g->cls_at };
    for (int k = 0; k < 2; k++) {
        const struct vim_direction *v = &w->dir[k];
        conv.dir[k] = (struct conv_dir){ .w = v->conv_w, .b = v->conv_b, .u = a->u[k] };
        scan.dir[k] = (struct scan_dir){
            .u = a->u[k], .xdbl = a->xdbl[k], .w_dt = v->w_dt, .b_dt = v->b_dt, .a = v->a, .d = v->d
        };
    }
    be->op.conv_silu(be, &conv);
    for (int k = 0; k < 2; k++)
        project(g, be, &w->dir[k], a, k);
    be->op.scan(be, &scan);
}

void vim_last_forward(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                      const struct vim_acts *a, real *r, real *logits)
{
    const struct vim_layer *last = &w->layer[g->depth - 1];
    size_t at = (size_t)g->cls_at, d = (size_t)g->width, e = (size_t)g->inner;
    real *x = a->xz, *z = be_at(be, a->xz, (size_t)g->tokens * e), *row = be_at(be, r, at * d);
    vim_norm(g, be, &last->norm, g->tokens, r, a->xn, false);
    enter(g, be, w, a, x, z);
    mix(g, be, last, a, x, z);
    const struct linear_args out = { .rows = 1,
                                     .w = last->out_proj,
                                     .x = be_at(be, a->gated, at * e),
                                     .ldx = e,
                                     .bias = last->out_bias,
                                     .accumulate = true,
                                     .y = row,
                                     .ldy = d };
    be->op.linear(be, &out);
    vim_norm(g, be, &w->norm_f, 1, row, a->xn, false);
    run_linear(be, w->head, w->head_b, 1, a->xn, d, logits, (size_t)g->classes);
}
