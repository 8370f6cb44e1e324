/* Maps that methods read from a ViT's block in a sweep. */
#pragma once

#include "sweep.h"

/* Mean over heads of the attention map, of (gradient ⊙ relevance)⁺, or of (gradient ⊙ attention)⁺,
 * [n, L, L] on the device. */
const real *vit_attention_map(struct layer_view *);
const real *vit_weighted_map(struct layer_view *);
const real *vit_gradient_map(struct layer_view *);
/* Row c of an image's attention maps and of their gradients, [H, L] on the host each. */
void vit_cls_rows(struct layer_view *, int image, double *attention, double *gradient);
/* Row c of the relevance of an image's attention maps, [H, L] on the host. */
void vit_cls_relevance(struct layer_view *, int image, double *relevance);
/* Once the block is passed: norm1's output and its gradient, [n, L, D] on the device. */
const real *vit_normed(const struct layer_view *);
const real *vit_normed_gradient(const struct layer_view *);
/* v <- vᵀ (I + K) for every image, K its map, its smallest entries discarded where asked. */
void vit_rollout(struct layer_view *, const struct rules *, struct track *tracks, const real *maps);
