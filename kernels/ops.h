/* The operation table. One macro lists every operation; its type, every variant's declaration and
 * the test's coverage follow from that list.
 *
 * Notation (SPEC 1): n images, L tokens, D width, E = 2D inner width, N states, K conv taps, R rank
 * of the step projection, H heads. Arrays are row-major, the last index contiguous unless an ld
 * (elements between rows) says otherwise; outputs never alias inputs unless said. Pointers marked
 * "or NULL" are optional. Direction 0 runs forward over the tokens, direction 1 over the reversed
 * order; no array is ever stored reversed. Arrays flagged narrow hold bf16, two bytes an element,
 * between the operations of a classifying pass under PRECISION_BF16; a flag may be set where
 * backend.narrow is (or narrow_vit, see there), and nowhere else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops_heat.h"
#include "ops_methods.h"

struct backend;
typedef struct real real; /* an element of an array: float or double, see backend.h */
struct weight;            /* a matrix W [out, in] in the backend's own packing; see weight_new */

enum weight_use {
    WEIGHT_FORWARD = 1, /* x Wᵀ */
    WEIGHT_BACK = 2,    /* g W */
    WEIGHT_LRP = 4      /* linear_lrp */
};

/* ---- input ------------------------------------------------------------------------------- */

/* One model input: an 8-bit image, of which the first `removed` pixels in `rank` are masked. */
struct view {
    const uint8_t *rgb;   /* [S, S, 3], device memory */
    const uint32_t *rank; /* [S, S], device memory: position of each pixel in the order of removal;
                             NULL when nothing is removed */
    uint32_t removed;     /* pixels with rank < removed take the fill */
    const uint8_t *fill;  /* [S, S, 3] image to take masked pixels from, or NULL for fill_rgb */
};

struct patchify_args {                /* normalised, masked patches */
    int n, side, patch, stride, grid; /* grid = (side - patch) / stride + 1 */
    const struct view *views;         /* [n], host memory */
    float fill_rgb[3];                /* in [0,1], before normalisation; black = 0 (SPEC 7) */
    float mean[3], std[3];            /* (x - mean) / std in `real`, x = rgb/255 rounded to float */
    real *out;                        /* [n, grid*grid, 3*patch*patch], columns (channel, y, x) */
};

enum { EMBED_OTHERS = 24 }; /* tokens of an image that are no patches, at most */

struct embed_args {             /* puts tokens among the patches and adds the position embedding */
    int n, len, width;          /* len = L, all tokens */
    int others;                 /* that are no patches: CLS, registers; may be 0 */
    int other_at[EMBED_OTHERS]; /* where they come to stand, ascending */
    const real *patches;        /* [n, L - others, D] */
    const real *other;          /* [others, D] */
    const real *pos;            /* [L, D] */
    real *out;                  /* [n, L, D] */
};

/* ---- matrix products --------------------------------------------------------------------- */

enum activation { ACT_NONE, ACT_GELU }; /* exact (erf) GELU */

struct linear_args { /* y = act(x Wᵀ + b) (+ y) */
    int rows;
    const struct weight *w; /* W [out, in] */
    const real *x;
    size_t ldx;       /* x [rows, in] */
    const real *bias; /* [out] or NULL */
    enum activation act;
    bool accumulate; /* adds to what y holds, after the activation */
    real *y;
    size_t ldy;              /* y [rows, out] */
    bool narrow_x, narrow_y; /* a narrow y is not accumulated to */
};

struct linear_back_args { /* gx = gy W (+ gx) */
    int rows;
    const struct weight *w;
    const real *gy;
    size_t ldgy; /* [rows, out] */
    bool accumulate;
    real *gx;
    size_t ldgx; /* [rows, in] */
};

struct matrix { /* of a batch: entry (b0, b1, i, j) at b0*s0 + b1*s1 + i*ld + j */
    const real *p;
    size_t ld, s0, s1;
};

struct matmul_args { /* C = alpha op(A) op(B) + beta C for every (b0, b1) */
    int b0, b1, m, n, k;
    struct matrix a, b, c; /* op(A) [m,k], op(B) [k,n], C [m,n]; c.p is written */
    bool ta, tb;           /* A is stored [k,m], B is stored [n,k] */
    double alpha, beta;
};

/* ---- normalisation, elementwise ---------------------------------------------------------- */

struct rmsnorm_args { /* r = x (+ h);  y = r / sqrt(mean(r²) + eps) * w */
    int rows, width;
    const real *x, *h; /* [rows, D]; h or NULL */
    const real *w;     /* [D] */
    double eps;
    real *r; /* [rows, D] or NULL; may be x */
    real *y; /* [rows, D] */
    bool narrow_y;
};

struct rmsnorm_back_args { /* gx (+)= gradient with respect to x of y = rmsnorm(x) * w */
    int rows, width;
    const real *x, *w, *gy;
    double eps;
    bool detach; /* 1/sqrt(.) is a constant (SPEC 5.5) */
    bool accumulate;
    real *gx;
};

/* Of LayerNorm's arrays x, h, r, y and their gradients: rows side by side (run 0), or in runs of
 * `run` rows, each beginning `jump` elements behind the one before. */
struct row_runs {
    int run;
    size_t jump;
};

struct layernorm_args { /* r = x (+ h);  y = (r - mean) / sqrt(var + eps) * w + b */
    int rows, width;
    struct row_runs at;
    const real *x, *h, *w, *b; /* h or NULL */
    double eps;
    real *r; /* or NULL; may be x */
    real *y;
    bool narrow_y;
};

struct layernorm_back_args {
    int rows, width;
    struct row_runs at;
    const real *x, *w, *gy;
    double eps;
    bool detach; /* 1/sqrt(.) is a constant, the mean is not (LibraGrad) */
    bool accumulate;
    real *gx; /* may be gy, then without accumulate */
};

/* c and d of MAP_TANH_GELU, c of MAP_QUICK_GELU */
#define TANH_GELU_C 1.59576912160573071175978
#define TANH_GELU_D (0.044715 * TANH_GELU_C)
#define QUICK_GELU_C 1.702

struct to_single_args { /* rounds to the arrays of backend.single: float whatever the backend */
    size_t count;
    const real *x;
    real *out; /* [count] of float; not x */
};

enum map2 {
    MAP_ADD,       /* a + b */
    MAP_MUL,       /* a b */
    MAP_RATIO,     /* S(a, b) = a / (b + 1e-9), 1e-9 for a sum of 0; 0 where b = 0 (SPEC 5.4 as the
                      released code has it, see ref_math.h) */
    MAP_ABS,       /* |a| */
    MAP_GELU,      /* exact GELU of a */
    MAP_GELU_BACK, /* b * GELU'(a) */
    MAP_GELU_GATE, /* b * Φ(a): GELU(a) = a Φ(a) with Φ(a) a constant (LibraGrad, AttnLRP) */
    /* The same of a σ(c a + d a³): GELU by tanh, c = 2 √(2/π) and d = 0.044715 c, */
    MAP_TANH_GELU,
    MAP_TANH_GELU_BACK,
    MAP_TANH_GELU_GATE,
    MAP_QUICK_GELU, /* and c = 1.702, d = 0 */
    MAP_QUICK_GELU_BACK,
    MAP_QUICK_GELU_GATE,
    MAP_SILU,      /* SiLU of a: a σ(a) */
    MAP_SILU_BACK, /* b * SiLU'(a) */
    MAP_SILU_GATE, /* b * σ(a): SiLU(a) = a σ(a) with σ(a) a constant */
    MAP_TANH,      /* tanh a */
    MAP_TANH_BACK, /* b * tanh'(a) */
    MAP_TANH_GATE, /* b * tanh(a) / a, 1 at 0: tanh(a) = a (tanh(a) / a), the ratio a constant */
    MAP_POSITIVE,  /* max(a, 0) */
    MAP_NEGATIVE,  /* min(a, 0) */
    MAP_COPY,      /* a */
    MAP2_COUNT
};

struct map2_args { /* out = scale * f(a, b), elementwise; out may be a or b */
    enum map2 f;
    size_t count;
    const real *a, *b; /* b ignored by one-operand functions, may then be NULL */
    double scale;
    real *out;
};

/* ---- Vim (SPEC 2.2) ---------------------------------------------------------------------- */

struct conv_dir {
    const real *w; /* [K, E], tap-major; direction 0: p[t] = Σ_k w[k] x[t-K+1+k] + b */
    const real *b; /* [E];               direction 1: p[t] = Σ_k w[k] x[t+K-1-k] + b */
    real *u;       /* [n, L, E] out: SiLU(p) */
    real *pre;     /* [n, L, E] out: p; or NULL */
};

struct conv_silu_args { /* depthwise causal convolution and SiLU, both directions */
    int n, len, chan, taps;
    const real *x;
    size_t ldx; /* [n*L, E] */
    struct conv_dir dir[2];
    bool narrow; /* x and u; pre is NULL */
};

struct conv_silu_back_args { /* gx = Σ over directions of convᵀ(gu * SiLU'(p)) */
    int n, len, chan, taps;
    const real *x;
    size_t ldx;
    struct {
        const real *w, *b; /* as forward */
        const real *gu;    /* [n, L, E] */
    } dir[2];
    bool silu_ratio; /* SiLU(p) is p~ times a constant: gradient SiLU(p)/p~, p~ = p + 1e-6 sign(p),
                        sign(0) = 1 (SPEC 5.5) */
    real *gx;
    size_t ldgx; /* [n*L, E], overwritten */
};

struct scan_dir {
    const real *u;    /* [n, L, E] */
    const real *xdbl; /* [n, L, R+2N]: δ | B | C */
    const real *w_dt; /* [R, E], rank-major */
    const real *b_dt; /* [E] */
    const real *a;    /* [N, E], state-major: A = -exp(A_log) */
    const real *d;    /* [E] */
};

/* Selective scan with step projection, softplus and gate, both directions:
 *     Δ = softplus(δ W_Δᵀ + b_Δ)    (x itself where x > 20, as PyTorch)
 *     s_t = exp(Δ_t A) s_{t-1} + (Δ_t B_t) u_t;  y_t = C_t · s_t + D u_t
 *     out = (y_0 + y_1) / 2 * SiLU(z) */
struct scan_args {
    int n, len, chan, state, rank;
    struct scan_dir dir[2];
    const real *z;
    size_t ldz;     /* [n*L, E] */
    real *out;      /* [n, L, E] */
    real *delta[2]; /* [n, L, E] out: Δ; or NULL */
    real *y[2];     /* [n, L, E] out: y; or NULL */
    bool narrow;    /* u, z, out; delta and y are NULL */
    /* Of out, token `row` alone is read, the other rows may hold anything; delta and y are NULL.
     * What dir[0] has after this token, and dir[1] before it, then has no influence. */
    bool one_row;
    int row;
};

struct scan_back_args { /* recomputes the scan; gradients of its inputs */
    int n, len, chan, state, rank;
    struct scan_dir dir[2];
    const real *z;
    size_t ldz;
    const real *gout;     /* [n, L, E] */
    const real *delta[2]; /* [n, L, E]: Δ as `scan` gave it; NULL, or not read: computed again */
    /* SPEC 5.5, MambaLRP: */
    bool detach;     /* exp(ΔA), ΔB and C are constants: only gu (and gz) are made */
    bool half_gate;  /* the gate's product passes half its gradient to each side */
    bool silu_ratio; /* SiLU(z) is z~ times a constant, as in conv_silu_back */
    real *gu[2];     /* [n, L, E], without what flows back through xdbl */
    real *gxdbl[2];  /* [n, L, R+2N]; ignored when detach */
    real *gz;
    size_t ldgz; /* [n*L, E] */
};

/* ---- hidden attention (SPEC 4) ----------------------------------------------------------- */

struct attn_dir {
    const real *delta; /* [n, L, E]; NULL leaves this direction out */
    const real *xdbl;  /* [n, L, R+2N] */
    const real *a;     /* [N, E] */
};

/* Row i of α for every channel: v[j] = Σ_n C_i[n] exp(A[n] Σ_k Δ_k) Δ_j B_j[n], the sum over k from
 * j+1 to i in the direction's order. The directions' rows are added; they meet at j = i only. */
struct hidden_row_args {
    int n, len, chan, state, rank;
    struct attn_dir dir[2];
    int row;        /* i */
    bool own_decay; /* false: Δ_i, the row token's own decay, is left out of the sum (SPEC 5.1) */
    bool diagonal;  /* false: v[i] = 0 */
    real *out;      /* [n, L, E] */
};

enum sign_rule { SIGN_KEEP, SIGN_CLAMP, SIGN_ABS }; /* x, max(x, 0), |x| */
enum reduction { REDUCE_MEAN, REDUCE_MAX, REDUCE_MIN, REDUCE_PRODUCT };

/* M[i,j] = reduce over channels of f(α_0 + flip α_1)[i,j]; O(L²·E·N) time, never an L×L×E array. */
struct hidden_matrix_args {
    int n, len, chan, state, rank;
    struct attn_dir dir[2];
    bool own_decay, diagonal; /* as above, for every row */
    enum sign_rule sign;      /* f */
    enum reduction reduce;
    int chan_first, chan_count; /* channels [first, first+count) alone; count 0 = all */
    real *out;                  /* [n, L, L] */
    real *range;                /* [n, 2] out: min and max over i, j, channels of f; or NULL */
};

/* Reduction of a row over channels: out[t] = reduce_d f(v[t,d]); range = min, max of f over t, d.
 */
struct channel_reduce_args {
    int n, len, chan;
    const real *v; /* [n, L, E] */
    enum sign_rule sign;
    enum reduction reduce;
    real *out;   /* [n, L] */
    real *range; /* [n, 2] or NULL */
};

/* SPEC 4's identity at one row and direction: Σ_j v[j] u[j] = y_i - D u_i in every channel. */
struct hidden_identity_args {
    int n, len, chan, row;
    const real *v;     /* [n, L, E]: hidden_row of this direction, own_decay and diagonal true */
    const real *u, *y; /* [n, L, E]: scan's input and its output with D u */
    const real *d;     /* [E] */
    real *out;         /* [n, 2]: max over channels of |difference|, and of |y_i - D u_i| */
};

/* The CLS row of the operator from x to the gated output (Zimerman et al. 2025; SPEC 5.3), one
 * direction: a[j] = v[j] σ(p[j]);  r = convᵀ(a);  out (+)= r * SiLU(z_i). */
struct unified_row_args {
    int n, len, chan, taps, row, direction;
    const real *v;   /* [n, L, E]: hidden_row of this direction, own_decay and diagonal true */
    const real *pre; /* [n, L, E]: p */
    const real *w;   /* [K, E] */
    const real *z;
    size_t ldz; /* [n*L, E] */
    bool accumulate;
    real *out; /* [n, L, E] */
};

/* ---- ViT (SPEC 2.3, 5.4) ----------------------------------------------------------------- */

struct attention_args {     /* softmax(scale q kᵀ) v, per head */
    int n, len, heads, dim; /* dim = D / H */
    const real *qkv;        /* [n, L, 3, H, dim] */
    double scale;
    real *out;   /* [n, L, H, dim] */
    real *probs; /* [n, H, L, L] out, or NULL: never in memory whole */
    bool narrow; /* qkv and out; probs is NULL */
};

struct softmax_back_args { /* gs = scale * p * (gp - Σ_j gp p), per row */
    size_t rows;
    int cols;
    const real *p, *gp;
    double scale;
    real *gs; /* may be gp */
};

struct head_mean_args { /* out = mean over heads of a, or of max(a b, 0) where b is given */
    int n, heads, len;
    const real *a, *b; /* [n, H, L, L]; b or NULL */
    real *out;         /* [n, L, L] */
};

/* A rollout from the top down (SPEC 5.4): v <- vᵀ (I + K), each row of I + K divided by its sum
 * where row_norm; by 1 where that is exactly 0. In double whatever the backend. */
struct rollout_args {
    int n, len;
    const real *k; /* [n, L, L] */
    bool row_norm;
    double *v;     /* [n, L], in and out */
    uint8_t *zero; /* [n]: set to 1 where a row's sum was 0, else left as it is */
};

/* ---- reductions over columns ------------------------------------------------------------- */

enum row_stat { ROW_MAX_POS, ROW_MEAN, ROW_SUM, ROW_DOT }; /* max(x,0) max; mean; sum; Σ x y */

struct row_reduce_args {
    enum row_stat stat;
    size_t rows;
    int cols;
    const real *x, *y; /* [rows, cols]; y for ROW_DOT only */
    real *out;         /* [rows] */
};

/* ---- the list ---------------------------------------------------------------------------- */

#define OP_LIST(OP)                                                                                \
    OP(patchify, struct patchify_args)                                                             \
    OP(embed, struct embed_args)                                                                   \
    OP(linear, struct linear_args)                                                                 \
    OP(linear_back, struct linear_back_args)                                                       \
    OP(matmul, struct matmul_args)                                                                 \
    OP(rmsnorm, struct rmsnorm_args)                                                               \
    OP(rmsnorm_back, struct rmsnorm_back_args)                                                     \
    OP(layernorm, struct layernorm_args)                                                           \
    OP(layernorm_back, struct layernorm_back_args)                                                 \
    OP(map2, struct map2_args)                                                                     \
    OP(to_single, struct to_single_args)                                                           \
    OP(conv_silu, struct conv_silu_args)                                                           \
    OP(conv_silu_back, struct conv_silu_back_args)                                                 \
    OP(scan, struct scan_args)                                                                     \
    OP(scan_back, struct scan_back_args)                                                           \
    OP(hidden_row, struct hidden_row_args)                                                         \
    OP(hidden_matrix, struct hidden_matrix_args)                                                   \
    OP(hidden_identity, struct hidden_identity_args)                                               \
    OP(channel_reduce, struct channel_reduce_args)                                                 \
    OP(unified_row, struct unified_row_args)                                                       \
    OP(attention, struct attention_args)                                                           \
    OP(softmax_back, struct softmax_back_args)                                                     \
    OP(head_mean, struct head_mean_args)                                                           \
    OP(rollout, struct rollout_args)                                                               \
    OP(lrp_add, struct lrp_add_args)                                                               \
    OP(linear_lrp, struct linear_lrp_args)                                                         \
    OP(lrp_join, struct lrp_join_args)                                                             \
    OP(row_reduce, struct row_reduce_args)                                                         \
    OP_HEAT_LIST(OP)                                                                               \
    OP_METHODS_LIST(OP)

#define OP_TYPE(name, args) typedef void op_##name##_fn(struct backend *, const args *);
OP_LIST(OP_TYPE)
#undef OP_TYPE

/* Weights are not run but made: W [out, in] from host floats (NaN-free), packed for `uses`. Returns
 * NULL when memory ran out. weight_free accepts NULL. */
typedef struct weight *op_weight_new_fn(struct backend *, const float *w, int out, int in,
                                        unsigned uses);
typedef void op_weight_free_fn(struct backend *, struct weight *);

struct ops {
#define OP_SLOT(name, args) op_##name##_fn *name;
    OP_LIST(OP_SLOT)
#undef OP_SLOT
    op_weight_new_fn *weight_new;
    op_weight_free_fn *weight_free;
};

#define OP_SLOT_COUNT (sizeof(struct ops) / sizeof(void *))
