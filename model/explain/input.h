/* Makes maps from the gradient at the tokens: products with the input at tokens, patches or
 * pixels. */
#pragma once

#include "sweep.h"

/* The patch projection, on a pass's backend, for all its sweeps. */
struct input_weights {
    struct weight *proj;         /* W [D, 3 P P] */
    real *b;                     /* [D]; of the two that follow */
    struct weight *proj_abs;     /* |W|, for AttnLRP's rule; else NULL */
    struct weight *plus, *minus; /* W⁺, W⁻, for the z^B rule; else NULLs */
};

/* Arrays of the z^B rule (input_box.c). */
struct input_box {
    real *other;     /* [n P, 3 P P] */
    real *ones;      /* [max(P, 3 P P)] */
    real *sums;      /* [2, D] of W⁺ and of W⁻ over a patch's values */
    real *lows;      /* [n, D] */
    real *range;     /* [n, 2] smallest and largest value of an image */
    double *host[2]; /* [n] each of -smallest, -largest */
};

/* A sweep's arrays. P: patches of an image, g*g. */
struct input {
    const struct input_weights *w;
    real *rows;           /* [n P, D]  the gradient at the patches' tokens */
    real *product;        /* [n P, D]  x Wᵀ */
    real *patch_gradient; /* [n P, 3 P P] */
    real *pixels;         /* [n, S, S, 3] */
    real *map;            /* [n, S, S] */
    real *gamma;          /* of run_gamma_back; or NULL */
    struct input_box box; /* of the z^B rule; NULLs */
    double *host;         /* [S, S] */
};

/* Whether a method's map is made from patches or pixels. */
bool input_wanted(const struct rules *);
/* Makes it for the jobs that need it; *out is unchanged where none does. */
enum status input_bind_for(struct input_weights **out, const struct model *, struct backend *,
                           const struct job *, int count, struct error *);
void input_unbind(struct input_weights *, struct backend *); /* accepts NULL */
/* Makes it again, where there is one, of other tensors. */
enum status input_rebind(struct input_weights *, const struct model *, struct backend *,
                         struct error *);

/* sweep->input is there; it holds nothing yet. */
bool input_open(struct sweep *);
void input_close(struct sweep *);
void input_layout(struct sweep *, struct bump *);

/* Computes x ⊙ gradient at the method's level: summed over D at the tokens, by patches, or at the
 * pixels with their channels combined by the method's rule. x is the model's input. To be called by
 * a layer_fn at the bottom. */
void input_times_gradient(struct layer_view *, const struct rules *, struct track *);
/* How far Σ x ⊙ gradient, over all tokens of the first layer's input, and what the biases took miss
 * the score: the tracks' sum_error. For a layer_fn at the bottom of a method with `bias`. */
void input_sum_error(struct layer_view *, struct track *);

/* ---- pieces, for other rules at the pixels; of view->g_tokens and view->patches ---- */

/* Extracts the patches' rows from those of all tokens [n, L, D]. */
void input_patch_rows(struct layer_view *, const real *tokens, real *rows);
/* Turns in->patch_gradient, which has a value for every value of a patch, into maps of pixels or
 * patches. */
void input_finish(struct layer_view *, const struct rules *, struct track *);
/* tracks += weight x ⊙ gradient. */
void input_add_products(struct layer_view *, const struct rules *, double weight, struct track *);
/* out [n, g*g] = Σ_D (x Wᵀ)_t ⊙ G_t, without bias: what the patch's pixels add up to, and no
 * transposed convolution is needed. Where patches overlap, this is how their sum is split. */
void input_patch_products(struct layer_view *, double *out);
void input_put_patches(const struct layer_view *, const double *values, double weight,
                       struct track *);
/* input->pixels [n, S, S, 3]: the gradient there, or x ⊙ it. A pixel's value is the same in every
 * patch that holds it: x ⊙ ∂x, summed over patches, is the sum of the products patch by patch. */
void input_pixel_gradient(struct layer_view *, const struct rules *, bool times_input);
/* tracks += weight times what the channel rule makes of values [n, S, S, 3]: each pixel, or their
 * sums over the patches' windows. */
void input_put_pixels(struct layer_view *, const struct rules *, const real *values, double weight,
                      struct track *);

/* ---- input_box.c ---- */

bool input_box_open(struct input_box *, int n);
void input_box_close(struct input_box *);
void input_box_layout(struct sweep *, struct bump *);
/* Propagates the tokens' relevance to the pixels by the z^B rule (Transformer-Explainability),
 * summed over the colours. To be called by a layer_fn at the bottom; overwrites view->relevance. */
void input_box_relevance(struct layer_view *, const struct rules *, struct track *);
