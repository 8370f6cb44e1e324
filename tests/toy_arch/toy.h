/* A third architecture, as small as can be: does the rest of the house know the others by name?
 *
 * Tokens as everywhere (patch projection, CLS first, position); layer i adds to every token the
 * mean of all of them through a matrix, x ← x + mean(x) W_iᵀ; CLS meets the head. */
#pragma once

#include "sweep.h"

extern const struct arch_type toy_type;
extern const struct arch_explain toy_explain;

struct toy_weights {
    struct stem stem;
    int depth;
    real *average;       /* [L, L], 1/L everywhere */
    struct weight **mix; /* [Λ] of [D, D] */
    struct weight *head; /* [classes, D] */
    real *head_b;
};

/* x [n, L, D] -> mean over tokens, in every row of mean [n, L, D]. */
void toy_average(const struct geometry *, struct backend *, const struct toy_weights *, int n,
                 const real *x, real *mean);
/* x += mean W_iᵀ */
void toy_add(const struct geometry *, struct backend *, const struct toy_weights *, int layer,
             int n, const real *mean, real *x);
void toy_head(const struct geometry *, struct backend *, const struct toy_weights *, int n,
              const real *x, real *logits);
