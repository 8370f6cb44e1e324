/* From the gradient at the tokens to maps: products with the input at tokens, patches or pixels. */
#pragma once

#include "sweep.h"

/* The patch projection, on a pass's backend, for all its sweeps. */
struct input_weights {
    struct weight *proj; /* W [D, 3 P P] */
};

/* A sweep's arrays. P: patches of an image, g*g. */
struct input {
    const struct input_weights *w;
    real *rows;           /* [n P, D]  the gradient at the patches' tokens */
    real *product;        /* [n P, D]  x Wᵀ */
    real *patch_gradient; /* [n P, 3 P P] */
    real *pixels;         /* [n, S, S, 3] */
    real *map;            /* [n, S, S] */
    double *host;         /* [S, S] */
};

/* Whether a method's map is made from patches or pixels. */
bool input_wanted(const struct rules *);
bool input_bind(struct input_weights *, const struct model *, struct backend *);
/* For those of the jobs that want it; *out stays as it is where none does. */
enum status input_bind_for(struct input_weights **out, const struct model *, struct backend *,
                           const struct job *, int count, struct error *);
void input_unbind(struct input_weights *, struct backend *);

/* sweep->input is there; it holds nothing yet. */
bool input_open(struct sweep *);
void input_close(struct sweep *);
void input_layout(struct sweep *, struct bump *);

/* x ⊙ gradient at the method's level: Σ_D at the tokens, patch by patch, or at the pixels, their
 * channels put together by its rule. x is what the model saw. For a layer_fn at the bottom. */
void input_times_gradient(struct layer_view *, const struct rules *, struct track *);
