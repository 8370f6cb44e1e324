/* Gradients of the ViT with respect to activations, block by block from the top. */
#include <math.h>

#include "vit_maps.h"

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
                      const real *w, const real *gy, bool detach, bool accumulate, real *gx)
{
    const struct layernorm_back_args a = { .rows = rows,
                                           .width = g->width,
                                           .x = x,
                                           .w = w,
                                           .gy = gy,
                                           .eps = g->eps,
                                           .detach = detach,
                                           .accumulate = accumulate,
                                           .gx = gx };
    be->op.layernorm_back(be, &a);
}

static void linear_back(struct backend *be, const struct weight *w, int rows, const real *gy,
                        size_t ldgy, real *gx, size_t ldgx)
{
    const struct linear_back_args a = {
        .rows = rows, .w = w, .gy = gy, .ldgy = ldgy, .gx = gx, .ldgx = ldgx
    };
    be->op.linear_back(be, &a);
}

/* Adds b ⊙ gy of every row to its token; rows of one token alone where there are n. */
static void add_bias(const struct geometry *g, struct backend *be,
                     const struct vit_back_rules *rules, int n, int rows, int cols, const real *gy,
                     const real *b)
{
    bool all = rows != n || g->tokens == 1;
    if (rules->bias == NULL)
        return;
    const struct matmul_args a = { .b0 = 1,
                                   .b1 = 1,
                                   .m = rows,
                                   .n = 1,
                                   .k = cols,
                                   .a = { .p = gy, .ld = (size_t)cols },
                                   .b = { .p = b, .ld = 1 },
                                   .c = { .p = all ? rules->bias
                                                   : be_at(be, rules->bias, (size_t)g->cls_at),
                                          .ld = all ? 1 : (size_t)g->tokens },
                                   .alpha = 1,
                                   .beta = 1 };
    be->op.matmul(be, &a);
}

void vit_head_back(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                   const struct vit_back_rules *rules, int n, const real *x, const real *onehot,
                   real *scratch, real *gx)
{
    size_t d = (size_t)g->width;
    linear_back(be, w->head.w, n, onehot, (size_t)g->classes, scratch, d);
    add_bias(g, be, rules, n, n, g->classes, onehot, w->head.b);
    add_bias(g, be, rules, n, n, g->width, scratch, w->norm_b);
    norm_back(g, be, n, x, w->norm_w, scratch, rules->detach_norm, false, gx);
}

void vit_block_back_probs(const struct geometry *g, struct backend *be, const struct vit_block *w,
                          const struct vit_acts *a, const struct vit_grads *s,
                          const struct vit_back_rules *rules, int n, real *gx)
{
    int rows = vit_rows(g, a, n);
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    size_t maps = (size_t)n * (size_t)g->heads * (size_t)g->tokens * (size_t)g->tokens;
    add_bias(g, be, rules, n, rows, g->width, gx, w->fc2.b);
    linear_back(be, w->fc2.w, rows, gx, d, s->wide, mlp);
    run_map2(be, rules->gelu_gate ? MAP_GELU_GATE : MAP_GELU_BACK, a->fc1, s->wide, s->wide,
             (size_t)rows * mlp, 1.0);
    add_bias(g, be, rules, n, rows, g->mlp, s->wide, w->fc1.b);
    linear_back(be, w->fc1.w, rows, s->wide, mlp, s->d1, d);
    add_bias(g, be, rules, n, rows, g->width, s->d1, w->norm2_b);
    norm_back(g, be, rows, a->x1, w->norm2_w, s->d1, rules->detach_norm, true, gx);
    add_bias(g, be, rules, n, rows, g->width, gx, w->proj.b);
    linear_back(be, w->proj.w, rows, gx, d, a->cls_only ? s->d2 : s->d1, d);
    if (a->cls_only) {
        vit_spread_cls(g, be, n, a->y, s->d2, s->d1);
        run_copy(be, gx, s->d2, (size_t)n * d);
        vit_spread_cls(g, be, n, a->y, s->d2, gx);
    }
    /* out = P v: ∂P = ∂out vᵀ */
    if (a->cls_only)
        run_zero(be, a->probs, s->probs, maps);
    for (int i = 0; i < maps_parts(g, be, n); i++) {
        const struct maps_part m = maps_part(g, be, a->cls_only, n, i);
        maps_t_v(g, be, &m, s->d1, a->qkv, s->probs);
    }
}

/* ∂v = Pᵀ ∂out, ∂S of S = scale q kᵀ in place of ∂P, ∂q = ∂S k, ∂k = ∂Sᵀ q. */
static void attention_back(const struct geometry *g, struct backend *be, const struct vit_acts *a,
                           const struct vit_grads *s, const struct vit_back_rules *rules,
                           const struct maps_part *part)
{
    real *gp = maps_in(g, be, part, s->probs);
    const struct softmax_back_args sm = { .rows = maps_count(g, part) / (size_t)g->tokens,
                                          .cols = g->tokens,
                                          .p = maps_in(g, be, part, a->probs),
                                          .gp = gp,
                                          .gs = gp,
                                          .scale = 1.0 / sqrt((double)g->width / g->heads) };
    maps_to_v(g, be, part, a->probs, s->d1, s->qkv);
    if (rules->values_only)
        return;
    be->op.softmax_back(be, &sm);
    maps_to_qk(g, be, part, s->probs, a->qkv, s->qkv);
}

void vit_block_back(const struct geometry *g, struct backend *be, const struct vit_block *w,
                    const struct vit_acts *a, const struct vit_grads *s,
                    const struct vit_back_rules *rules, int n, const real *x, real *gx)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width;
    if (a->cls_only || rules->values_only)
        run_zero(be, a->qkv, s->qkv, (size_t)rows * 3 * d);
    for (int i = 0; i < maps_parts(g, be, n); i++) {
        const struct maps_part m = maps_part(g, be, a->cls_only, n, i);
        attention_back(g, be, a, s, rules, &m);
    }
    add_bias(g, be, rules, n, rows, 3 * g->width, s->qkv, w->qkv.b);
    linear_back(be, w->qkv.w, rows, s->qkv, 3 * d, s->d2, d);
    add_bias(g, be, rules, n, rows, g->width, s->d2, w->norm1_b);
    norm_back(g, be, rows, x, w->norm1_w, s->d2, rules->detach_norm, true, gx);
}
