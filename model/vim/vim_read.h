/* From the last layer's residual stream to the logits and back, where the head reads more than one
 * token (enum readout): either a weighted mean of tokens, or registers side by side through a
 * neck. */
#pragma once

#include "vim.h"

struct vim_read { /* for n images */
    real *normed; /* [n, L, D] */
    real *pooled; /* [n, K, D], K rows of w->read */
    real *necked; /* [n, K, neck]; NULL: none */
    real *joined; /* the same after its norm */
    real *g_tokens, *g_pooled, *g_joined,
        *g_necked; /* scratch of the way back, shaped like those */
};

/* The rows of w->read: 1, or as many as there are registers. */
static inline int vim_read_rows(const struct geometry *g)
{
    return g->readout == READ_REGISTERS ? g->others : 1;
}

/* w->read [K, L], and the neck. */
bool vim_read_bind(struct vim_weights *, const struct model *, struct backend *, unsigned uses);
void vim_read_layout(const struct geometry *, const struct backend *, int n, bool back,
                     struct bump *, struct vim_read *);
/* r [n, L, D] -> logits [n, classes]. */
void vim_read_forward(const struct geometry *, struct backend *, const struct vim_weights *, int n,
                      const real *r, const struct vim_read *, real *logits);
/* After the forward pass: gr [n, L, D], the gradient of onehot · logits at r. */
void vim_read_back(const struct geometry *, struct backend *, const struct vim_weights *,
                   const struct vim_back_rules *, int n, const real *r, const struct vim_read *,
                   const real *onehot, real *gr);
