/* Fresh weights, and models that have them. */
#pragma once

#include "arch.h"

/* Initialises this tensor as the published code does. */
void tensor_initialise(const struct arch_type *, struct tensor *, uint64_t *state);
/* For arch_type.initialise: */
void fill_constant(struct tensor *, float value);
void fill_uniform(struct tensor *, uint64_t *state, double bound); /* -bound to bound */
bool ends_with(const char *s, const char *end);

/* A copy of the model with its head and last `layers` layers freshly initialised from `seed`. */
enum status model_randomise(const struct model *, int layers, uint64_t seed, struct model **out,
                            struct error *err);
/* The same again of a model whose tensors of `parts` [model_parts] have changed: `own` was made of
 * it in this way. Its fresh tensors stay; those of its parts that have changed are left in `parts`.
 */
void model_randomise_again(struct model *own, const struct model *, int layers, bool *parts);
