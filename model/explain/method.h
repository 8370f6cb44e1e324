/* The interface of an explanation method, and its view of a layer.
 *
 * A method NAME is one file, methods/method_NAME.c, with a `const struct method method_NAME`, and
 * one line in methods/meson.build.
 *
 * Explanations run from the top layer down. A forward pass keeps the residual stream before each
 * layer (the tape); the sweep (sweep.h) recomputes one layer's activations at a time, shows them to
 * every method, and passes the gradients of the asked classes on to the layer below. A rollout
 * needs row c of a product of matrices, later layers on the left, which from the top down is one
 * vector. */
#pragma once

#include "arch.h"
#include "explain.h"
#include "random.h"

/* A backward pass from the score of a class, under certain rules. Architectures say which they have
 * (arch_explain.gradients); methods that ask for the same one share it. */
enum gradient_kind {
    GRADIENT_NONE,
    GRADIENT_PLAIN,
    GRADIENT_MAMBALRP,
    GRADIENT_LIBRA,     /* LibraGrad (Mehri et al. 2025) */
    GRADIENT_ATTNLRP,   /* AttnLRP (Achtibat et al. 2024) */
    GRADIENT_FIRST_LRP, /* none: relevance alone, by Transformer-Explainability's first LRP */
    GRADIENT_KINDS
};

struct layer_view; /* sweep.h */

/* The switches of explain_options, settled for one method and one model. */
struct rules {
    int start; /* first layer that enters */
    bool own_decay, diagonal, full_matrix, row_norm, gated_gradient, minmax, clamp_map;
    enum reduction aggregate;
    enum sign_rule negatives;
    double discard;
    enum gradient_kind gradient; /* the method's, or what explain.backward has in its place */
    enum explained_score score;
    enum map_level level; /* settled: one that the method has */
    enum channel_rule channels;
    enum cam_target target;
    void (*cam)(struct layer_view *, const real *, const real *); /* methods/cam.h */
    bool gramian;
    enum softmax_rule softmax;
    double gamma_linear, gamma_conv; /* 0: the gradient; gamma_conv 0 but at patches, pixels */
    bool gamma_attention;
    int steps, samples; /* of a path; random inputs */
    enum path_start baseline;
    double noise; /* below 0: the method's */
    enum noise_mean variant;
};

/* A map while it is made, for one image, one method and one class. */
struct track {
    double *v; /* the method's own: a rollout's row or a running sum over tokens, [L]; of a map at
                  the pixels the map itself, [S, S] */
    bool zero_row_sum; /* a row sum of exactly 0 was met (SPEC 1) */
    double sum,
        size; /* of the terms that should add up to the score, and of their absolute values */
    double sum_error; /* how far they do not, relative to `size`; NaN: nothing is known */
};

struct sampler; /* sampling.h */

typedef void layer_fn(struct layer_view *, const struct rules *, struct track *tracks);

/* A method's functions for an architecture. At least one of them is set. */
struct method_functions {
    layer_fn *layer;  /* called for layers >= rules.start, top down, with the gradient at the
                         layer's output and at its attention */
    layer_fn *passed; /* the same, when the gradient is at the layer's input */
    layer_fn *bottom; /* once, below the lowest layer, from the tokens at the model's input and
                         their gradient; of a method with a sampler for each sample, and then */
    layer_fn *done;   /* once, or NULL */
    bool relevance;   /* needs the relevance of the attention maps (arch_explain.relevance) */
};

/* The functions for the architecture of this name; "" stands for every architecture. */
struct method_on {
    const char *arch;
    struct method_functions f;
};

/* A method's list of them: METHOD_ON({ "vim", { .layer = f } }, { "vit", { .bottom = g } }). */
#define METHOD_ON(...) ((const struct method_on[]){ __VA_ARGS__, { 0 } })

enum method_trait {
    METHOD_SUMS = 1 << 0, /* v starts at 0 (a sum) and not at the unit vector of CLS (a rollout) */
    METHOD_SCORED = 1 << 1,   /* follows explain.score */
    METHOD_BACKWARD = 1 << 2, /* follows explain.backward */
    METHOD_BIAS = 1 << 3,     /* wants the biases' products with their gradients, view->bias */
    METHOD_FIXED = 1 << 4     /* SPEC gives one reading: the protocol's switches do not apply */
};

/* An architecture's own functions for the method of this name: a new architecture can so support a
 * method without changing the method's file. */
struct arch_method {
    const char *method;
    struct method_functions f;
};

struct method {
    struct explain_method info; /* first: explain_methods points here */
    enum gradient_kind gradient;
    const struct method *randomised; /* this is the control that runs that method on the model with
                                        its last layers re-initialised; else NULL */
    unsigned traits;                 /* bits of method_trait */
    const struct method_on *on;      /* ends with a NULL arch; NULL: none */
    /* The levels that a method offers, bits 1 << map_level, and the one that it takes by itself.
     * Without levels the map is v [L] without the tokens that are no patches, on the patch grid. */
    unsigned levels;
    enum map_level level;
    enum channel_rule channels;    /* that it takes by itself */
    const struct sampler *sampler; /* where the gradient is taken; NULL: at the image */
    /* Its rules before options change them, from the protocol's. NULL: as they are. */
    enum status (*settle)(const struct geometry *, struct rules *, struct error *);
    /* Maps without a model: fills map [g, g]. */
    void (*map)(const struct geometry *, uint64_t seed, uint64_t id_hash, float *map);
};

/* ---- method.c ---- */

/* The functions of a method for an architecture: the method's own for it, else the architecture's
 * for the method, else the method's for every architecture. NULL: the method is not defined there,
 * or needs a gradient or a relevance that the architecture lacks. */
const struct method_functions *method_functions(const struct method *, const struct arch_type *);
/* The side of a map at the pixels; 0: the map lies on the patch grid and is made from v [L]. */
int method_pixel_side(const struct geometry *, const struct rules *);
/* The method behind a public one; for a control that re-initialises the model, the method that it
 * runs. */
const struct method *method_of(const struct explain_method *);
const struct method *method_run_by(const struct method *);

/* ---- rules.c ---- */

/* E_CONFIG names the key and what it may be. */
enum status rules_settle(const struct explain_options *, const struct method *,
                         const struct model *, struct rules *out, struct error *err);

/* For method.settle of a map that is made at the bottom and whose sign matters. */
enum status settle_signed(const struct geometry *, struct rules *, struct error *);
/* For method.settle of a map made from the last layer's attention of the token that the head reads.
 * E_CONFIG: the head reads several tokens. */
enum status settle_last_token(const struct geometry *, struct rules *, struct error *);

/* ---- rollout.c: arithmetic of rollouts on the host, in double ---- */

/* v <- vᵀ (I + 1 mᵀ), rows divided by their sum if row_norm. m [L]. */
void rollout_row(struct track *, const double *m, int len, bool row_norm);
/* v <- vᵀ (I + K), rows divided by their sum if row_norm. K [L, L] is used up. */
void rollout_matrix(struct track *, double *k, int len, bool row_norm);
/* SPEC 1: (a - min) / (max - min), 0 where constant; range given or found. */
void minmax_range(double *a, size_t count, const double range[2]);
void minmax(double *a, size_t count);
/* Sets the int(count * fraction) smallest entries to 0, ties by index. scratch [count]. */
void discard_smallest(double *a, size_t count, double fraction, double *scratch);
double apply_sign(enum sign_rule, double);
