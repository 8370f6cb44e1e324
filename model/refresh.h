/* Models of which some parts have fresh weights (SPEC 17). */
#pragma once

#include "model.h"

/* From the output down: 0 is the read-out (the head, and what follows the last layer), 1 to depth
 * are the layers from the last one down, depth + 1 is what lies before them: patch projection,
 * positions, tokens that are no patches. Every tensor belongs to one. */
int model_parts(const struct model *); /* depth + 2 */
int model_part_of(const struct model *, const char *tensor);

/* A copy with fresh weights everywhere: drawn tensor by tensor, in the order of the checkpoint,
 * from one stream, so that no two tensors get the same. E_NOMEM. */
enum status model_refresh(const struct model *, uint64_t seed, struct model **out, struct error *);
/* The model with the tensors of `fresh` in parts first to first + count - 1. It borrows the tensors
 * of both, which must outlive it; model_blend_close. E_NOMEM. */
enum status model_blend(const struct model *, const struct model *fresh, int first, int count,
                        struct model **out, struct error *);
/* The blend of these models becomes that of other parts. parts [model_parts], or NULL: which ones
 * have other tensors than before. */
void model_blend_again(struct model *blend, const struct model *, const struct model *fresh,
                       int first, int count, bool *parts);
void model_blend_close(struct model *); /* accepts NULL */
