/* A ViT's own part of a sweep (sweep->scratch, view->own). */
#pragma once

#include "sweep.h"
#include "vit_read.h"

/* What a block's forward pass left. */
struct vit_record {
    struct vit_acts acts;   /* as the way down reads it */
    struct vit_exact exact; /* x is set where acts.cls_only alone */
};

struct vit_scores {
    struct vit_acts acts;    /* of the block in hand, as in the record */
    struct vit_exact exact;  /* x: always */
    struct vit_record again; /* of a block that is computed again on the way down */
    struct vit_record *kept; /* [Λ - lowest], or NULL */
    struct vit_acts plain;   /* of blocks below the lowest */
    struct vit_acts full;    /* mixed: of a block, in double, */
    real *scores;            /* and q kᵀ */
    struct vit_read read;    /* of the forward pass */
    struct vit_read top;     /* the same as the way down reads it, with that one's scratch */
    struct vit_grads grads;
    struct vit_lrp lrp;
    const struct vit_block *w;
    real *map; /* [n, L, L] mean over heads */
    bool any_gradient, any_lrp, any_first, any_gamma;
};

extern const struct arch_attention vit_attention; /* vit_explain.c */
void vit_rules(const struct geometry *, bool paper, const struct method_functions *,
               struct rules *);
