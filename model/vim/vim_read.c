#include "vim_read.h"

#include <stdlib.h>

bool vim_read_bind(struct vim_weights *w, const struct model *m, struct backend *be, unsigned uses)
{
    const struct geometry *g = &m->geo;
    size_t len = (size_t)g->tokens, k = (size_t)vim_read_rows(g);
    if (g->readout == READ_TOKEN)
        return true;
    float *rows = calloc(k * len, sizeof *rows);
    double *weight = calloc(len, sizeof *weight);
    bool ok = rows != NULL && weight != NULL;
    if (ok && g->readout == READ_REGISTERS) {
        for (size_t j = 0; j < k; j++)
            rows[j * len + (size_t)g->other_at[j]] = 1;
    } else if (ok) {
        geometry_readout(g, weight);
        for (size_t t = 0; t < len; t++)
            rows[t] = (float)weight[t];
    }
    w->read = ok ? be_upload_floats(be, rows, k * len) : NULL;
    free(rows);
    free(weight);
    if (g->neck > 0) {
        w->neck = bind_weight(m, be, uses, "neck.weight");
        w->norm_neck = bind_array(m, be, "norm_neck.weight");
        ok = w->neck != NULL && w->norm_neck != NULL;
    }
    return ok && w->read != NULL;
}

void vim_read_layout(const struct geometry *g, const struct backend *be, int n, bool back,
                     struct bump *b, struct vim_read *r)
{
    size_t images = (size_t)n, d = (size_t)g->width, size = be->real_size;
    size_t k = (size_t)vim_read_rows(g), neck = images * k * (size_t)g->neck;
    *r = (struct vim_read){ 0 };
    r->normed = bump_take(b, images * (size_t)g->tokens * d, size);
    r->pooled = bump_take(b, images * k * d, size);
    if (neck > 0) {
        r->necked = bump_take(b, neck, size);
        r->joined = bump_take(b, neck, size);
    }
    if (!back)
        return;
    r->g_tokens = bump_take(b, images * (size_t)g->tokens * d, size);
    r->g_pooled = bump_take(b, images * k * d, size);
    r->g_joined = neck > 0 ? bump_take(b, neck, size) : NULL;
    r->g_necked = neck > 0 ? bump_take(b, neck, size) : NULL;
}

/* C = op(read) x for every image: tokens [L, D] to rows [K, D], or back. */
static void read_tokens(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                        int n, bool back, const real *x, real *out)
{
    size_t len = (size_t)g->tokens, d = (size_t)g->width, k = (size_t)vim_read_rows(g);
    const struct matmul_args a = { .b0 = n,
                                   .b1 = 1,
                                   .m = back ? g->tokens : (int)k,
                                   .n = g->width,
                                   .k = back ? (int)k : g->tokens,
                                   .ta = back,
                                   .a = { w->read, len, 0, 0 },
                                   .b = { be_at(be, x, 0), d, (back ? k : len) * d, 0 },
                                   .c = { out, d, (back ? len : k) * d, 0 },
                                   .alpha = 1.0 };
    be->op.matmul(be, &a);
}

static void norm(const struct geometry *g, struct backend *be, int rows, int width, const real *x,
                 const real *w, real *y)
{
    const struct rmsnorm_args a = {
        .rows = rows, .width = width, .x = x, .w = w, .eps = g->eps, .y = y
    };
    be->op.rmsnorm(be, &a);
}

void vim_read_forward(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                      int n, const real *r, const struct vim_read *s, real *logits)
{
    int k = vim_read_rows(g);
    size_t d = (size_t)g->width, neck = (size_t)g->neck;
    vim_norm(g, be, &w->norm_f, n * g->tokens, r, s->normed, false);
    read_tokens(g, be, w, n, false, s->normed, s->pooled);
    if (g->neck == 0) {
        run_linear(be, w->head, w->head_b, n, s->pooled, (size_t)k * d, logits, (size_t)g->classes);
        return;
    }
    run_linear(be, w->neck, NULL, n * k, s->pooled, d, s->necked, neck);
    norm(g, be, n, k * g->neck, s->necked, w->norm_neck, s->joined);
    run_linear(be, w->head, w->head_b, n, s->joined, (size_t)k * neck, logits, (size_t)g->classes);
}

static void linear_back(struct backend *be, const struct weight *w, int rows, const real *gy,
                        size_t ldgy, real *gx, size_t ldgx)
{
    const struct linear_back_args a = {
        .rows = rows, .w = w, .gy = gy, .ldgy = ldgy, .gx = gx, .ldgx = ldgx
    };
    be->op.linear_back(be, &a);
}

static void norm_back(const struct geometry *g, struct backend *be, int rows, int width,
                      const real *x, const real *w, const real *gy, bool detach, real *gx)
{
    const struct rmsnorm_back_args a = { .rows = rows,
                                         .width = width,
                                         .x = x,
                                         .w = w,
                                         .gy = gy,
                                         .eps = g->eps,
                                         .detach = detach,
                                         .gx = gx };
    be->op.rmsnorm_back(be, &a);
}

void vim_read_back(const struct geometry *g, struct backend *be, const struct vim_weights *w,
                   const struct vim_back_rules *rules, int n, const real *r,
                   const struct vim_read *s, const real *onehot, real *gr)
{
    int k = vim_read_rows(g);
    size_t d = (size_t)g->width, classes = (size_t)g->classes, neck = (size_t)g->neck;
    if (g->neck == 0) {
        linear_back(be, w->head, n, onehot, classes, s->g_pooled, (size_t)k * d);
    } else {
        linear_back(be, w->head, n, onehot, classes, s->g_joined, (size_t)k * neck);
        norm_back(g, be, n, k * g->neck, s->necked, w->norm_neck, s->g_joined, rules->detach_norm,
                  s->g_necked);
        linear_back(be, w->neck, n * k, s->g_necked, neck, s->g_pooled, d);
    }
    read_tokens(g, be, w, n, true, s->g_pooled, s->g_tokens);
    vim_norm_back(g, be, &w->norm_f, n * g->tokens, r, s->g_tokens, rules->detach_norm, false, gr);
}
