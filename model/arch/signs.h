/* Rules that treat positive and negative weights of a linear layer separately: the weights they
 * need, and AttnLRP's γ rule (Achtibat et al. 2024), which replaces a linear layer's gradient. */
#pragma once

#include "arch.h"

float keep_positive(float);
float keep_negative(float);

/* y = x Wᵀ + b on the way back. */
struct gamma_back {
    double gamma;
    int rows;
    size_t in, out;
    const struct weight *w, *w_abs; /* W, |W| */
    const real *b;                  /* [out] */
    const real *x, *y, *gy;         /* [rows, in], [rows, out], [rows, out] */
    real *gx;                       /* [rows, in]; none of the above */
    real *scratch;                  /* [rows, in + 2 out] */
    /* Out, in `scratch`: s and s_abs [rows, out] (gamma_split). What the bias takes is s ⊙ b (1 +
     * γ/2) + s_abs ⊙ |b| γ/2. */
    const real *s, *s_abs;
};

void run_gamma_back(struct backend *, struct gamma_back *);
