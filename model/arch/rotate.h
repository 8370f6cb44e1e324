/* Rotary positions of whole tokens, as Vim has them before every layer: t <- t ⊙ cos + t' ⊙ sin
 * with (t'₂ₘ, t'₂ₘ₊₁) = (-t₂ₘ₊₁, t₂ₘ). */
#pragma once

#include "arch.h"

struct rotation {
    real *cosine, *sine; /* [L, D]; 1 and 0 at a token that stays */
    struct weight *swap; /* t' = swap t, [D, D] */
};

/* Of rope.freqs_cos and rope.freqs_sin [patches, D]. Where there is a token more, the first stays
 * and the others take them in their order. */
struct rotation *rotation_bind(const struct model *, struct backend *);
void rotation_unbind(struct rotation *, struct backend *); /* accepts NULL */
/* x [n, L, D] in place; scratch of the same size. `back`: the transpose, for gradients. */
void rotate_tokens(const struct geometry *, struct backend *, const struct rotation *, bool back,
                   int n, real *x, real *scratch);
