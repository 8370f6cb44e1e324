/* A ViT's own part of a sweep (sweep->scratch, view->own). */
#pragma once

#include "sweep.h"
#include "vit_read.h"

struct vit_scores {
    struct vit_acts acts;  /* of the block in hand */
    struct vit_acts *kept; /* [Λ - lowest], or NULL */
    struct vit_acts plain; /* of blocks below the lowest */
    struct vit_read read;
    struct vit_grads grads;
    struct vit_lrp lrp;
    const struct vit_block *w;
    real *map; /* [n, L, L] mean over heads */
    bool any_gradient, any_lrp, any_first, any_gamma;
};

extern const struct arch_attention vit_attention; /* vit_explain.c */
void vit_rules(const struct geometry *, bool paper, const struct method_functions *,
               struct rules *);
