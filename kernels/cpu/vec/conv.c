/* Depthwise causal convolution and SiLU, both directions from one read of x (SPEC 2.2). */
#include "family.h"
#include "vmath.h"
#include "wide.h"

/* p of one direction: tap k reads token t-K+1+k (direction 0) or t+K-1-k (direction 1). `x` points
 * at token t. inside: all of these tokens are there. */
INLINE vec tap_sum(const struct conv_dir *d, int dir, const scalar *x, size_t ldx, int t, int len,
                   size_t chan, size_t at, int n, const int taps, const bool inside)
{
    vec p = v_load_part(rd(d->b) + at, n);
    UNROLL
    for (int k = 0; k < taps; k++) {
        int away = dir == 0 ? k - taps + 1 : taps - 1 - k;
        if (!inside && (t + away < 0 || t + away >= len))
            continue;
        vec w = v_load_part(rd(d->w) + (size_t)k * chan + at, n);
        p = v_fma(w, v_load_part(x + (ptrdiff_t)ldx * away, n), p);
    }
    return p;
}

/* n channels of a token. */
INLINE void channels(const struct conv_silu_args *a, size_t row, int t, size_t at, const int n,
                     const int taps, const bool inside)
{
    const size_t chan = (size_t)a->chan;
    const scalar *x = rd(a->x) + row * a->ldx + at;
    UNROLL
    for (int dir = 0; dir < 2; dir++) {
        const struct conv_dir *d = &a->dir[dir];
        vec p = tap_sum(d, dir, x, a->ldx, t, a->len, chan, at, n, taps, inside);
        v_store_part(wr(d->u) + row * chan + at, v_silu(p), n);
        if (d->pre)
            v_store_part(wr(d->pre) + row * chan + at, p, n);
    }
}

INLINE void token(const struct conv_silu_args *a, size_t image, int t, const int taps)
{
    size_t chan = (size_t)a->chan, row = image * (size_t)a->len + (size_t)t, at = 0;
    if (t >= taps - 1 && t + taps <= a->len)
        for (; at + VN <= chan; at += VN)
            channels(a, row, t, at, VN, taps, true);
    for (; at < chan; at += VN)
        channels(a, row, t, at, min_int(VN, (int)(chan - at)), taps, false);
}

static void conv_silu(struct backend *be, const struct conv_silu_args *a)
{
    int items = a->n * a->len;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        size_t image = (size_t)(item / a->len);
        if (a->taps == 4)
            token(a, image, item % a->len, 4);
        else
            token(a, image, item % a->len, a->taps);
    }
}

/* The same in double: SiLU(p)/p~ falls from 1/2 to 0 within 1e-6 of p = 0, where float's rounding
 * of the terms would show. */
static vec tap_sum_exact(const struct conv_dir *d, int dir, const scalar *x, size_t ldx, int t,
                         int len, size_t chan, size_t at, int n, int taps)
{
    wide p = __builtin_convertvector(v_load_part(rd(d->b) + at, n), wide);
    for (int k = 0; k < taps; k++) {
        int away = dir == 0 ? k - taps + 1 : taps - 1 - k;
        if (t + away >= 0 && t + away < len)
            p += __builtin_convertvector(v_load_part(rd(d->w) + (size_t)k * chan + at, n), wide) *
                 __builtin_convertvector(v_load_part(x + (ptrdiff_t)ldx * away, n), wide);
    }
    return __builtin_convertvector(p, vec);
}

/* gp = gu SiLU'(p) of one token and direction. */
INLINE vec pre_gradient(const struct conv_silu_back_args *a, int dir, size_t row, int t, size_t at,
                        int n, const int taps)
{
    const struct conv_dir d = { .w = a->dir[dir].w, .b = a->dir[dir].b };
    size_t chan = (size_t)a->chan;
    const scalar *x = rd(a->x) + row * a->ldx + at;
    vec slope;
    if (a->silu_ratio)
        slope = v_silu_ratio(tap_sum_exact(&d, dir, x, a->ldx, t, a->len, chan, at, n, taps));
    else if (t >= taps - 1 && t + taps <= a->len)
        slope = v_silu_slope(tap_sum(&d, dir, x, a->ldx, t, a->len, chan, at, n, taps, true));
    else
        slope = v_silu_slope(tap_sum(&d, dir, x, a->ldx, t, a->len, chan, at, n, taps, false));
    return slope * v_load_part(rd(a->dir[dir].gu) + row * chan + at, n);
}

/* One block of n channels of one image; gp: scratch [2, len]. */
INLINE void back_block(const struct conv_silu_back_args *a, size_t image, size_t at, vec *gp,
                       const int n, const int taps)
{
    size_t chan = (size_t)a->chan, first = image * (size_t)a->len;
    for (int dir = 0; dir < 2; dir++)
        for (int t = 0; t < a->len; t++)
            gp[dir * a->len + t] = pre_gradient(a, dir, first + (size_t)t, t, at, n, taps);
    for (int s = 0; s < a->len; s++) {
        vec gx = v_set(0);
        UNROLL
        for (int k = 0; k < taps; k++) {
            int back = taps - 1 - k; /* the outputs whose tap k read x[s] */
            if (s + back < a->len)
                gx = v_fma(v_load_part(rd(a->dir[0].w) + (size_t)k * chan + at, n), gp[s + back],
                           gx);
            if (s - back >= 0)
                gx = v_fma(v_load_part(rd(a->dir[1].w) + (size_t)k * chan + at, n),
                           gp[a->len + s - back], gx);
        }
        v_store_part(wr(a->gx) + (first + (size_t)s) * a->ldgx + at, gx, n);
    }
}

static void conv_silu_back(struct backend *be, const struct conv_silu_back_args *a)
{
    int blocks = blocks_of(a->chan), items = a->n * blocks;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        vec *gp = cpu_scratch(be, 2 * (size_t)a->len * sizeof(vec));
        size_t image = (size_t)(item / blocks), at = (size_t)(item % blocks * VN);
        int n = min_int(VN, a->chan - (int)at);
        if (gp && a->taps == 4 && n == VN)
            back_block(a, image, at, gp, VN, 4);
        else if (gp)
            back_block(a, image, at, gp, n, a->taps);
    }
}

void CPU_VEC(conv_ops)(struct ops *op)
{
    op->conv_silu_back = conv_silu_back;
    op->conv_silu = conv_silu;
}
