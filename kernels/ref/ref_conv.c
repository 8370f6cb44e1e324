/* Depthwise causal convolution and SiLU, both directions (SPEC 2.2), and its backward. */
#include <stdlib.h>

#include "ref_math.h"
#include "ref_num.h"

/* The token that tap k of direction `dir` reads for output t: t-K+1+k forward, mirrored backward.
 * May lie outside [0, L). */
static int tap_source(int dir, int t, int taps, int k)
{
    int back = taps - 1 - k;
    return dir == 0 ? t - back : t + back;
}

/* p[t] of one image and channel. x points at its token 0. */
static double conv_at(const num *x, size_t ldx, int len, const num *w, const num *b, size_t chans,
                      int taps, int dir, int t, size_t chan)
{
    double p = b[chan];
    for (int k = 0; k < taps; k++) {
        int s = tap_source(dir, t, taps, k);
        if (s >= 0 && s < len)
            p += (double)w[(size_t)k * chans + chan] * x[(size_t)s * ldx + chan];
    }
    return p;
}

void REF(conv_silu)(struct backend *be, const struct conv_silu_args *a)
{
    (void)be;
    size_t chans = (size_t)a->chan, len = (size_t)a->len;
    for (size_t i = 0; i < (size_t)a->n; i++)
        for (int dir = 0; dir < 2; dir++) {
            const struct conv_dir *d = &a->dir[dir];
            const num *x = rd(a->x) + i * len * a->ldx;
            for (size_t t = 0; t < len; t++)
                for (size_t c = 0; c < chans; c++) {
                    double p = conv_at(x, a->ldx, a->len, rd(d->w), rd(d->b), chans, a->taps, dir,
                                       (int)t, c);
                    size_t at = (i * len + t) * chans + c;
                    wr(d->u)[at] = (num)silu(p);
                    if (d->pre != NULL)
                        wr(d->pre)[at] = (num)p;
                }
        }
}

/* gx[s] sums over every output t that read x[s]. */
static void conv_back_channel(const struct conv_silu_back_args *a, size_t image, size_t c,
                              double *gx)
{
    size_t chans = (size_t)a->chan, len = (size_t)a->len;
    const num *x = rd(a->x) + image * len * a->ldx;
    for (int dir = 0; dir < 2; dir++) {
        const num *w = rd(a->dir[dir].w), *gu = rd(a->dir[dir].gu) + image * len * chans;
        for (int t = 0; t < a->len; t++) {
            double p = conv_at(x, a->ldx, a->len, w, rd(a->dir[dir].b), chans, a->taps, dir, t, c);
            double gp = gu[(size_t)t * chans + c] * silu_slope(p, a->silu_ratio);
            for (int k = 0; k < a->taps; k++) {
                int s = tap_source(dir, t, a->taps, k);
                if (s >= 0 && s < a->len)
                    gx[s] += w[(size_t)k * chans + c] * gp;
            }
        }
    }
}

void REF(conv_silu_back)(struct backend *be, const struct conv_silu_back_args *a)
{
    size_t len = (size_t)a->len;
    double *gx = ref_scratch(be, len);
    if (gx == NULL)
        return;
    for (size_t i = 0; i < (size_t)a->n; i++)
        for (size_t c = 0; c < (size_t)a->chan; c++) {
            for (size_t t = 0; t < len; t++)
                gx[t] = 0;
            conv_back_channel(a, i, c, gx);
            for (size_t t = 0; t < len; t++)
                wr(a->gx)[(i * len + t) * a->ldgx + c] = (num)gx[t];
        }
    free(gx);
}

/* r = convᵀ(a), a[j] = v[j] σ(p[j]), times SiLU(z) of the row's token. */
void REF(unified_row)(struct backend *be, const struct unified_row_args *a)
{
    (void)be;
    size_t chans = (size_t)a->chan, len = (size_t)a->len;
    for (size_t i = 0; i < (size_t)a->n; i++) {
        const num *v = rd(a->v) + i * len * chans, *pre = rd(a->pre) + i * len * chans;
        const num *z = rd(a->z) + (i * len + (size_t)a->row) * a->ldz;
        num *out = wr(a->out) + i * len * chans;
        for (int s = 0; s < a->len; s++)
            for (size_t c = 0; c < chans; c++) {
                double r = 0;
                for (int k = 0; k < a->taps; k++) {
                    /* the output t whose tap k read s: the mirror image of tap_source */
                    int t = tap_source(1 - a->direction, s, a->taps, k);
                    if (t < 0 || t >= a->len)
                        continue;
                    size_t at = (size_t)t * chans + c;
                    r += (double)rd(a->w)[(size_t)k * chans + c] * v[at] * sigmoid(pre[at]);
                }
                num *o = &out[(size_t)s * chans + c];
                r *= silu(z[c]);
                *o = (num)(a->accumulate ? *o + r : r);
            }
    }
}
