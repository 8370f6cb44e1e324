/* LRP through the ViT, block by block from the top (SPEC 5.4, α = 1). */
#include <stdlib.h>

#include "vit_maps.h"
#include "vit_read.h"

void vit_lrp_layout(const struct geometry *g, const struct backend *be, int n, bool first,
                    struct bump *b, struct vit_lrp *s)
{
    size_t rows = (size_t)n * (size_t)g->tokens, d = (size_t)g->width, size = be->real_size;
    size_t wide = rows * vit_widest(g), maps = rows * (size_t)g->heads * (size_t)g->tokens;
    /* Every layer has the width on one side. The head's classes may be more than all tokens of a
     * small model. */
    size_t head = (size_t)n * vit_head_values(g, 1), linear = rows * d + wide;
    s->linear = bump_take(b, (first ? 3 : 1) * (linear > head ? linear : head), size);
    s->wide = bump_take(b, wide, size);
    s->ra = bump_take(b, rows * d, size);
    s->rb = bump_take(b, rows * d, size);
    s->probs = bump_take(b, maps, size);
    s->scores = bump_take(b, maps, size);
}

/* x± ⊙ (S(r, x± W±ᵀ) W±) of one sign into `to`; part [rows, in], z [rows, out]. */
static void first_part(struct backend *be, const struct weight *w, enum map2 sign,
                       const struct vit_io *io, const real *r, real *part, real *z, real *to)
{
    size_t count = (size_t)io->rows * io->in;
    run_map2(be, sign, io->x, NULL, part, count, 1.0);
    run_linear(be, w, NULL, io->rows, part, io->in, z, io->out);
    run_map2(be, MAP_RATIO, r, z, z, (size_t)io->rows * io->out, 1.0);
    const struct linear_back_args back = {
        .rows = io->rows, .w = w, .gy = z, .ldgy = io->out, .gx = to, .ldgx = io->in
    };
    be->op.linear_back(be, &back);
    run_map2(be, MAP_MUL, part, to, to, count, 1.0);
}

static void first_linear(struct backend *be, const struct vit_lrp *s, const struct vit_linear *l,
                         const struct vit_io *io, const real *r, real *rx)
{
    size_t count = (size_t)io->rows * io->in;
    real *part = s->linear, *sum = be_at(be, part, count), *z = be_at(be, sum, count);
    first_part(be, l->plus, MAP_POSITIVE, io, r, part, z, sum);
    real *other = be_at(be, z, (size_t)io->rows * io->out);
    first_part(be, l->minus, MAP_NEGATIVE, io, r, part, z, other);
    run_map2(be, MAP_ADD, sum, other, rx, count, 1.0);
}

void vit_linear_lrp(struct backend *be, const struct vit_lrp *s, const struct vit_linear *l,
                    const struct vit_io *io, const real *r, real *rx)
{
    if (s->first) {
        first_linear(be, s, l, io, r, rx);
        return;
    }
    const struct linear_lrp_args a = { .rows = io->rows,
                                       .w = l->w,
                                       .x = io->x,
                                       .y = io->y,
                                       .b = l->b,
                                       .r = r,
                                       .rx = rx,
                                       .scratch = s->linear };
    be->op.linear_lrp(be, &a);
}

void vit_add_lrp(struct backend *be, const struct vit_lrp *s, int n, size_t count, const real *a,
                 const real *b, const real *r, real *ra, real *rb)
{
    if (s->first) {
        size_t all = (size_t)n * count;
        run_map2(be, MAP_ADD, a, b, s->linear, all, 1.0);
        run_map2(be, MAP_RATIO, r, s->linear, s->linear, all, 1.0);
        run_map2(be, MAP_MUL, a, s->linear, ra, all, 1.0);
        run_map2(be, MAP_MUL, b, s->linear, rb, all, 1.0);
        return;
    }
    const struct lrp_add_args args = {
        .n = n, .count = count, .a = a, .b = b, .r = r, .ra = ra, .rb = rb, .single = s->sums != be
    };
    s->sums->op.lrp_add(s->sums, &args);
}

/* Relevance of the MLP's inside, in s->wide, to that of norm2's output, s->rb. A gated one's
 * factors take a half each, and SiLU passes it on; `scratch` [rows, D]. */
static void mlp_lrp(const struct geometry *g, struct backend *be, const struct vit_block *w,
                    const struct vit_acts *a, const struct vit_lrp *s, int rows, real *scratch)
{
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    const struct vit_io fc1 = { rows, d, mlp, a->y2, a->fc1 };
    const struct vit_io value = { rows, d, mlp, a->y2, a->value };
    if (g->gated)
        run_map2(be, MAP_COPY, s->wide, NULL, s->wide, (size_t)rows * mlp, 0.5);
    vit_linear_lrp(be, s, &w->fc1, &fc1, s->wide, s->rb);
    if (!g->gated)
        return;
    vit_linear_lrp(be, s, &w->value, &value, s->wide, scratch);
    run_map2(be, MAP_ADD, s->rb, scratch, s->rb, (size_t)rows * d, 1.0);
}

void vit_block_lrp_probs(const struct geometry *g, struct backend *be, const struct vit_block *w,
                         const struct vit_acts *a, const struct vit_exact *exact,
                         const struct vit_lrp *s, int n, const real *x, real *r)
{
    int rows = vit_rows(g, a, n);
    size_t d = (size_t)g->width, all = (size_t)n * (size_t)g->tokens * d;
    size_t mlp = (size_t)g->mlp;
    size_t part = (size_t)rows * d, count = part / (size_t)n; /* tokens without relevance add 0 */
    size_t maps = (size_t)n * (size_t)g->heads * (size_t)g->tokens * (size_t)g->tokens;
    const struct vit_io fc2 = { rows, mlp, d, a->mid, a->fc2 };
    const struct vit_io proj = { rows, d, d, a->cls_only ? a->att_cls : a->att, a->proj };
    /* output = x1 + fc2(GELU(fc1(norm2(x1)))) */
    vit_add_lrp(be, s, n, count, exact->x1, exact->fc2, r, s->ra, s->rb);
    vit_linear_lrp(be, s, &w->fc2, &fc2, s->rb, s->wide);
    mlp_lrp(g, be, w, a, s, rows, r);
    const struct lrp_join_args join = {
        .count = part, .x = a->x1, .r1 = s->ra, .r2 = s->rb, .r = r
    };
    be->op.lrp_join(be, &join);
    /* x1 = x + proj(attention): r takes x's share, ra what passes through proj */
    if (a->cls_only) {
        vit_add_lrp(be, s, n, count, exact->x, exact->proj, r, s->ra, s->rb);
        vit_spread_cls(g, be, n, x, s->ra, r);
        vit_linear_lrp(be, s, &w->proj, &proj, s->rb, s->rb);
        vit_spread_cls(g, be, n, x, s->rb, s->ra);
    } else {
        vit_add_lrp(be, s, n, count, exact->x, exact->proj, r, r, s->rb);
        vit_linear_lrp(be, s, &w->proj, &proj, s->rb, s->ra);
    }
    /* attention = P v: Q = S(R, P v), R_P = P ⊙ (Q vᵀ) / 2 */
    run_map2(be, MAP_RATIO, s->ra, a->att, s->ra, all, 1.0);
    if (a->cls_only)
        run_zero(be, a->probs, s->probs, maps);
    for (int i = 0; i < maps_parts(g, be, n); i++) {
        const struct maps_part m = maps_part(g, be, a->cls_only, n, i);
        maps_t_v(g, be, &m, s->ra, a->qkv, s->probs);
        real *share = maps_in(g, be, &m, s->probs);
        run_map2(be, MAP_MUL, maps_in(g, be, &m, a->probs), share, share, maps_count(g, &m), 0.5);
    }
}

/* S = q kᵀ, without its scale, as the rule sees it: R_v = v ⊙ (Pᵀ Q) / 2; with Q' = S(R_P, S),
 * R_q = q ⊙ (Q' k) / 2, R_k = k ⊙ (Q'ᵀ q) / 2. Here without v, q, k and halves. */
static void attention_lrp(const struct geometry *g, struct backend *be, const struct vit_acts *a,
                          const struct vit_exact *exact, const struct vit_lrp *s,
                          const struct maps_part *part)
{
    real *ratio = maps_in(g, be, part, s->scores);
    const real *scores = exact->scores != NULL ? maps_in(g, be, part, exact->scores) : ratio;
    maps_to_v(g, be, part, a->probs, s->ra, s->wide);
    if (exact->scores == NULL)
        maps_q_k(g, be, part, a->qkv, s->scores);
    run_map2(be, MAP_RATIO, maps_in(g, be, part, s->probs), scores, ratio, maps_count(g, part),
             1.0);
    maps_to_qk(g, be, part, s->scores, a->qkv, s->wide);
}

void vit_block_lrp(const struct geometry *g, struct backend *be, const struct vit_block *w,
                   const struct vit_acts *a, const struct vit_exact *exact, const struct vit_lrp *s,
                   int n, const real *x, real *r)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width, all = (size_t)rows * d;
    if (a->cls_only) {
        run_zero(be, a->probs, s->scores, (size_t)rows * (size_t)g->heads * (size_t)g->tokens);
        run_zero(be, a->qkv, s->wide, 3 * all);
    }
    for (int i = 0; i < maps_parts(g, be, n); i++) {
        const struct maps_part m = maps_part(g, be, a->cls_only, n, i);
        attention_lrp(g, be, a, exact, s, &m);
    }
    run_map2(be, MAP_MUL, a->qkv, s->wide, s->wide, 3 * all, 0.5);
    const struct vit_io qkv = { rows, d, 3 * d, a->y, a->raw };
    vit_linear_lrp(be, s, &w->qkv, &qkv, s->wide, s->rb);
    const struct lrp_join_args join = { .count = all, .x = x, .r1 = r, .r2 = s->rb, .r = r };
    be->op.lrp_join(be, &join);
}
