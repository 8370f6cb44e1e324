/* Vision Transformer (DeiT; SPEC 2.3) on a backend: weights, one block's activations, forward,
 * gradient and LRP of a block. Used by vit.c's forward pass and by the explanations. */
#pragma once

#include "arch.h"

extern const struct arch_type vit_type;
extern const struct arch_explain vit_explain; /* vit_sweep.c */

#define VIT_NORM_EPS 1e-6     /* SPEC 2.3; where no model.eps is set */
#define VIT_PRE_NORM_EPS 1e-5 /* of CLIP's kind (norm_pre) */

struct vit_linear {
    struct weight *w;            /* [out, in] */
    real *b;                     /* [out] */
    struct weight *plus, *minus; /* W⁺, W⁻; NULL but for the first LRP */
    struct weight *w_abs;        /* |W|, |b|; NULL but for AttnLRP */
    real *b_abs;
};

struct vit_block {
    real *norm1_w, *norm1_b, *norm2_w, *norm2_b; /* [D] */
    struct vit_linear qkv, proj, fc1, fc2;
    struct vit_linear value;                         /* of a gated MLP: fc2(act(fc1) ⊙ value) */
    real *q_norm_w, *q_norm_b, *k_norm_w, *k_norm_b; /* [D/H] with head_norm; else NULL */
};

struct vit_weights {
    struct stem stem;
    int depth;
    struct vit_block *block; /* [Λ] */
    real *norm_w, *norm_b;   /* [D] */
    struct vit_linear head;
    struct vit_linear head_dist; /* of READ_TWO_HEADS */
    struct vit_linear pre;       /* with geometry.pre_logits: [D', D], before the head */
    real *read, *mean, *share;   /* vit_read.h; NULL where one token is read */
};

/* ---- weights (vit_weights.c) ---- */

void *vit_bind(const struct model *, struct backend *, unsigned uses);
bool vit_rebind(void *weights, const struct model *, struct backend *, unsigned uses, int part);
void vit_unbind(void *weights, struct backend *);

/* ---- forward (vit.c) ---- */

/* One block's activations for n images. The head reads only the CLS token of the last block's
 * output; so from its attention's output on, arrays hold only the CLS rows, [n, ·] in place of [n,
 * L, ·]. */
struct vit_acts {
    bool cls_only; /* this is the last block */
    real *y;       /* [n, L, D]  norm1(x); in a plain forward reused for norm2 */
    real *qkv;     /* [n, L, 3, H, dim]  as attention takes it */
    real *raw;     /* the same before the norms of q and k; qkv itself where there are none */
    real *att;     /* [n, L, D]  attention's output, heads side by side */
    real *mid;     /* [n, L, MLP]  act(fc1); gated: act(fc1) ⊙ value */
    real *value;   /* [n, L, MLP]  gated; else NULL */
    /* explanations only, else NULL: */
    real *probs;           /* [n, H, L, L] */
    real *proj;            /* [n, L, D]  proj's output: the first branch of the residual */
    real *x1;              /* [n, L, D]  x + proj */
    real *y2;              /* [n, L, D]  norm2(x1) */
    real *fc1;             /* [n, L, MLP]  before GELU */
    real *fc2;             /* [n, L, D]  the second branch of the residual */
    real *x_cls, *att_cls; /* [n, D]  CLS rows of the block's input and of att, where cls_only */
    bool narrow;           /* y, qkv, att, mid are (ops.h); never in explanations */
};

void vit_acts_layout(const struct geometry *, const struct backend *, int n, bool explained,
                     struct bump *, struct vit_acts *);
static inline int vit_rows(const struct geometry *g, const struct vit_acts *a, int n)
{
    return a->cls_only ? n : n * g->tokens;
}

/* The largest width of a block's arrays. */
static inline size_t vit_widest(const struct geometry *g)
{
    return (size_t)(g->mlp > 3 * g->width ? g->mlp : 3 * g->width);
}

/* CLS rows [n, D] of all [n, L, D], which may begin at cls. */
void vit_gather_cls(const struct geometry *, struct backend *, int n, const real *all, real *cls);
/* The inverse, with zeros elsewhere; `finite` [n, L, D] is any array without NaN and infinity. */
void vit_spread_cls(const struct geometry *, struct backend *, int n, const real *finite,
                    const real *cls, real *all);

/* x [n, L, D] becomes the block's output; with cls_only its CLS rows, x [n, D], or where they lay
 * in narrow passes. */
void vit_block_forward(const struct geometry *, struct backend *, const struct vit_block *,
                       const struct vit_acts *, int n, real *x);
/* The same from x that stays; fills in everything of acts. The output is x1 + fc2. */
void vit_block_record(const struct geometry *, struct backend *, const struct vit_block *,
                      const struct vit_acts *, int n, const real *x);
/* The norm after the last block, of `rows` rows. */
void vit_final_norm(const struct geometry *, struct backend *, const struct vit_weights *, int rows,
                    const real *x, real *y);
/* CLS rows x [n, D] -> logits [n, classes], without a hidden layer; normed [n, D]: what the norm
 * gave. */
void vit_head(const struct geometry *, struct backend *, const struct vit_weights *, int n,
              const real *x, real *normed, real *logits);

/* MAP_GELU, _BACK or _GATE of this model's activation: they come in threes. */
static inline enum map2 vit_act(const struct geometry *g, enum map2 of_gelu)
{
    return (enum map2)(of_gelu + (MAP_TANH_GELU - MAP_GELU) * (int)g->act);
}

/* ---- gradient (vit_back.c) ---- */

struct vit_grads { /* scratch for one block, n images */
    real *wide;    /* [n, L, max(MLP, 3D)] */
    real *value;   /* [n, L, MLP]  gated; else NULL */
    real *d1, *d2; /* [n, L, D] */
    real *probs;   /* [n, H, L, L]  gradient at the attention map */
    real *qkv;     /* [n, L, 3, H, dim] */
    real *gamma;   /* of run_gamma_back, for any of the layers; or NULL */
};

/* Changes of a backward pass; all zero is the plain gradient. */
struct vit_back_rules {
    bool detach_norm;  /* LayerNorm's deviation is a constant */
    bool gelu_gate;    /* GELU(h) = h Φ(h) with Φ(h) a constant, SiLU likewise; and a gated MLP's
                          product gives half to each of its factors */
    bool values_only;  /* attention maps are constants */
    bool halves;       /* else: a product in the attention gives half to each of its factors */
    double gamma;      /* of AttnLRP's rule for fc1, fc2 and the heads; 0: their gradient */
    double gamma_attn; /* for qkv and proj */
    real *gamma_scratch; /* vit_grads.gamma */
    real *bias; /* [n, L] or NULL: b ⊙ the gradient at its layer's output is added, at its
                   token; under AttnLRP's rule what the bias takes */
};

/* A linear layer's contiguous arrays: x [rows, in], y [rows, out] = x Wᵀ + b. */
struct vit_io {
    int rows;
    size_t in, out;
    const real *x, *y;
};

/* Where a layer's bias adds its share: one element for each row, `ld` apart. */
struct vit_bias {
    real *p; /* NULL: nowhere */
    size_t ld;
};

void vit_grads_layout(const struct geometry *, const struct backend *, int n, bool gamma,
                      struct bump *, struct vit_grads *);
/* gy [rows, out] -> gx [rows, in]; x and y are read where gamma > 0. */
void vit_linear_back(struct backend *, const struct vit_back_rules *, const struct vit_linear *,
                     double gamma, const struct vit_io *, struct vit_bias, const real *gy,
                     real *gx);
void vit_norm_back(const struct geometry *, struct backend *, const struct vit_back_rules *,
                   int rows, const real *x, const real *w, const real *gy, bool accumulate,
                   real *gx);
/* to (+)= Σ_cols b ⊙ gy, every row its element. */
void vit_add_bias(struct backend *, struct vit_bias to, int rows, int cols, const real *gy,
                  const real *b, double scale);
/* gx [n, L, D] (cls_only: [n, D]) at the block's output -> [n, L, D] at x1, and g->probs, the
 * gradient at the attention map. */
void vit_block_back_probs(const struct geometry *, struct backend *, const struct vit_block *,
                          const struct vit_acts *, const struct vit_grads *,
                          const struct vit_back_rules *, int n, real *gx);
/* After vit_block_back_probs: gx becomes the gradient at the block's input x; d2 that at norm1's
 * output. */
void vit_block_back(const struct geometry *, struct backend *, const struct vit_block *,
                    const struct vit_acts *, const struct vit_grads *,
                    const struct vit_back_rules *, int n, const real *x, real *gx);

/* ---- LRP (vit_lrp.c; SPEC 5.4) ---- */

/* What of a block the rules of LRP take in the forward pass's own precision: sums that may nearly
 * cancel, and are divided by. */
struct vit_exact {
    const real *x, *proj; /* [n, L, D] the residuals' branches: the block's input, and the first
                             (cls_only: [n, D]), */
    const real *x1, *fc2; /* their sum, and the second */
    const real *scores;   /* [n, H, L, L] q kᵀ, then rounded; NULL: not computed yet */
};

struct vit_lrp {          /* scratch for one block, n images */
    struct backend *sums; /* that the branches of residuals are on */
    bool first;    /* the first LRP of Transformer-Explainability: a denominator for each sign in
                      linear layers, residuals are not rescaled */
    real *linear;  /* [n, L, D + max(MLP, 3D)]  of linear_lrp */
    real *wide;    /* [n, L, max(MLP, 3D)] */
    real *ra, *rb; /* [n, L, D] */
    real *probs;   /* [n, H, L, L]  relevance of the attention map */
    real *scores;  /* [n, H, L, L]  q kᵀ, then S(R, q kᵀ) */
};

void vit_lrp_layout(const struct geometry *, const struct backend *, int n, bool first,
                    struct bump *, struct vit_lrp *);
/* Through a linear layer: r [rows, out] -> rx [rows, in], which may be r where in = out. */
void vit_linear_lrp(struct backend *, const struct vit_lrp *, const struct vit_linear *,
                    const struct vit_io *, const real *r, real *rx);
/* Through a sum a + b, on s->sums, of `count` elements an image; ra or rb may be r. */
void vit_add_lrp(struct backend *, const struct vit_lrp *, int n, size_t count, const real *a,
                 const real *b, const real *r, real *ra, real *rb);
/* r (cls_only: [n, D]) at the block's output -> relevance of x1 in r [n, L, D], of the attention
 * output in s->ra, and s->probs, that of the attention map. x: the block's input. */
void vit_block_lrp_probs(const struct geometry *, struct backend *, const struct vit_block *,
                         const struct vit_acts *, const struct vit_exact *, const struct vit_lrp *,
                         int n, const real *x, real *r);
/* After vit_block_lrp_probs: r becomes the relevance of the block's input x. */
void vit_block_lrp(const struct geometry *, struct backend *, const struct vit_block *,
                   const struct vit_acts *, const struct vit_exact *, const struct vit_lrp *, int n,
                   const real *x, real *r);
