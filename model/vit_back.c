/* Gradients of the ViT with respect to activations, block by block from the top. */
#include <math.h>

#include "vit.h"

static size_t widest(const struct geometry *g)
{
    return (size_t)(g->mlp > 3 * g->width ? g->mlp : 3 * g->width);
}

void vit_grads_layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                      struct vit_grads *s)
{
    size_t rows = (size_t)n * (size_t)g->tokens, d = (size_t)g->width, size = be->real_size;
    s->wide = bump_take(b, rows * widest(g), size);
    s->d1 = bump_take(b, rows * d, size);
    s->d2 = bump_take(b, rows * d, size);
    s->probs = bump_take(b, rows * (size_t)g->heads * (size_t)g->tokens, size);
    s->qkv = bump_take(b, rows * 3 * d, size);
}

static void norm_back(const struct geometry *g, struct backend *be, int rows, const real *x,
                      const real *w, const real *gy, bool accumulate, real *gx)
{
    const struct layernorm_back_args a = { .rows = rows, .width = g->width, .x = x,
                                           .w = w, .gy = gy, .eps = VIT_NORM_EPS,
                                           .accumulate = accumulate, .gx = gx };
    be->op.layernorm_back(be, &a);
}

static void linear_back(struct backend *be, const struct weight *w, int rows, const real *gy,
                        size_t ldgy, real *gx, size_t ldgx)
{
    const struct linear_back_args a = { .rows = rows, .w = w, .gy = gy, .ldgy = ldgy, .gx = gx,
                                        .ldgx = ldgx };
    be->op.linear_back(be, &a);
}

void vit_head_back(const struct geometry *g, struct backend *be, const struct vit_weights *w, int n,
                   const real *x, const real *onehot, real *scratch, real *gx)
{
    size_t d = (size_t)g->width;
    linear_back(be, w->head.w, n, onehot, (size_t)g->classes, scratch, d);
    norm_back(g, be, n, x, w->norm_w, scratch, false, gx);
}

/* Views of [n, L, 3, H, dim] and [n, L, H, dim] as one [L, dim] matrix per head, and of [n, H, L, L]. */
static struct matrix head_of_qkv(const struct geometry *g, const struct backend *be, const real *qkv,
                                 int which)
{
    size_t d = (size_t)g->width;
    return (struct matrix){ .p = be_at(be, qkv, (size_t)which * d), .ld = 3 * d,
                            .s0 = (size_t)g->tokens * 3 * d, .s1 = d / (size_t)g->heads };
}

static struct matrix head_of(const struct geometry *g, const real *p)
{
    size_t d = (size_t)g->width;
    return (struct matrix){ .p = p, .ld = d, .s0 = (size_t)g->tokens * d,
                            .s1 = d / (size_t)g->heads };
}

static struct matrix map_of(const struct geometry *g, const real *p)
{
    size_t len = (size_t)g->tokens;
    return (struct matrix){ .p = p, .ld = len, .s0 = (size_t)g->heads * len * len, .s1 = len * len };
}

void vit_block_back_probs(const struct geometry *g, struct backend *be, const struct vit_block *w,
                          const struct vit_acts *a, const struct vit_grads *s, int n, real *gx)
{
    int rows = vit_rows(g, a, n), dim = g->width / g->heads;
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    linear_back(be, w->fc2.w, rows, gx, d, s->wide, mlp);
    run_map2(be, MAP_GELU_BACK, a->fc1, s->wide, s->wide, (size_t)rows * mlp, 1.0);
    linear_back(be, w->fc1.w, rows, s->wide, mlp, s->d1, d);
    norm_back(g, be, rows, a->x1, w->norm2_w, s->d1, true, gx);
    linear_back(be, w->proj.w, rows, gx, d, a->cls_only ? s->d2 : s->d1, d);
    if (a->cls_only) {
        vit_spread_cls(g, be, n, a->y, s->d2, s->d1);
        run_copy(be, gx, s->d2, (size_t)n * d);
        vit_spread_cls(g, be, n, a->y, s->d2, gx);
    }
    /* out = P v: ∂P = ∂out vᵀ */
    const struct matmul_args m = { .b0 = n, .b1 = g->heads, .m = g->tokens, .n = g->tokens,
                                   .k = dim, .a = head_of(g, s->d1),
                                   .b = head_of_qkv(g, be, a->qkv, 2), .tb = true,
                                   .c = map_of(g, s->probs), .alpha = 1.0 };
    be->op.matmul(be, &m);
}

void vit_block_back(const struct geometry *g, struct backend *be, const struct vit_block *w,
                    const struct vit_acts *a, const struct vit_grads *s, int n, const real *x,
                    real *gx)
{
    int rows = n * g->tokens, dim = g->width / g->heads;
    size_t d = (size_t)g->width;
    struct matmul_args m = { .b0 = n, .b1 = g->heads, .m = g->tokens, .n = dim, .k = g->tokens,
                             .a = map_of(g, a->probs), .ta = true, .b = head_of(g, s->d1),
                             .c = head_of_qkv(g, be, s->qkv, 2), .alpha = 1.0 };
    be->op.matmul(be, &m); /* ∂v = Pᵀ ∂out */
    const struct softmax_back_args sm = { .rows = (size_t)rows * (size_t)g->heads,
                                          .cols = g->tokens, .p = a->probs, .gp = s->probs,
                                          .scale = 1.0 / sqrt((double)dim), .gs = s->probs };
    be->op.softmax_back(be, &sm);
    m.a = map_of(g, s->probs);
    m.ta = false;
    m.b = head_of_qkv(g, be, a->qkv, 1);
    m.c = head_of_qkv(g, be, s->qkv, 0);
    be->op.matmul(be, &m); /* ∂q = ∂S k */
    m.ta = true;
    m.b = head_of_qkv(g, be, a->qkv, 0);
    m.c = head_of_qkv(g, be, s->qkv, 1);
    be->op.matmul(be, &m); /* ∂k = ∂Sᵀ q */
    linear_back(be, w->qkv.w, rows, s->qkv, 3 * d, s->d2, d);
    norm_back(g, be, rows, x, w->norm1_w, s->d2, true, gx);
}
