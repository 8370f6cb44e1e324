/* One channel of the selective scan, shared by scan and scan_back. */
#pragma once

#include "ref_num.h"

struct scan_size {
    int n, len, chan, state, rank;
};

/* Token of step `step` of direction `dir`: the order in which its recurrence runs. */
static inline size_t scan_token(int dir, int len, int step)
{
    return (size_t)(dir == 0 ? step : len - 1 - step);
}

/* Row (image, token) of xdbl: δ [R], B [N], C [N]. */
static inline const num *scan_row(const struct scan_size *s, const struct scan_dir *d, size_t image,
                                  size_t token)
{
    size_t cols = (size_t)s->rank + 2 * (size_t)s->state;
    return rd(d->xdbl) + (image * (size_t)s->len + token) * cols;
}

/* Runs channel `chan` of direction `dir`. pre[t] = δ W_Δᵀ + b_Δ, y[t], both by token [L];
 * states [L, N] (s after token t) or NULL. `s` is scratch [N]. */
void REF(scan_channel)(const struct scan_size *, const struct scan_dir *, int dir, size_t image,
                       size_t chan, double *pre, double *y, double *states, double *s);
