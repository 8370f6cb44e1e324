/* From the last block's output to the logits and back, for every read-out (enum readout). A
 * read-out of a single token takes only that token's rows, x [n, D]; all others take all tokens, x
 * [n, L, D]. */
#pragma once

#include "vit.h"

struct vit_read {  /* for n images */
    real *normed;  /* [n, L, D] what the norm gave (of one token: [n, D]); of fc_norm [n, D] */
    real *pooled;  /* [n, 2, D] tokens read out, before the head or fc_norm; NULL of one token */
    real *half[2]; /* [n, classes] of two heads: the logits of each, */
    const real *sum_half[2]; /* and in the forward pass's own precision, for the residuals' rule */
    real *pre, *hidden; /* [n, D'] before the head, and tanh of it; NULL without a hidden layer */
    /* scratch of the way back, where it is asked for: */
    real *g_tokens; /* [n, L, D] */
    real *g_pooled; /* [n, 2, D] */
    real *g_hidden; /* [n, D'] */
    real *g_share;  /* [n] what a bias takes that belongs to no one token */
    real *g_logits; /* [2, n, classes] */
};

/* Whether the last block's other tokens are not needed. */
static inline bool vit_reads_token(const struct geometry *g)
{
    return g->readout == READ_TOKEN;
}

/* Number of tokens that the head reads side by side: 1 or 2. */
static inline int vit_read_width(const struct geometry *g)
{
    return g->readout == READ_TOKEN_AND_MEAN ? 2 : 1;
}

/* Of an image, a head's input and `times` its output; with a hidden layer the larger of both. */
static inline size_t vit_head_values(const struct geometry *g, size_t times)
{
    size_t in = (size_t)g->width * (size_t)vit_read_width(g), out = (size_t)g->classes;
    size_t hidden = (size_t)g->pre_logits;
    size_t lower = in + times * hidden, upper = hidden + times * out;
    return hidden == 0 ? in + times * out : lower > upper ? lower : upper;
}

void vit_read_layout(const struct geometry *, const struct backend *, int n, bool back,
                     struct bump *, struct vit_read *);
/* The weights of the tokens, [width, L] in w->read; which tokens are in the mean, [L] in w->mean;
 * each token's share of the logits (geometry_readout), [L] in w->share. */
bool vit_read_bind(struct vit_weights *, const struct geometry *, struct backend *);

/* What the forward pass left in `from` [n], for a sweep's way down; where mixed rounded to the
 * arrays of `to`. */
void vit_read_to_single(const struct geometry *, struct backend *, int n,
                        const struct vit_read *from, struct vit_read *to);

/* x -> logits [n, classes]. */
void vit_read_forward(const struct geometry *, struct backend *, const struct vit_weights *, int n,
                      const real *x, const struct vit_read *, real *logits);
/* The gradient gx (shaped like x) of onehot · logits. */
void vit_read_back(const struct geometry *, struct backend *, const struct vit_weights *,
                   const struct vit_back_rules *, int n, const real *x, const struct vit_read *,
                   const real *logits, const real *onehot, real *gx);
/* The relevance r (shaped like x), from onehot [n, classes] at the logits. */
void vit_read_lrp(const struct geometry *, struct backend *, const struct vit_weights *,
                  const struct vit_lrp *, int n, const real *x, const struct vit_read *,
                  const real *logits, const real *onehot, real *r);
