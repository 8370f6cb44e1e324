/* Operations of explanation methods that go beyond the hidden attention and its baselines:
 * gradients at the pixels, inputs that are averaged over, LRP, AttnLRP's rule, influence through a
 * scan.
 * Part of ops.h, which says what all operations have in common. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct real real;
struct weight;

/* ---- gradients at the pixels, inputs to average over -------------------------------------- */

/* The transpose of patchify: a pixel's value is the sum of its values in all patches that hold it.
 */
struct fold_args {
    int n, side, patch, stride, grid;
    const real *patches; /* [n, grid*grid, 3*patch*patch], columns (channel, y, x) */
    real *out;           /* [n, S, S, 3] */
};

/* patches += sigma N(0, 1), the same draw wherever a pixel stands in several patches: value (c, y,
 * x) of image i is draw_normal(stream[i], (c S + y) S + x) (draw.h), in double. */
struct noise_args {
    int n, side, patch, stride, grid;
    const uint64_t *stream; /* [n], host memory */
    const double *sigma;    /* [n], host memory */
    real *patches;          /* as in fold, in and out */
};

struct mix_args { /* out[i] (+)= wx[i] x[i] + wy[i] y[i] */
    int n;
    size_t count;          /* elements per image */
    const real *x, *y;     /* [n, count]; y or NULL */
    const double *wx, *wy; /* [n], host memory; wy or NULL with y */
    bool accumulate;
    real *out; /* may be x or y */
};

/* ---- LRP ---------------------------------------------------------------------------------- */

/* LRP of a residual sum a + b (SPEC 5.4): shares by S(R, a+b), each rescaled over the whole image's
 * tensor. */
struct lrp_add_args {
    int n;
    size_t count; /* elements per image */
    const real *a, *b, *r;
    real *ra, *rb; /* may be r, not both */
    bool single;   /* r, ra and rb hold float whatever the backend; a and b do not */
};

/* Relevance through y = x Wᵀ + b (SPEC 5.4, α = 1), rows without gaps:
 *     Z = x⁺ W⁺ᵀ + x⁻ W⁻ᵀ = (y - b + |x| |W|ᵀ) / 2,  Q = S(r, Z),
 *     rx = x⁺ ⊙ (Q W⁺) + x⁻ ⊙ (Q W⁻) = (x ⊙ (Q W) + |x| ⊙ (Q |W|)) / 2 */
struct linear_lrp_args {
    int rows;
    const struct weight *w; /* made with WEIGHT_LRP */
    const real *x;          /* [rows, in] */
    const real *y, *b;      /* [rows, out], [out] */
    const real *r;          /* [rows, out] */
    real *rx;               /* [rows, in]; may be r where in = out */
    real *scratch;          /* [rows, in + out] */
};

struct lrp_join_args { /* a tensor used twice: r = x ⊙ (S(r1, x) + S(r2, x)) */
    size_t count;
    const real *x, *r1, *r2;
    real *r; /* may be any of them */
};

/* ---- AttnLRP (Achtibat et al. 2024): the gamma rule of y = x Wᵀ + b -----------------------------
 */

/* Before the products: with z = y - b,
 *     d = y + γ ((z + t)/2 + max(b, 0)) where y > 0,  y + γ ((z - t)/2 + min(b, 0)) where y < 0
 *     s = g y / (d + 1e-6 sign(d)), 0 where y = 0;  s_abs = s sign(y)
 * and then x's gradient is gamma_join of s W and s_abs |W|. */
struct gamma_split_args {
    int rows, cols;
    double gamma;
    const real *y, *t, *g; /* [rows, cols]; t = |x| |W|ᵀ */
    const real *b;         /* [cols] */
    real *s, *s_abs;       /* [rows, cols]; may be t or g */
};

struct gamma_join_args { /* gx = (1 + γ/2) a + γ/2 b, minus in place of plus where x <= 0 */
    size_t count;
    double gamma;
    const real *x, *a, *b; /* a = s W, b = s_abs |W| */
    real *gx;              /* may be a or b */
};

/* ---- X-VMamba (Mabrok and Zafari 2025): influence of a token through the scan ------------------
 */

/* Mean over channels, and over both directions, of
 *     Σ_n |Δ_t B_t| q_t,  q_t = |C_t| + exp(Δ_{t+1} A) q_{t+1}            (in the direction's
 * order) or, gramian, of  Σ_n C_t² (Δ_t B_t)² / (1 - exp(2 Δ_t A) + 1e-8). */
struct scan_influence_args {
    int n, len, chan, state, rank;
    struct {
        const real *delta; /* [n, L, E] */
        const real *xdbl;  /* [n, L, R+2N] */
        const real *a;     /* [N, E] */
    } dir[2];
    bool gramian;
    real *out; /* [n, L] */
};

#define OP_METHODS_LIST(OP)                                                                        \
    OP(fold, struct fold_args)                                                                     \
    OP(noise, struct noise_args)                                                                   \
    OP(mix, struct mix_args)                                                                       \
    OP(gamma_split, struct gamma_split_args)                                                       \
    OP(gamma_join, struct gamma_join_args)                                                         \
    OP(scan_influence, struct scan_influence_args)
