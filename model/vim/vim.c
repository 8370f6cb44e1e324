#include "vim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUBLISHED_SIZE = 224 }; /* image side of every published checkpoint (SPEC 2) */

/* The backward direction's tensors carry a suffix; A and conv1d carry it inside. */
static const char *const suffix[2] = { "", "_b" };

static enum status read_geometry(const struct checkpoint *ck, const struct model_options *o,
                                 struct geometry *g, struct notes *notes, struct error *err)
{
    const struct tensor *pos, *proj, *in_proj, *conv, *a, *dt, *head;
    char name[64];
    if (checkpoint_find(ck, "cls_token") == NULL)
        return fail(err, E_DATA, "%s: a Vim without a CLS token, which is not supported", ck->path);
    TRY(need_tensor(ck, "pos_embed", 3, &pos, err));
    TRY(need_tensor(ck, "patch_embed.proj.weight", 4, &proj, err));
    TRY(need_tensor(ck, "layers.0.mixer.in_proj.weight", 2, &in_proj, err));
    TRY(need_tensor(ck, "layers.0.mixer.conv1d.weight", 3, &conv, err));
    TRY(need_tensor(ck, "layers.0.mixer.A_log", 2, &a, err));
    TRY(need_tensor(ck, "layers.0.mixer.dt_proj.weight", 2, &dt, err));
    TRY(need_tensor(ck, "head.weight", 2, &head, err));
    g->width = (int)proj->shape[0];
    g->patch = (int)proj->shape[2];
    g->inner = (int)a->shape[0];
    g->state = (int)a->shape[1];
    g->taps = (int)conv->shape[2];
    g->rank = (int)dt->shape[1];
    g->classes = (int)head->shape[0];
    do
        snprintf(name, sizeof name, "layers.%d.norm.weight", ++g->depth);
    while (checkpoint_find(ck, name) != NULL);
    if (o->heads != 0 && !o->heads_if_any)
        return fail(err, E_CONFIG,
                    "model.heads = %d: %s is a Vim, which has no heads; leave it out", o->heads,
                    ck->path);
    g->others = 1;
    enum status s = place_patches(g, pos->shape[1], PUBLISHED_SIZE, o, err);
    if (s != OK)
        return fail_prefix(err, "%s: ", ck->path);
    g->cls_at = g->other_at[0] = (g->tokens - 1) / 2;
    g->eps = o->eps > 0 ? o->eps : VIM_NORM_EPS;
    if (o->image_size == 0 && g->stride != g->patch)
        note(notes,
             "image: %d pixels with patches every %d of %d, as that fits; no tensor says it "
             "(model.image_size)",
             g->image_size, g->stride, g->patch);
    return OK;
}

static void list_tensors(const struct geometry *g, struct tensor_list *t)
{
    int64_t d = g->width, e = g->inner, n = g->state, r = g->rank;
    tensor_list_add(t, 1, 1, d, 0, "cls_token");
    tensor_list_add(t, 1, g->tokens, d, 0, "pos_embed");
    tensor_list_add(t, d, 3, g->patch, g->patch, "patch_embed.proj.weight");
    tensor_list_add(t, d, 0, 0, 0, "patch_embed.proj.bias");
    for (int i = 0; i < g->depth; i++) {
        tensor_list_add(t, d, 0, 0, 0, "layers.%d.norm.weight", i);
        tensor_list_add(t, 2 * e, d, 0, 0, "layers.%d.mixer.in_proj.weight", i);
        tensor_list_add(t, d, e, 0, 0, "layers.%d.mixer.out_proj.weight", i);
        for (int k = 0; k < 2; k++) {
            const char *b = suffix[k];
            tensor_list_add(t, e, 1, g->taps, 0, "layers.%d.mixer.conv1d%s.weight", i, b);
            tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.conv1d%s.bias", i, b);
            tensor_list_add(t, r + 2 * n, e, 0, 0, "layers.%d.mixer.x_proj%s.weight", i, b);
            tensor_list_add(t, e, r, 0, 0, "layers.%d.mixer.dt_proj%s.weight", i, b);
            tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.dt_proj%s.bias", i, b);
            tensor_list_add(t, e, n, 0, 0, "layers.%d.mixer.A%s_log", i, b);
            tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.D%s", i, b);
        }
    }
    tensor_list_add(t, d, 0, 0, 0, "norm_f.weight");
    tensor_list_add(t, g->classes, d, 0, 0, "head.weight");
    tensor_list_add(t, g->classes, 0, 0, 0, "head.bias");
}

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

static bool bind_layer(struct vim_layer *w, const struct model *m, struct backend *be,
                       unsigned uses, int layer)
{
    w->norm = bind_array(m, be, "layers.%d.norm.weight", layer);
    w->in_proj = bind_weight(m, be, uses, "layers.%d.mixer.in_proj.weight", layer);
    w->out_proj = bind_weight(m, be, uses, "layers.%d.mixer.out_proj.weight", layer);
    bool ok = w->norm && w->in_proj && w->out_proj;
    for (int k = 0; k < 2; k++)
        ok = bind_direction(&w->dir[k], m, be, uses, layer, suffix[k]) && ok;
    return ok;
}

static void unbind(void *weights, struct backend *be)
{
    struct vim_weights *w = weights;
    if (w == NULL)
        return;
    stem_unbind(&w->stem, be);
    for (int i = 0; w->layer != NULL && i < w->depth; i++) {
        struct vim_layer *l = &w->layer[i];
        be->free(be, l->norm);
        be->op.weight_free(be, l->in_proj);
        be->op.weight_free(be, l->out_proj);
        for (int k = 0; k < 2; k++) {
            be->op.weight_free(be, l->dir[k].x_proj);
            real *arrays[] = { l->dir[k].conv_w, l->dir[k].conv_b, l->dir[k].w_dt,
                               l->dir[k].b_dt,   l->dir[k].a,      l->dir[k].d };
            for (size_t j = 0; j < sizeof arrays / sizeof arrays[0]; j++)
                be->free(be, arrays[j]);
        }
    }
    be->free(be, w->norm_f);
    be->op.weight_free(be, w->head);
    be->free(be, w->head_b);
    free(w->layer);
    free(w);
}

static const char *const others[] = { "cls_token", NULL };

static void *bind(const struct model *m, struct backend *be, unsigned uses)
{
    struct vim_weights *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->depth = m->geo.depth;
    w->layer = calloc((size_t)w->depth, sizeof *w->layer);
    bool ok = w->layer != NULL && stem_bind(&w->stem, m, be, others);
    for (int i = 0; ok && i < w->depth; i++)
        ok = bind_layer(&w->layer[i], m, be, uses, i);
    w->norm_f = ok ? bind_array(m, be, "norm_f.weight") : NULL;
    w->head = ok ? bind_weight(m, be, uses, "head.weight") : NULL;
    w->head_b = ok ? bind_array(m, be, "head.bias") : NULL;
    if (ok && w->norm_f && w->head && w->head_b)
        return w;
    unbind(w, be);
    return NULL;
}

/* ---- forward ---- */

void vim_acts_layout(const struct geometry *g, const struct backend *be, int n, bool explained,
                     struct bump *b, struct vim_acts *a)
{
    size_t rows = (size_t)n * (size_t)g->tokens, e = (size_t)g->inner, size = be->real_size;
    a->narrow = be->narrow && !explained;
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

void vim_layer_inner(const struct geometry *g, struct backend *be, const struct vim_layer *w,
                     const struct vim_acts *a, int n, const real *r)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width, e = (size_t)g->inner, xdbl = (size_t)(g->rank + 2 * g->state);
    const struct rmsnorm_args norm = { .rows = rows,
                                       .width = g->width,
                                       .x = r,
                                       .w = w->norm,
                                       .eps = g->eps,
                                       .y = a->xn,
                                       .narrow_y = a->narrow };
    be->op.rmsnorm(be, &norm);
    const struct linear_args in = { .rows = rows,
                                    .w = w->in_proj,
                                    .x = a->xn,
                                    .ldx = d,
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
                                     .accumulate = true,
                                     .y = r,
                                     .ldy = (size_t)g->width,
                                     .narrow_x = a->narrow };
    be->op.linear(be, &out);
}

static void classify(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                     int n, const real *r, real *normed, bool narrow, real *logits)
{
    size_t d = (size_t)g->width;
    const struct rmsnorm_args norm = { .rows = n * g->tokens,
                                       .width = g->width,
                                       .x = r,
                                       .w = w->norm_f,
                                       .eps = g->eps,
                                       .y = normed,
                                       .narrow_y = narrow };
    be->op.rmsnorm(be, &norm);
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

static void layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                   void *ws)
{
    vim_acts_layout(g, be, n, false, b, ws);
}

static void forward(const struct geometry *g, struct backend *be, const void *weights, void *ws,
                    int n, real *tokens, real *logits)
{
    const struct vim_weights *w = weights;
    const struct vim_acts *a = ws;
    for (int i = 0; i < g->depth; i++) {
        vim_layer_inner(g, be, &w->layer[i], a, n, tokens);
        vim_layer_close(g, be, &w->layer[i], a, n, tokens);
    }
    classify(g, be, w, n, tokens, a->xn, a->narrow, logits);
}

/* ---- what is published (SPEC 2) ---- */

static void complete(struct geometry *g)
{
    g->cls_at = (g->tokens - 1) / 2;
    g->inner = 2 * g->width;
    g->state = 16;
    g->taps = 4;
    g->rank = (g->width + 15) / 16;
}

#define VIM(size, s, d)                                                                            \
    {                                                                                              \
        .image_size = (size), .patch = 16, .stride = (s), .width = (d), .depth = 24                \
    }
static const struct published_model published[] = {
    { "vim_tiny", VIM(224, 16, 192) },    { "vim_small", VIM(224, 16, 384) },
    { "vim_base", VIM(224, 16, 768) },    { "vim_tiny_s8", VIM(224, 8, 192) },
    { "vim_small_s8", VIM(224, 8, 384) }, { .name = NULL },
};

static void describe(const struct geometry *g, bool all, char *text, size_t size)
{
    if (all)
        snprintf(text, size, "inner %d, state %d, taps %d, rank %d", g->inner, g->state, g->taps,
                 g->rank);
}

static const char *const stems[] = { "patch_embed.proj.weight", NULL };
static const char *const marks[] = { "layers.0.mixer.in_proj.weight", NULL };

const struct arch_type vim_type = {
    .name = "vim",
    .title = "Vim",
    .stems = stems,
    .marks = marks,
    .layers = "layers.",
    .published = published,
    .complete = complete,
    .read_geometry = read_geometry,
    .list_tensors = list_tensors,
    .describe = describe,
    .initialise = vim_initialise,
    .bind = bind,
    .unbind = unbind,
    .stem = stem_of,
    .ws_size = sizeof(struct vim_acts),
    .layout = layout,
    .forward = forward,
    .explain = &vim_explain,
};
