/* What scan.c and scan_back.c share: a block of channels, and its Δ. */
#pragma once

#include "family.h"
#include "vmath.h"

/* Tokens whose Δ are computed together: W_Δ is read once for all of them. */
enum { SCAN_TILE = 8 };

/* A block of up to VN channels of one image. */
struct scan_block {
    size_t row;  /* first token's row in [n*L, E] */
    size_t chan; /* first channel */
    int lanes;   /* channels in the block */
    size_t cols; /* R + 2N */
};

static inline struct scan_block scan_block_at(int item, int len, int chan, int state, int rank)
{
    int blocks = blocks_of(chan), first = item % blocks * VN;
    return (struct scan_block){ .row = (size_t)(item / blocks) * (size_t)len,
                                .chan = (size_t)first,
                                .lanes = min_int(VN, chan - first),
                                .cols = (size_t)rank + 2 * (size_t)state };
}

/* The token of a direction's step. */
static inline size_t scan_token(int dir, int len, int step)
{
    return (size_t)(dir == 0 ? step : len - 1 - step);
}

static inline const scalar *scan_xdbl(const struct scan_dir *d, const struct scan_block *b,
                                      size_t token)
{
    return rd(d->xdbl) + (b->row + token) * b->cols;
}

/* δ W_Δᵀ + b_Δ, before the softplus, of SCAN_TILE steps from `start` on; those past the first
 * `steps` repeat the last of these. */
INLINE void scan_project(const struct scan_dir *d, int dir, int len, int steps, int chan, int rank,
                         const struct scan_block *b, int start, vec pre[SCAN_TILE])
{
    const scalar *row[SCAN_TILE], *w = rd(d->w_dt) + b->chan;
    const vec bias = v_load_part(rd(d->b_dt) + b->chan, b->lanes);
    vec sum[SCAN_TILE]; /* in registers: every index is a constant, unlike those of `pre` */
    UNROLL
    for (int k = 0; k < SCAN_TILE; k++) {
        row[k] = scan_xdbl(d, b, scan_token(dir, len, min_int(start + k, steps - 1)));
        sum[k] = bias;
    }
    for (int r = 0; r < rank; r++) {
        vec column = v_load_part(w + (size_t)r * (size_t)chan, b->lanes);
        UNROLL
        for (int k = 0; k < SCAN_TILE; k++)
            sum[k] = v_fma(column, v_set(row[k][r]), sum[k]);
    }
    UNROLL
    for (int k = 0; k < SCAN_TILE; k++)
        pre[k] = sum[k];
}
