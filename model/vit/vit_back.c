/* Gradients of the ViT with respect to activations, block by block from the top. */
#include <math.h>

#include "signs.h"
#include "vit_maps.h"
#include "vit_read.h"

void vit_grads_layout(const struct geometry *g, const struct backend *be, int n, bool gamma,
                      struct bump *b, struct vit_grads *s)
{
    size_t rows = (size_t)n * (size_t)g->tokens, d = (size_t)g->width, size = be->real_size;
    size_t wide = rows * (d + 2 * vit_widest(g)), head = (size_t)n * vit_head_values(g, 2);
    s->wide = bump_take(b, rows * vit_widest(g), size);
    s->value = g->gated ? bump_take(b, rows * (size_t)g->mlp, size) : NULL;
    s->d1 = bump_take(b, rows * d, size);
    s->d2 = bump_take(b, rows * d, size);
    s->probs = bump_take(b, rows * (size_t)g->heads * (size_t)g->tokens, size);
    s->qkv = bump_take(b, rows * 3 * d, size);
    s->gamma = gamma ? bump_take(b, wide > head ? wide : head, size) : NULL;
}

void vit_norm_back(const struct geometry *g, struct backend *be, const struct vit_back_rules *rules,
                   int rows, const real *x, const real *w, const real *gy, bool accumulate,
                   real *gx)
{
    const struct layernorm_back_args a = { .rows = rows,
                                           .width = g->width,
                                           .x = x,
                                           .w = w,
                                           .gy = gy,
                                           .eps = g->eps,
                                           .detach = rules->detach_norm,
                                           .accumulate = accumulate,
                                           .gx = gx };
    be->op.layernorm_back(be, &a);
}

void vit_add_bias(struct backend *be, struct vit_bias to, int rows, int cols, const real *gy,
                  const real *b, double scale)
{
    if (to.p == NULL)
        return;
    const struct matmul_args a = { .b0 = 1,
                                   .b1 = 1,
                                   .m = rows,
                                   .n = 1,
                                   .k = cols,
                                   .a = { .p = gy, .ld = (size_t)cols },
                                   .b = { .p = b, .ld = 1 },
                                   .c = { .p = to.p, .ld = to.ld },
                                   .alpha = scale,
                                   .beta = 1 };
    be->op.matmul(be, &a);
}

void vit_linear_back(struct backend *be, const struct vit_back_rules *rules,
                     const struct vit_linear *l, double gamma, const struct vit_io *io,
                     struct vit_bias bias, const real *gy, real *gx)
{
    int out = (int)io->out;
    if (gamma == 0) {
        const struct linear_back_args a = {
            .rows = io->rows, .w = l->w, .gy = gy, .ldgy = io->out, .gx = gx, .ldgx = io->in
        };
        vit_add_bias(be, bias, io->rows, out, gy, l->b, 1);
        be->op.linear_back(be, &a);
        return;
    }
    struct gamma_back a = { .gamma = gamma,
                            .rows = io->rows,
                            .in = io->in,
                            .out = io->out,
                            .w = l->w,
                            .w_abs = l->w_abs,
                            .b = l->b,
                            .x = io->x,
                            .y = io->y,
                            .gy = gy,
                            .gx = gx,
                            .scratch = rules->gamma_scratch };
    run_gamma_back(be, &a);
    vit_add_bias(be, bias, io->rows, out, a.s, l->b, 1 + gamma / 2);
    vit_add_bias(be, bias, io->rows, out, a.s_abs, l->b_abs, gamma / 2);
}

/* The tokens to which the rows belong: all, or only CLS where there are n rows. */
static struct vit_bias bias_of(const struct geometry *g, const struct backend *be,
                               const struct vit_back_rules *rules, bool cls_only)
{
    if (rules->bias == NULL)
        return (struct vit_bias){ 0 };
    return cls_only
               ? (struct vit_bias){ be_at(be, rules->bias, (size_t)g->cls_at), (size_t)g->tokens }
               : (struct vit_bias){ rules->bias, 1 };
}

/* From the gradient at the MLP's inside, in s->wide, to that at norm2's output, s->d1. Of a gated
 * one: mid = act(fc1) ⊙ value. */
static void mlp_back(const struct geometry *g, struct backend *be, const struct vit_block *w,
                     const struct vit_acts *a, const struct vit_grads *s,
                     const struct vit_back_rules *rules, int rows, struct vit_bias bias)
{
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp, count = (size_t)rows * mlp;
    const struct vit_io fc1 = { rows, d, mlp, a->y2, a->fc1 };
    const struct vit_io value = { rows, d, mlp, a->y2, a->value };
    double share = rules->gelu_gate ? 0.5 : 1.0;
    enum map2 slope = vit_act(g, rules->gelu_gate ? MAP_GELU_GATE : MAP_GELU_BACK);
    if (!g->gated) {
        run_map2(be, slope, a->fc1, s->wide, s->wide, count, 1.0);
        vit_linear_back(be, rules, &w->fc1, rules->gamma, &fc1, bias, s->wide, s->d1);
        return;
    }
    run_map2(be, vit_act(g, MAP_GELU), a->fc1, NULL, s->value, count, share);
    run_map2(be, MAP_MUL, s->value, s->wide, s->value, count, 1.0);
    run_map2(be, MAP_MUL, a->value, s->wide, s->wide, count, share);
    run_map2(be, slope, a->fc1, s->wide, s->wide, count, 1.0);
    vit_linear_back(be, rules, &w->fc1, rules->gamma, &fc1, bias, s->wide, s->d1);
    vit_linear_back(be, rules, &w->value, rules->gamma, &value, bias, s->value, s->d2);
    run_map2(be, MAP_ADD, s->d1, s->d2, s->d1, (size_t)rows * d, 1.0);
}

void vit_block_back_probs(const struct geometry *g, struct backend *be, const struct vit_block *w,
                          const struct vit_acts *a, const struct vit_grads *s,
                          const struct vit_back_rules *rules, int n, real *gx)
{
    int rows = vit_rows(g, a, n);
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    size_t maps = (size_t)n * (size_t)g->heads * (size_t)g->tokens * (size_t)g->tokens;
    const struct vit_bias bias = bias_of(g, be, rules, a->cls_only);
    const struct vit_io fc2 = { rows, mlp, d, a->mid, a->fc2 };
    const struct vit_io proj = { rows, d, d, a->cls_only ? a->att_cls : a->att, a->proj };
    vit_linear_back(be, rules, &w->fc2, rules->gamma, &fc2, bias, gx, s->wide);
    mlp_back(g, be, w, a, s, rules, rows, bias);
    vit_add_bias(be, bias, rows, g->width, s->d1, w->norm2_b, 1);
    vit_norm_back(g, be, rules, rows, a->x1, w->norm2_w, s->d1, true, gx);
    vit_linear_back(be, rules, &w->proj, rules->gamma_attn, &proj, bias, gx,
                    a->cls_only ? s->d2 : s->d1);
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

/* ∂v = Pᵀ ∂out, ∂S of S = scale q kᵀ in place of ∂P, ∂q = ∂S k, ∂k = ∂Sᵀ q. With halves, v takes a
 * half, q and k a quarter each: here ∂S is halved, and then all three are. */
static void attention_back(const struct geometry *g, struct backend *be, const struct vit_acts *a,
                           const struct vit_grads *s, const struct vit_back_rules *rules,
                           const struct maps_part *part)
{
    real *gp = maps_in(g, be, part, s->probs);
    double scale = (rules->halves ? 0.5 : 1.0) / sqrt((double)g->width / g->heads);
    const struct softmax_back_args sm = { .rows = maps_count(g, part) / (size_t)g->tokens,
                                          .cols = g->tokens,
                                          .p = maps_in(g, be, part, a->probs),
                                          .gp = gp,
                                          .gs = gp,
                                          .scale = scale };
    maps_to_v(g, be, part, a->probs, s->d1, s->qkv);
    if (rules->values_only)
        return;
    be->op.softmax_back(be, &sm);
    maps_to_qk(g, be, part, s->probs, a->qkv, s->qkv);
}

/* s->qkv: from the normed q and k to those before. */
static void head_norms_back(const struct geometry *g, struct backend *be, const struct vit_block *w,
                            const struct vit_acts *a, const struct vit_grads *s,
                            const struct vit_back_rules *rules, int n)
{
    size_t d = (size_t)g->width;
    real *const scale[] = { w->q_norm_w, w->k_norm_w };
    for (size_t k = 0; k < 2; k++) {
        const struct layernorm_back_args norm = { .rows = n * g->tokens * g->heads,
                                                  .width = g->width / g->heads,
                                                  .at = { g->heads, 3 * d },
                                                  .x = be_at(be, a->raw, k * d),
                                                  .w = scale[k],
                                                  .gy = be_at(be, s->qkv, k * d),
                                                  .eps = g->eps,
                                                  .detach = rules->detach_norm,
                                                  .gx = be_at(be, s->qkv, k * d) };
        be->op.layernorm_back(be, &norm);
    }
}

void vit_block_back(const struct geometry *g, struct backend *be, const struct vit_block *w,
                    const struct vit_acts *a, const struct vit_grads *s,
                    const struct vit_back_rules *rules, int n, const real *x, real *gx)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width;
    const struct vit_bias bias = bias_of(g, be, rules, false);
    const struct vit_io qkv = { rows, d, 3 * d, a->y, a->raw };
    if (a->cls_only || rules->values_only)
        run_zero(be, a->qkv, s->qkv, (size_t)rows * 3 * d);
    for (int i = 0; i < maps_parts(g, be, n); i++) {
        const struct maps_part m = maps_part(g, be, a->cls_only, n, i);
        attention_back(g, be, a, s, rules, &m);
    }
    if (g->head_norm && !rules->values_only)
        head_norms_back(g, be, w, a, s, rules, n);
    if (rules->halves)
        run_map2(be, MAP_COPY, s->qkv, NULL, s->qkv, (size_t)rows * 3 * d, 0.5);
    vit_linear_back(be, rules, &w->qkv, rules->gamma_attn, &qkv, bias, s->qkv, s->d2);
    vit_add_bias(be, bias, rows, g->width, s->d2, w->norm1_b, 1);
    vit_norm_back(g, be, rules, rows, x, w->norm1_w, s->d2, true, gx);
}
