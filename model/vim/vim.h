/* Vision Mamba (SPEC 2.2) on a backend: weights, one layer's activations, forward and backward of a
 * layer. Used by vim.c's forward pass and by the explanations. */
#pragma once

#include "arch.h"

extern const struct arch_type vim_type;
extern const struct arch_explain vim_explain;           /* vim_sweep.c */
bool vim_initialise(struct tensor *, uint64_t *random); /* vim_init.c */

#define VIM_NORM_EPS 1e-5 /* SPEC 2.2 */

struct vim_direction {
    real *conv_w, *conv_b; /* [K, E], [E] */
    struct weight *x_proj; /* [R+2N, E] */
    real *w_dt, *b_dt;     /* [R, E], [E] */
    real *a, *d;           /* [N, E] = -exp(A_log), [E] */
};

struct vim_norm {
    real *w, *b; /* [D]; b NULL: RMSNorm, else LayerNorm */
};

struct vim_layer {
    struct vim_norm norm;
    struct weight *in_proj;   /* [2E, D] */
    struct weight *out_proj;  /* [D, E] */
    real *in_bias, *out_bias; /* [2E], [D]; NULL: none */
    struct vim_direction dir[2];
};

struct vim_weights {
    struct stem stem;
    int depth;
    struct vim_layer *layer;   /* [Λ] */
    struct weight *last_in[2]; /* of the last layer: W_in's rows of x, of z; NULL: vim_last.c */
    struct vim_norm norm_f;
    struct weight *head; /* [classes, D]; of registers [classes, n D / k] */
    real *head_b;
    real *read;          /* vim_read.h; NULL where one token is read */
    struct weight *neck; /* [D / k, D]; NULL: none */
    real *norm_neck;     /* [n D / k] */
};

/* One layer's activations for n images. Arrays that only explanations read are NULL in a plain
 * forward pass. */
struct vim_acts {
    real *xn;       /* [n, L, D]  RMSNorm(r) w */
    real *xz;       /* [n, L, 2E] columns x | z */
    real *u[2];     /* [n, L, E]  SiLU of the convolution */
    real *xdbl[2];  /* [n, L, R+2N]  δ | B | C */
    real *gated;    /* [n, L, E]  ĝ, what enters W_out: mean of both directions, gated */
    real *pre[2];   /* [n, L, E]  p, the convolution; explanations only */
    real *delta[2]; /* [n, L, E]  Δ; explanations only */
    real *y[2];     /* [n, L, E]  scan output with D u; explanations only */
    bool narrow;    /* xn, xz, u, gated are (ops.h); never in explanations */
};

void vim_acts_layout(const struct geometry *, const struct backend *, int n, bool explained,
                     struct bump *, struct vim_acts *);

/* ---- norms (vim_norm.c) ---- */

bool vim_norm_bind(struct vim_norm *, const struct model *, struct backend *, const char *name);
void vim_norm_unbind(struct vim_norm *, struct backend *);
void vim_norm(const struct geometry *, struct backend *, const struct vim_norm *, int rows,
              const real *x, real *y, bool narrow);
void vim_norm_back(const struct geometry *, struct backend *, const struct vim_norm *, int rows,
                   const real *x, const real *gy, bool detach, bool accumulate, real *gx);

/* ---- layers ---- */

/* r [n, L, D] -> activations up to ĝ. */
void vim_layer_inner(const struct geometry *, struct backend *, const struct vim_layer *,
                     const struct vim_acts *, int n, const real *r);
/* r += ĝ W_outᵀ */
void vim_layer_close(const struct geometry *, struct backend *, const struct vim_layer *,
                     const struct vim_acts *, int n, real *r);
/* Between two layers: r is rotated where the model has rotary positions. Scratch: a->xn. */
void vim_between(const struct geometry *, struct backend *, const struct vim_weights *,
                 const struct vim_acts *, int n, real *r);
/* r [n, L, D] -> logits [n, classes]; normed [n, L, D] is scratch. */
void vim_head(const struct geometry *, struct backend *, const struct vim_weights *, int n,
              const real *r, real *normed, real *logits);

/* ---- the last layer, where one token is read (vim_last.c) ---- */

bool vim_last_bind(struct vim_weights *, const struct model *, struct backend *);
/* Whether it can be computed for this one token alone. */
bool vim_last_alone(const struct vim_weights *, int n);
/* The last layer and the head of one image: r [L, D] -> logits [classes]. Of r, the row of the
 * token that is read becomes the layer's output. */
void vim_last_forward(const struct geometry *, struct backend *, const struct vim_weights *,
                      const struct vim_acts *, real *r, real *logits);

/* ---- backward (vim_back.c) ---- */

/* Changes of a backward pass for MambaLRP (SPEC 5.5); all false is the plain gradient. */
struct vim_back_rules {
    bool detach_norm, detach_scan, half_gate, silu_ratio;
};

struct vim_grads { /* scratch for one layer, n images */
    real *gated;   /* [n, L, E]  gradient at ĝ */
    real *u[2];    /* [n, L, E] */
    real *xdbl[2]; /* [n, L, R+2N] */
    real *xz;      /* [n, L, 2E] */
    real *xn;      /* [n, L, D] */
};

void vim_grads_layout(const struct geometry *, const struct backend *, int n, struct bump *,
                      struct vim_grads *);

/* onehot [n, classes] -> gr [n, L, D], the gradient of the chosen logit at the last residual stream
 * r. normed is scratch [n, L, D]. */
void vim_head_back(const struct geometry *, struct backend *, const struct vim_weights *,
                   const struct vim_back_rules *, int n, const real *r, const real *onehot,
                   real *normed, real *gr);
/* gr [n, L, D] at a layer's output -> g->gated, the gradient at ĝ. */
void vim_layer_back_gated(const struct geometry *, struct backend *, const struct vim_layer *,
                          const struct vim_grads *, int n, const real *gr);
/* After vim_layer_back_gated: gr becomes the gradient at the layer's input r. */
void vim_layer_back(const struct geometry *, struct backend *, const struct vim_layer *,
                    const struct vim_acts *, const struct vim_grads *,
                    const struct vim_back_rules *, int n, const real *r, real *gr);
