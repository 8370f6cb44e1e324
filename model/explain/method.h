/* Inside model/explain: what a method is, and what it sees of a layer. A method is one file with a
 * `const struct method`, and one line in explain.c.
 *
 * Explanations run from the top layer down. A forward pass keeps the residual stream before each
 * layer (the tape); the sweep recomputes one layer's activations at a time, shows them to every
 * method, and passes the gradients of the asked classes on to the layer below. A rollout needs row c
 * of a product of matrices, later layers on the left, which from the top down is one vector. */
#pragma once

#include "arch.h"
#include "explain.h"

/* The switches of explain_options, settled for one method and one model. */
struct rules {
    int start; /* first layer that enters */
    bool own_decay, diagonal, full_matrix, row_norm, gated_gradient, minmax, clamp_map;
    enum reduction aggregate;
    enum sign_rule negatives;
    double discard;
};

/* One map in the making: one image, one method, one class. */
struct track {
    double *v;         /* [L] the method's own: a rollout's row, a running sum */
    bool zero_row_sum; /* a row sum of exactly 0 was met (SPEC 1) */
};

enum gradient_kind { GRADIENT_NONE, GRADIENT_PLAIN, GRADIENT_MAMBALRP, GRADIENT_KINDS };

struct layer_view; /* sweep.h */

typedef void layer_fn(struct layer_view *, const struct rules *, struct track *tracks);

struct method {
    struct explain_method info; /* first: explain_methods points here */
    enum gradient_kind gradient;
    bool lrp;             /* ViT: relevance of the attention maps is needed */
    bool randomised;      /* runs on the model with its last layers re-initialised */
    bool fixed_protocol;  /* SPEC gives one reading: the protocol's switches do not apply */
    layer_fn *layer[2];   /* by arch_id; called for layers >= rules.start, top down */
    /* From the tokens at the model's input and their gradient; called once at the bottom. */
    layer_fn *bottom[2];
    /* Maps without a model: fills map [g*g]. */
    void (*map)(const struct geometry *, uint64_t seed, uint64_t id_hash, float *map);
    bool sums; /* v starts at 0 (a sum) and not at the unit vector of CLS (a rollout) */
};

extern const struct method method_raw, method_rollout, method_attribution, method_unified,
    method_mambalrp, method_random, method_center, method_randomised;

/* ---- rules.c ---- */

/* E_CONFIG names the key and what it may be. */
enum status rules_settle(const struct explain_options *, const struct method *,
                         const struct model *, struct rules *out, struct error *err);

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

/* ---- randomise.c ---- */

/* A copy of the model with its head and last `layers` layers freshly initialised from `seed`. */
enum status model_randomise(const struct model *, int layers, uint64_t seed, struct model **out,
                            struct error *err);

/* splitmix64 (Steele, Lea, Flood 2014): the state advances, the result is uniform. */
uint64_t random_next(uint64_t *state);
double random_uniform(uint64_t *state); /* [0, 1) */
