/* What methods take from a ViT's block in a sweep. */
#pragma once

#include "sweep.h"

/* Mean over heads of the attention map, or of (gradient ⊙ relevance)⁺, [n, L, L] on the device. */
const real *vit_attention_map(struct layer_view *);
const real *vit_weighted_map(struct layer_view *);
/* v <- vᵀ (I + K) for every image, K its map, its smallest entries discarded where asked. */
void vit_rollout(struct layer_view *, const struct rules *, struct track *tracks, const real *maps);
