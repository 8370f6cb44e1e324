#include "vit_read.h"

#include <stdlib.h>

#include "vit_maps.h"

void vit_read_layout(const struct geometry *g, const struct backend *be, int n, bool back,
                     struct bump *b, struct vit_read *r)
{
    size_t images = (size_t)n, d = (size_t)g->width, size = be->real_size;
    size_t tokens = images * (size_t)g->tokens * d, classes = images * (size_t)g->classes;
    bool one = vit_reads_token(g), two = g->readout == READ_TWO_HEADS;
    *r = (struct vit_read){ 0 };
    r->normed = bump_take(b, one ? images * d : tokens, size);
    r->g_pooled = back ? bump_take(b, 2 * images * d, size) : NULL;
    if (one)
        return;
    r->pooled = bump_take(b, 2 * images * d, size);
    for (int i = 0; i < 2 && two; i++)
        r->half[i] = bump_take(b, classes, size);
    if (!back)
        return;
    r->g_tokens = bump_take(b, tokens, size);
    r->g_logits = bump_take(b, 2 * classes, size);
}

bool vit_read_bind(struct vit_weights *w, const struct geometry *g, struct backend *be)
{
    size_t len = (size_t)g->tokens;
    if (vit_reads_token(g))
        return true;
    double *weight = calloc(len, sizeof *weight);
    float *rows = calloc(2 * len, sizeof *rows), *mean = calloc(len, sizeof *mean);
    bool ok = weight != NULL && rows != NULL && mean != NULL;
    if (ok) {
        bool beside = g->readout == READ_TOKEN_AND_MEAN;
        geometry_readout(g, weight);
        for (size_t t = 0; t < len; t++) {
            bool token = beside && (int)t == g->cls_at;
            mean[t] = !token && weight[t] > 0;
            rows[(beside ? len : 0) + t] = (float)(token ? 0 : beside ? 2 * weight[t] : weight[t]);
            if (token)
                rows[t] = 1;
        }
        w->read = be_upload_floats(be, rows, 2 * len);
        w->mean = be_upload_floats(be, mean, len);
        ok = w->read != NULL && w->mean != NULL;
    }
    free(weight);
    free(rows);
    free(mean);
    return ok;
}

/* ---- pieces ---- */

/* Sums over tokens: rows [k, L] times x [n, L, D] -> out [n, k, D]. */
static void over_tokens(const struct geometry *g, struct backend *be, int n, int k,
                        const real *rows, const real *x, real *out)
{
    size_t len = (size_t)g->tokens, d = (size_t)g->width;
    const struct matmul_args a = { .b0 = n,
                                   .b1 = 1,
                                   .m = k,
                                   .n = g->width,
                                   .k = g->tokens,
                                   .a = { be_at(be, rows, 0), len, 0, 0 },
                                   .b = { be_at(be, x, 0), d, len * d, 0 },
                                   .c = { out, d, (size_t)k * d, 0 },
                                   .alpha = 1.0 };
    be->op.matmul(be, &a);
}

/* Back to the tokens: rowsᵀ [L, k] times p [n, k, D] -> out [n, L, D]. */
static void to_tokens(const struct geometry *g, struct backend *be, int n, int k, const real *rows,
                      const real *p, real *out)
{
    size_t len = (size_t)g->tokens, d = (size_t)g->width;
    const struct matmul_args a = { .b0 = n,
                                   .b1 = 1,
                                   .m = g->tokens,
                                   .n = g->width,
                                   .k = k,
                                   .ta = true,
                                   .a = { be_at(be, rows, 0), len, 0, 0 },
                                   .b = { be_at(be, p, 0), d, (size_t)k * d, 0 },
                                   .c = { out, d, len * d, 0 },
                                   .alpha = 1.0 };
    be->op.matmul(be, &a);
}

/* A head at one token of every image. */
static void head_at(const struct geometry *g, struct backend *be, const struct vit_linear *head,
                    int n, const real *normed, int token, real *logits)
{
    size_t d = (size_t)g->width;
    run_linear(be, head->w, head->b, n, be_at(be, normed, (size_t)token * d), (size_t)g->tokens * d,
               logits, (size_t)g->classes);
}

static void head_back(const struct geometry *g, struct backend *be, const struct vit_linear *head,
                      int n, const real *gy, size_t ldgx, real *gx)
{
    const struct linear_back_args a = {
        .rows = n, .w = head->w, .gy = gy, .ldgy = (size_t)g->classes, .gx = gx, .ldgx = ldgx
    };
    be->op.linear_back(be, &a);
}

static void norm_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                      const struct vit_back_rules *rules, int rows, const real *x, const real *gy,
                      real *gx)
{
    const struct layernorm_back_args a = { .rows = rows,
                                           .width = g->width,
                                           .x = x,
                                           .w = w->norm_w,
                                           .gy = gy,
                                           .eps = g->eps,
                                           .detach = rules->detach_norm,
                                           .gx = gx };
    be->op.layernorm_back(be, &a);
}

/* ---- forward ---- */

void vit_read_forward(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                      int n, const real *x, const struct vit_read *r, real *logits)
{
    int k = vit_read_width(g), rows = n * g->tokens;
    size_t d = (size_t)g->width, classes = (size_t)n * (size_t)g->classes;
    if (vit_reads_token(g)) {
        vit_head(g, be, w, n, x, r->normed, logits);
        return;
    }
    if (g->fc_norm) {
        over_tokens(g, be, n, 1, w->read, x, r->pooled);
        vit_final_norm(g, be, w, n, r->pooled, r->normed);
        run_linear(be, w->head.w, w->head.b, n, r->normed, d, logits, (size_t)g->classes);
        return;
    }
    vit_final_norm(g, be, w, rows, x, r->normed);
    if (g->readout == READ_TWO_HEADS) {
        head_at(g, be, &w->head, n, r->normed, g->other_at[0], r->half[0]);
        head_at(g, be, &w->head_dist, n, r->normed, g->other_at[1], r->half[1]);
        run_map2(be, MAP_ADD, r->half[0], r->half[1], logits, classes, 0.5);
        return;
    }
    over_tokens(g, be, n, k, w->read, r->normed, r->pooled);
    run_linear(be, w->head.w, w->head.b, n, r->pooled, (size_t)k * d, logits, (size_t)g->classes);
}

/* ---- gradient ---- */

void vit_read_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                   const struct vit_back_rules *rules, int n, const real *x,
                   const struct vit_read *r, const real *onehot, real *gx)
{
    int k = vit_read_width(g), rows = n * g->tokens;
    size_t d = (size_t)g->width, len = (size_t)g->tokens, classes = (size_t)n * (size_t)g->classes;
    if (vit_reads_token(g)) {
        vit_head_back(g, be, w, rules, n, x, onehot, r->g_pooled, gx);
        return;
    }
    if (g->readout == READ_TWO_HEADS) {
        run_map2(be, MAP_COPY, onehot, NULL, r->g_logits, classes, 0.5);
        run_zero(be, x, r->g_tokens, (size_t)rows * d);
        head_back(g, be, &w->head, n, r->g_logits, len * d,
                  be_at(be, r->g_tokens, (size_t)g->other_at[0] * d));
        head_back(g, be, &w->head_dist, n, r->g_logits, len * d,
                  be_at(be, r->g_tokens, (size_t)g->other_at[1] * d));
        norm_back(g, be, w, rules, rows, x, r->g_tokens, gx);
        return;
    }
    head_back(g, be, &w->head, n, onehot, (size_t)k * d, r->g_pooled);
    if (g->fc_norm) {
        real *inner = be_at(be, r->g_pooled, (size_t)n * d); /* the second half is free */
        norm_back(g, be, w, rules, n, r->pooled, r->g_pooled, inner);
        to_tokens(g, be, n, 1, w->read, inner, gx);
        return;
    }
    to_tokens(g, be, n, k, w->read, r->g_pooled, r->g_tokens);
    norm_back(g, be, w, rules, rows, x, r->g_tokens, gx);
}

/* ---- relevance; the norm passes it on ---- */

static void lrp_linear(struct backend *be, const struct vit_lrp *s, const struct vit_linear *l,
                       int rows, const real *x, const real *y, const real *r, real *rx)
{
    const struct linear_lrp_args a = {
        .rows = rows, .w = l->w, .x = x, .y = y, .b = l->b, .r = r, .rx = rx, .scratch = s->linear
    };
    be->op.linear_lrp(be, &a);
}

/* Average pooling: R_i = x_i ⊙ S(R, Σ x) for the tokens i in the mean, zero for the others. `p` [n,
 * D] is R on entry. */
static void lrp_mean(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                     int n, const real *x, const struct vit_read *r, real *p, real *out)
{
    size_t d = (size_t)g->width, count = (size_t)n * d;
    real *sum = be_at(be, r->g_pooled, count);
    over_tokens(g, be, n, 1, w->mean, x, sum);
    run_map2(be, MAP_RATIO, p, sum, p, count, 1.0);
    to_tokens(g, be, n, 1, w->mean, p, out);
    run_map2(be, MAP_MUL, x, out, out, count * (size_t)g->tokens, 1.0);
}

/* Each head's half of the logits is a branch of a residual; R lands at the two tokens. */
static void lrp_two_heads(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                          const struct vit_lrp *s, int n, const struct vit_read *r,
                          const real *onehot, real *out)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens, images = (size_t)n;
    const struct vit_linear *const heads[2] = { &w->head, &w->head_dist };
    real *share[2] = { r->g_logits, be_at(be, r->g_logits, images * (size_t)g->classes) };
    const struct lrp_add_args add = { .n = n,
                                      .count = (size_t)g->classes,
                                      .a = r->half[0],
                                      .b = r->half[1],
                                      .r = onehot,
                                      .ra = share[0],
                                      .rb = share[1] };
    be->op.lrp_add(be, &add);
    run_zero(be, r->normed, out, images * len * d);
    for (int k = 0; k < 2; k++) {
        real *token = r->pooled, *back = r->g_pooled;
        size_t at = (size_t)g->other_at[k];
        for (size_t i = 0; i < images; i++)
            run_copy(be, be_at(be, r->normed, (i * len + at) * d), be_at(be, token, i * d), d);
        lrp_linear(be, s, heads[k], n, token, r->half[k], share[k], back);
        for (size_t i = 0; i < images; i++)
            run_copy(be, be_at(be, back, i * d), be_at(be, out, (i * len + at) * d), d);
    }
}

void vit_read_lrp(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                  const struct vit_lrp *s, int n, const real *x, const struct vit_read *r,
                  const real *logits, const real *onehot, real *out)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    if (vit_reads_token(g)) {
        vit_head_lrp(g, be, w, s, n, r->normed, logits, onehot, out);
        return;
    }
    if (g->readout == READ_TWO_HEADS) {
        lrp_two_heads(g, be, w, s, n, r, onehot, out);
        return;
    }
    int k = vit_read_width(g);
    const real *pooled = g->fc_norm ? r->normed : r->pooled;
    lrp_linear(be, s, &w->head, n, pooled, logits, onehot, r->g_tokens);
    for (size_t i = 0; i < (size_t)n; i++) /* the mean's part [n, D], behind that of the token */
        run_copy(be, be_at(be, r->g_tokens, (i * (size_t)k + (size_t)k - 1) * d),
                 be_at(be, r->g_pooled, i * d), d);
    lrp_mean(g, be, w, n, g->fc_norm ? x : r->normed, r, r->g_pooled, out);
    for (size_t i = 0; i < (size_t)n && k == 2; i++)
        run_copy(be, be_at(be, r->g_tokens, 2 * i * d),
                 be_at(be, out, (i * len + (size_t)g->cls_at) * d), d);
}
