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
    if (g->pre_logits > 0) {
        size_t hidden = images * (size_t)g->pre_logits;
        r->pre = bump_take(b, hidden, size);
        r->hidden = bump_take(b, hidden, size);
        r->g_hidden = back ? bump_take(b, hidden, size) : NULL;
    }
    if (one)
        return;
    r->g_share = back ? bump_take(b, images, size) : NULL;
    r->pooled = bump_take(b, 2 * images * d, size);
    for (int i = 0; i < 2 && two; i++)
        r->sum_half[i] = r->half[i] = bump_take(b, classes, size);
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
    float *share = calloc(len, sizeof *share);
    bool ok = weight != NULL && rows != NULL && mean != NULL && share != NULL;
    if (ok) {
        bool beside = g->readout == READ_TOKEN_AND_MEAN;
        geometry_readout(g, weight);
        for (size_t t = 0; t < len; t++) {
            bool token = beside && (int)t == g->cls_at;
            mean[t] = !token && weight[t] > 0;
            share[t] = (float)weight[t];
            rows[(beside ? len : 0) + t] = (float)(token ? 0 : beside ? 2 * weight[t] : weight[t]);
            if (token)
                rows[t] = 1;
        }
        w->read = be_upload_floats(be, rows, 2 * len);
        w->mean = be_upload_floats(be, mean, len);
        w->share = be_upload_floats(be, share, len);
        ok = w->read != NULL && w->mean != NULL && w->share != NULL;
    }
    free(weight);
    free(share);
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

/* ---- forward ---- */

/* The head, and what hidden layer stands before it, of x without gaps [n, in]. */
static void head_forward(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                         int n, const real *x, const struct vit_read *r, real *logits)
{
    size_t in = (size_t)(g->width * vit_read_width(g)), hidden = (size_t)g->pre_logits;
    if (hidden > 0) {
        run_linear(be, w->pre.w, w->pre.b, n, x, in, r->pre, hidden);
        run_map2(be, MAP_TANH, r->pre, NULL, r->hidden, (size_t)n * hidden, 1.0);
        x = r->hidden;
        in = hidden;
    }
    run_linear(be, w->head.w, w->head.b, n, x, in, logits, (size_t)g->classes);
}

void vit_read_forward(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                      int n, const real *x, const struct vit_read *r, real *logits)
{
    int k = vit_read_width(g), rows = n * g->tokens;
    size_t classes = (size_t)n * (size_t)g->classes;
    if (vit_reads_token(g)) {
        vit_final_norm(g, be, w, n, x, r->normed);
        head_forward(g, be, w, n, r->normed, r, logits);
        return;
    }
    if (g->fc_norm) {
        over_tokens(g, be, n, 1, w->read, x, r->pooled);
        vit_final_norm(g, be, w, n, r->pooled, r->normed);
        head_forward(g, be, w, n, r->normed, r, logits);
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
    head_forward(g, be, w, n, r->pooled, r, logits);
}

/* ---- on the way down ---- */

static void to_single(struct backend *be, const real *x, real *out, size_t count)
{
    const struct to_single_args a = { .count = count, .x = x, .out = out };
    if (x != NULL)
        be->op.to_single(be, &a);
}

void vit_read_to_single(const struct geometry *g, struct backend *be, int n,
                        const struct vit_read *from, struct vit_read *to)
{
    size_t images = (size_t)n, d = (size_t)g->width;
    size_t normed = images * (vit_reads_token(g) || g->fc_norm ? 1 : (size_t)g->tokens) * d;
    bool pooled = g->readout != READ_TWO_HEADS; /* there it is scratch of the way down */
    to_single(be, from->normed, to->normed, normed);
    if (pooled)
        to_single(be, from->pooled, to->pooled, images * (size_t)vit_read_width(g) * d);
    for (int i = 0; i < 2; i++) {
        to_single(be, from->half[i], to->half[i], images * (size_t)g->classes);
        to->sum_half[i] = from->half[i];
    }
    to_single(be, from->pre, to->pre, images * (size_t)g->pre_logits);
    to_single(be, from->hidden, to->hidden, images * (size_t)g->pre_logits);
}

/* ---- gradient ---- */

/* The places where the biases at one token add their shares. */
static struct vit_bias bias_at(const struct geometry *g, const struct backend *be,
                               const struct vit_back_rules *rules, int token)
{
    struct vit_bias to = { .ld = (size_t)g->tokens };
    if (rules->bias != NULL)
        to.p = be_at(be, rules->bias, (size_t)token);
    return to;
}

/* Shares of biases after the mean belong to all tokens in proportion to their weights; r->g_share
 * collects them. */
static struct vit_bias bias_of_mean(struct backend *be, const struct vit_back_rules *rules, int n,
                                    const real *finite, const struct vit_read *r)
{
    if (rules->bias == NULL)
        return (struct vit_bias){ 0 };
    run_zero(be, finite, r->g_share, (size_t)n);
    return (struct vit_bias){ r->g_share, 1 };
}

static void share_bias(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                       const struct vit_back_rules *rules, int n, const struct vit_read *r)
{
    size_t len = (size_t)g->tokens;
    const struct matmul_args a = { .b0 = n,
                                   .b1 = 1,
                                   .m = 1,
                                   .n = g->tokens,
                                   .k = 1,
                                   .a = { r->g_share, 1, 1, 0 },
                                   .b = { w->share, len, 0, 0 },
                                   .c = { rules->bias, len, len, 0 },
                                   .alpha = 1,
                                   .beta = 1 };
    if (rules->bias != NULL)
        be->op.matmul(be, &a);
}

/* From token `at` of all [n, L, D] to one [n, D], and back. */
static void take_token(const struct geometry *g, struct backend *be, int n, const real *all, int at,
                       real *one)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    for (size_t i = 0; i < (size_t)n; i++)
        run_copy(be, be_at(be, all, (i * len + (size_t)at) * d), be_at(be, one, i * d), d);
}

static void put_token(const struct geometry *g, struct backend *be, int n, const real *one, int at,
                      real *all)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    for (size_t i = 0; i < (size_t)n; i++)
        run_copy(be, be_at(be, one, i * d), be_at(be, all, (i * len + (size_t)at) * d), d);
}

static struct vit_io head_io(const struct geometry *g, int n, const real *x, const real *y)
{
    return (struct vit_io){ n, (size_t)(g->width * vit_read_width(g)), (size_t)g->classes, x, y };
}

/* Under other rules than the gradient's, tanh(h) = h (tanh(h) / h) with the ratio a constant. x [n,
 * in]: what head_forward took. */
static void head_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                      const struct vit_back_rules *rules, int n, const real *x,
                      const struct vit_read *r, const real *logits, const real *onehot,
                      struct vit_bias bias, real *gx)
{
    size_t hidden = (size_t)g->pre_logits;
    struct vit_io io = head_io(g, n, x, logits);
    if (hidden == 0) {
        vit_linear_back(be, rules, &w->head, rules->gamma, &io, bias, onehot, gx);
        return;
    }
    const struct vit_io top = { n, hidden, io.out, r->hidden, logits };
    const struct vit_io pre = { n, io.in, hidden, x, r->pre };
    vit_linear_back(be, rules, &w->head, rules->gamma, &top, bias, onehot, r->g_hidden);
    run_map2(be, rules->gelu_gate ? MAP_TANH_GATE : MAP_TANH_BACK, r->pre, r->g_hidden, r->g_hidden,
             (size_t)n * hidden, 1.0);
    vit_linear_back(be, rules, &w->pre, rules->gamma, &pre, bias, r->g_hidden, gx);
}

static void token_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                       const struct vit_back_rules *rules, int n, const real *x,
                       const struct vit_read *r, const real *logits, const real *onehot, real *gx)
{
    const struct vit_bias bias = bias_at(g, be, rules, g->cls_at);
    head_back(g, be, w, rules, n, r->normed, r, logits, onehot, bias, r->g_pooled);
    vit_add_bias(be, bias, n, g->width, r->g_pooled, w->norm_b, 1);
    vit_norm_back(g, be, rules, n, x, w->norm_w, r->g_pooled, false, gx);
}

static void two_heads_back(const struct geometry *g, struct backend *be,
                           const struct vit_weights *w, const struct vit_back_rules *rules, int n,
                           const real *x, const struct vit_read *r, const real *onehot, real *gx)
{
    int rows = n * g->tokens;
    const struct vit_linear *const heads[2] = { &w->head, &w->head_dist };
    run_map2(be, MAP_COPY, onehot, NULL, r->g_logits, (size_t)n * (size_t)g->classes, 0.5);
    run_zero(be, x, r->g_tokens, (size_t)rows * (size_t)g->width);
    for (int k = 0; k < 2; k++) {
        const struct vit_io io = head_io(g, n, r->pooled, r->half[k]);
        take_token(g, be, n, r->normed, g->other_at[k], r->pooled);
        vit_linear_back(be, rules, heads[k], rules->gamma, &io,
                        bias_at(g, be, rules, g->other_at[k]), r->g_logits, r->g_pooled);
        put_token(g, be, n, r->g_pooled, g->other_at[k], r->g_tokens);
    }
    vit_add_bias(be, (struct vit_bias){ rules->bias, 1 }, rows, g->width, r->g_tokens, w->norm_b,
                 1);
    vit_norm_back(g, be, rules, rows, x, w->norm_w, r->g_tokens, false, gx);
}

void vit_read_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                   const struct vit_back_rules *rules, int n, const real *x,
                   const struct vit_read *r, const real *logits, const real *onehot, real *gx)
{
    int rows = n * g->tokens;
    if (vit_reads_token(g)) {
        token_back(g, be, w, rules, n, x, r, logits, onehot, gx);
        return;
    }
    if (g->readout == READ_TWO_HEADS) {
        two_heads_back(g, be, w, rules, n, x, r, onehot, gx);
        return;
    }
    const struct vit_bias bias = bias_of_mean(be, rules, n, x, r);
    head_back(g, be, w, rules, n, g->fc_norm ? r->normed : r->pooled, r, logits, onehot, bias,
              r->g_pooled);
    if (g->fc_norm) {
        real *inner = be_at(be, r->g_pooled, (size_t)n * (size_t)g->width); /* is free */
        vit_add_bias(be, bias, n, g->width, r->g_pooled, w->norm_b, 1);
        vit_norm_back(g, be, rules, n, r->pooled, w->norm_w, r->g_pooled, false, inner);
        to_tokens(g, be, n, 1, w->read, inner, gx);
    } else {
        to_tokens(g, be, n, vit_read_width(g), w->read, r->g_pooled, r->g_tokens);
        vit_add_bias(be, (struct vit_bias){ rules->bias, 1 }, rows, g->width, r->g_tokens,
                     w->norm_b, 1);
        vit_norm_back(g, be, rules, rows, x, w->norm_w, r->g_tokens, false, gx);
    }
    share_bias(g, be, w, rules, n, r);
}

/* ---- relevance; the norm passes it on ---- */

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
    vit_add_lrp(be, s, n, (size_t)g->classes, r->sum_half[0], r->sum_half[1], onehot, share[0],
                share[1]);
    run_zero(be, r->normed, out, images * len * d);
    for (int k = 0; k < 2; k++) {
        const struct vit_io io = head_io(g, n, r->pooled, r->half[k]);
        take_token(g, be, n, r->normed, g->other_at[k], r->pooled);
        vit_linear_lrp(be, s, heads[k], &io, share[k], r->g_pooled);
        put_token(g, be, n, r->g_pooled, g->other_at[k], out);
    }
}

/* tanh passes relevance on. */
static void head_lrp(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                     const struct vit_lrp *s, int n, const real *x, const struct vit_read *r,
                     const real *logits, const real *onehot, real *out)
{
    size_t hidden = (size_t)g->pre_logits;
    struct vit_io io = head_io(g, n, x, logits);
    if (hidden == 0) {
        vit_linear_lrp(be, s, &w->head, &io, onehot, out);
        return;
    }
    const struct vit_io top = { n, hidden, io.out, r->hidden, logits };
    const struct vit_io pre = { n, io.in, hidden, x, r->pre };
    vit_linear_lrp(be, s, &w->head, &top, onehot, r->g_hidden);
    vit_linear_lrp(be, s, &w->pre, &pre, r->g_hidden, out);
}

void vit_read_lrp(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                  const struct vit_lrp *s, int n, const real *x, const struct vit_read *r,
                  const real *logits, const real *onehot, real *out)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    if (g->readout == READ_TWO_HEADS) {
        lrp_two_heads(g, be, w, s, n, r, onehot, out);
        return;
    }
    bool pooled = !vit_reads_token(g) && !g->fc_norm;
    const real *seen = pooled ? r->pooled : r->normed;
    if (vit_reads_token(g)) {
        head_lrp(g, be, w, s, n, seen, r, logits, onehot, out);
        return;
    }
    head_lrp(g, be, w, s, n, seen, r, logits, onehot, r->g_tokens);
    int k = vit_read_width(g);
    for (size_t i = 0; i < (size_t)n; i++) /* the mean's part [n, D], behind that of the token */
        run_copy(be, be_at(be, r->g_tokens, (i * (size_t)k + (size_t)k - 1) * d),
                 be_at(be, r->g_pooled, i * d), d);
    lrp_mean(g, be, w, n, g->fc_norm ? x : r->normed, r, r->g_pooled, out);
    for (size_t i = 0; i < (size_t)n && k == 2; i++)
        run_copy(be, be_at(be, r->g_tokens, 2 * i * d),
                 be_at(be, out, (i * len + (size_t)g->cls_at) * d), d);
}
