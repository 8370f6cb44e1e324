#include "vim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rotate.h"
#include "vim_geometry.h"
#include "vim_read.h"

/* ---- weights ---- */

static float minus_exp(float a_log)
{
    return (float)-exp((double)a_log);
}

static bool bind_direction(struct vim_direction *w, const struct model *m, struct backend *be,
                           unsigned uses, int layer, const char *b)
{
    w->conv_w = bind_transposed(m, be, NULL, "layers.%d.mixer.conv1d%s.weight", layer, b);
    w->conv_b = bind_array(m, be, "layers.%d.mixer.conv1d%s.bias", layer, b);
    w->x_proj = bind_weight(m, be, uses, "layers.%d.mixer.x_proj%s.weight", layer, b);
    w->w_dt = bind_transposed(m, be, NULL, "layers.%d.mixer.dt_proj%s.weight", layer, b);
    w->b_dt = bind_array(m, be, "layers.%d.mixer.dt_proj%s.bias", layer, b);
    w->a = bind_transposed(m, be, minus_exp, "layers.%d.mixer.A%s_log", layer, b);
    w->d = bind_array(m, be, "layers.%d.mixer.D%s", layer, b);
    return w->conv_w && w->conv_b && w->x_proj && w->w_dt && w->b_dt && w->a && w->d;
}

/* The scan's operation halves the sum of both directions; a model that does not is one whose W_out
 * is twice as large, which is exact. */
static struct weight *bind_out(const struct model *m, struct backend *be, unsigned uses, int layer)
{
    if (!m->geo.undivided)
        return bind_weight(m, be, uses, "layers.%d.mixer.out_proj.weight", layer);
    return bind_scaled_weight(m, be, uses, 2, "layers.%d.mixer.out_proj.weight", layer);
}

static bool bind_layer(struct vim_layer *w, const struct model *m, struct backend *be,
                       unsigned uses, int layer)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%d.norm", layer);
    w->in_proj = bind_weight(m, be, uses, "layers.%d.mixer.in_proj.weight", layer);
    w->out_proj = bind_out(m, be, uses, layer);
    bool ok = vim_norm_bind(&w->norm, m, be, name) && w->in_proj && w->out_proj;
    if (m->geo.in_bias)
        ok = (w->in_bias = bind_array(m, be, "layers.%d.mixer.in_proj.bias", layer)) != NULL && ok;
    if (m->geo.out_bias)
        ok =
            (w->out_bias = bind_array(m, be, "layers.%d.mixer.out_proj.bias", layer)) != NULL && ok;
    for (int k = 0; k < 2; k++)
        ok = bind_direction(&w->dir[k], m, be, uses, layer, vim_suffix[k]) && ok;
    return ok;
}

static void unbind_layer(struct vim_layer *l, struct backend *be)
{
    vim_norm_unbind(&l->norm, be);
    be->free(be, l->in_bias);
    be->free(be, l->out_bias);
    be->op.weight_free(be, l->in_proj);
    be->op.weight_free(be, l->out_proj);
    for (int k = 0; k < 2; k++) {
        be->op.weight_free(be, l->dir[k].x_proj);
        real *arrays[] = { l->dir[k].conv_w, l->dir[k].conv_b, l->dir[k].w_dt,
                           l->dir[k].b_dt,   l->dir[k].a,      l->dir[k].d };
        for (size_t j = 0; j < sizeof arrays / sizeof arrays[0]; j++)
            be->free(be, arrays[j]);
    }
    *l = (struct vim_layer){ 0 };
}

static bool bind_readout(struct vim_weights *w, const struct model *m, struct backend *be,
                         unsigned uses)
{
    bool ok = vim_norm_bind(&w->norm_f, m, be, "norm_f");
    w->head = bind_weight(m, be, uses, "head.weight");
    w->head_b = bind_array(m, be, "head.bias");
    return vim_read_bind(w, m, be, uses) && ok && w->head && w->head_b;
}

static void unbind_readout(struct vim_weights *w, struct backend *be)
{
    vim_norm_unbind(&w->norm_f, be);
    be->op.weight_free(be, w->head);
    be->free(be, w->head_b);
    be->free(be, w->read);
    be->op.weight_free(be, w->neck);
    be->free(be, w->norm_neck);
    w->norm_f = (struct vim_norm){ 0 };
    w->head = w->neck = NULL;
    w->head_b = w->read = w->norm_neck = NULL;
}

/* vim_last_bind's are of the last layer. */
static bool bind_part(struct vim_weights *w, const struct model *m, struct backend *be,
                      unsigned uses, int part)
{
    int layer = w->depth - part;
    if (part > w->depth)
        return stem_bind(&w->stem, m, be, vim_others);
    if (part == 0)
        return bind_readout(w, m, be, uses);
    return bind_layer(&w->layer[layer], m, be, uses, layer) &&
           (part > 1 || vim_last_bind(w, m, be));
}

static void unbind_part(struct vim_weights *w, struct backend *be, int part)
{
    if (part > w->depth)
        stem_unbind(&w->stem, be);
    else if (part > 0)
        unbind_layer(&w->layer[w->depth - part], be);
    else
        unbind_readout(w, be);
    for (int k = 0; k < 2 && part == 1; k++) {
        be->op.weight_free(be, w->last_in[k]);
        w->last_in[k] = NULL;
    }
}

static void unbind(void *weights, struct backend *be)
{
    struct vim_weights *w = weights;
    if (w == NULL)
        return;
    for (int part = w->layer != NULL ? w->depth + 1 : -1; part >= 0; part--)
        unbind_part(w, be, part);
    free(w->layer);
    free(w);
}

static void *bind(const struct model *m, struct backend *be, unsigned uses)
{
    struct vim_weights *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->depth = m->geo.depth;
    w->layer = calloc((size_t)w->depth, sizeof *w->layer);
    bool ok = w->layer != NULL;
    for (int part = w->depth + 1; ok && part >= 0; part--)
        ok = bind_part(w, m, be, uses, part);
    if (ok)
        return w;
    unbind(w, be);
    return NULL;
}

static bool rebind(void *weights, const struct model *m, struct backend *be, unsigned uses,
                   int part)
{
    unbind_part(weights, be, part);
    return bind_part(weights, m, be, uses, part);
}

/* ---- forward ---- */

void vim_acts_layout(const struct geometry *g, const struct backend *be, int n, bool explained,
                     struct bump *b, struct vim_acts *a)
{
    size_t rows = (size_t)n * (size_t)g->tokens, e = (size_t)g->inner, size = be->real_size;
    a->narrow = be->narrow && !explained && !g->shared_conv && !g->rope;
    size_t passing = be_size(be, a->narrow); /* of what goes from one operation to the next */
    a->xn = bump_take(b, rows * (size_t)g->width, passing);
    a->xz = bump_take(b, rows * 2 * e, passing);
    a->gated = bump_take(b, rows * e, passing);
    for (int k = 0; k < 2; k++) {
        a->u[k] = bump_take(b, rows * e, passing);
        a->xdbl[k] = bump_take(b, rows * (size_t)(g->rank + 2 * g->state), size);
        a->pre[k] = explained ? bump_take(b, rows * e, size) : NULL;
        a->delta[k] = explained ? bump_take(b, rows * e, size) : NULL;
        a->y[k] = explained ? bump_take(b, rows * e, size) : NULL;
    }
}

/* The second direction scans what the first does. */
static void share_conv(const struct geometry *g, struct backend *be, const struct vim_acts *a,
                       int n)
{
    size_t count = (size_t)n * (size_t)g->tokens * (size_t)g->inner;
    run_copy(be, a->u[0], a->u[1], count);
    if (a->pre[0] != NULL)
        run_copy(be, a->pre[0], a->pre[1], count);
}

void vim_layer_inner(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                     const struct vim_acts *a, int n, const real *r)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width, e = (size_t)g->inner, xdbl = (size_t)(g->rank + 2 * g->state);
    vim_norm(g, be, &w->norm, rows, r, a->xn, a->narrow);
    const struct linear_args in = { .rows = rows,
                                    .w = w->in_proj,
                                    .x = a->xn,
                                    .ldx = d,
                                    .bias = w->in_bias,
                                    .y = a->xz,
                                    .ldy = 2 * e,
                                    .narrow_x = a->narrow,
                                    .narrow_y = a->narrow };
    be->op.linear(be, &in);

    struct conv_silu_args conv = { .n = n,
                                   .len = g->tokens,
                                   .chan = g->inner,
                                   .taps = g->taps,
                                   .x = a->xz,
                                   .ldx = 2 * e,
                                   .narrow = a->narrow };
    for (int k = 0; k < 2; k++)
        conv.dir[k] = (struct conv_dir){
            .w = w->dir[k].conv_w, .b = w->dir[k].conv_b, .u = a->u[k], .pre = a->pre[k]
        };
    be->op.conv_silu(be, &conv);
    if (g->shared_conv)
        share_conv(g, be, a, n);

    struct scan_args scan = { .n = n,
                              .len = g->tokens,
                              .chan = g->inner,
                              .state = g->state,
                              .rank = g->rank,
                              .z = be_at_narrow(be, a->narrow, a->xz, e),
                              .ldz = 2 * e,
                              .out = a->gated,
                              .narrow = a->narrow };
    for (int k = 0; k < 2; k++) {
        const struct vim_direction *v = &w->dir[k];
        const struct linear_args x_proj = { .rows = rows,
                                            .w = v->x_proj,
                                            .x = a->u[k],
                                            .ldx = e,
                                            .y = a->xdbl[k],
                                            .ldy = xdbl,
                                            .narrow_x = a->narrow };
        be->op.linear(be, &x_proj);
        scan.dir[k] = (struct scan_dir){
            .u = a->u[k], .xdbl = a->xdbl[k], .w_dt = v->w_dt, .b_dt = v->b_dt, .a = v->a, .d = v->d
        };
        scan.delta[k] = a->delta[k];
        scan.y[k] = a->y[k];
    }
    be->op.scan(be, &scan);
}

void vim_layer_close(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                     const struct vim_acts *a, int n, real *r)
{
    const struct linear_args out = { .rows = n * g->tokens,
                                     .w = w->out_proj,
                                     .x = a->gated,
                                     .ldx = (size_t)g->inner,
                                     .bias = w->out_bias,
                                     .accumulate = true,
                                     .y = r,
                                     .ldy = (size_t)g->width,
                                     .narrow_x = a->narrow };
    be->op.linear(be, &out);
}

void vim_between(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                 const struct vim_acts *a, int n, real *r)
{
    if (g->rope)
        rotate_tokens(g, be, w->stem.rotation, false, n, r, a->xn);
}

static void classify(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                     int n, const real *r, real *normed, bool narrow, real *logits)
{
    size_t d = (size_t)g->width;
    vim_norm(g, be, &w->norm_f, n * g->tokens, r, normed, narrow);
    const struct linear_args l = { .rows = n,
                                   .w = w->head,
                                   .x = be_at_narrow(be, narrow, normed, (size_t)g->cls_at * d),
                                   .ldx = (size_t)g->tokens * d,
                                   .bias = w->head_b,
                                   .y = logits,
                                   .ldy = (size_t)g->classes,
                                   .narrow_x = narrow };
    be->op.linear(be, &l);
}

void vim_head(const struct geometry *g, struct backend *be, const struct vim_weights *w, int n,
              const real *r, real *normed, real *logits)
{
    classify(g, be, w, n, r, normed, false, logits);
}

static const struct stem *stem_of(const void *weights)
{
    return &((const struct vim_weights *)weights)->stem;
}

struct vim_ws {
    struct vim_acts acts;
    struct vim_read read; /* where more than one token is read */
};

static void layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                   void *ws)
{
    struct vim_ws *v = ws;
    vim_acts_layout(g, be, n, false, b, &v->acts);
    if (g->readout != READ_TOKEN)
        vim_read_layout(g, be, n, false, b, &v->read);
}

static void forward(const struct geometry *g, struct backend *be, const void *weights, void *ws,
                    int n, real *tokens, real *logits)
{
    const struct vim_weights *w = weights;
    const struct vim_ws *v = ws;
    const struct vim_acts *a = &v->acts;
    const bool alone = vim_last_alone(w, n);
    for (int i = 0; i < g->depth - alone; i++) {
        vim_layer_inner(g, be, &w->layer[i], a, n, tokens);
        vim_layer_close(g, be, &w->layer[i], a, n, tokens);
        if (i < g->depth - 1)
            vim_between(g, be, w, a, n, tokens);
    }
    if (alone)
        vim_last_forward(g, be, w, a, tokens, logits);
    else if (g->readout == READ_TOKEN)
        classify(g, be, w, n, tokens, a->xn, a->narrow, logits);
    else
        vim_read_forward(g, be, w, n, tokens, &v->read, logits);
}

const struct arch_type vim_type = {
    .name = "vim",
    .title = "Vim",
    .tensors = { .stems = vim_stems, .marks = vim_marks, .layers = "layers." },
    .adopt = vim_adopt,
    .published = vim_published,
    .own_sizes = vim_own_sizes,
    .complete = vim_complete,
    .read_geometry = vim_read_geometry,
    .list_tensors = vim_list_tensors,
    .describe = vim_describe,
    .initialise = vim_initialise,
    .tie = vim_tie,
    .bind = bind,
    .rebind = rebind,
    .unbind = unbind,
    .stem = stem_of,
    .ws_size = sizeof(struct vim_ws),
    .layout = layout,
    .forward = forward,
    .explain = &vim_explain,
};
