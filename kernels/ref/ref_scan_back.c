/* Gradients of the selective scan and its gate (SPEC 2.2), with MambaLRP's changes (SPEC 5.5). */
#include <stdlib.h>
#include <string.h>

#include "ref_math.h"
#include "ref_scan.h"

/* Scratch of one call. By token, [L] unless said. */
struct work {
    double *pre[2], *y[2], *states[2]; /* states [L, N] */
    double *gy;                        /* gradient of y, the same for both directions */
    double *gs;                        /* [N] gradient of the state */
    double *s;                         /* [N] */
    double *gxdbl[2];                  /* [L, R+2N], sums over channels */
};

static double *work_layout(struct work *w, struct backend *be, const struct scan_back_args *a)
{
    size_t len = (size_t)a->len, state = (size_t)a->state, cols = (size_t)a->rank + 2 * state;
    double *all = ref_scratch(be, 5 * len + 2 * len * state + 2 * state + 2 * len * cols);
    if (all == NULL)
        return NULL;
    double *p = all;
    for (int dir = 0; dir < 2; dir++) {
        w->pre[dir] = p;
        w->y[dir] = p + len;
        w->states[dir] = p + 2 * len;
        w->gxdbl[dir] = w->states[dir] + len * state;
        p = w->gxdbl[dir] + len * cols;
    }
    w->gy = p;
    w->gs = w->gy + len;
    w->s = w->gs + state;
    return all;
}

/* out = ybar SiLU(z), ybar = (y_0 + y_1) / 2: fills gz and gy. */
static void gate_back(const struct scan_back_args *a, struct work *w, size_t image, size_t chan)
{
    size_t len = (size_t)a->len, chans = (size_t)a->chan;
    double share = a->half_gate ? 0.5 : 1.0;
    for (size_t t = 0; t < len; t++) {
        double g = share * rd(a->gout)[(image * len + t) * chans + chan];
        double z = rd(a->z)[(image * len + t) * a->ldz + chan];
        double ybar = (w->y[0][t] + w->y[1][t]) / 2;
        wr(a->gz)[(image * len + t) * a->ldgz + chan] =
            (num)(g * ybar * silu_slope(z, a->silu_ratio));
        w->gy[t] = g * silu(z) / 2;
    }
}

/* Walks one direction backwards in its own order. gs holds ∂/∂s_t when token t is reached. */
static void channel_back(const struct scan_back_args *a, struct work *w, int dir, size_t image,
                         size_t chan)
{
    const struct scan_size size = { a->n, a->len, a->chan, a->state, a->rank };
    const struct scan_dir *d = &a->dir[dir];
    size_t chans = (size_t)a->chan, state = (size_t)a->state, rank = (size_t)a->rank;
    memset(w->gs, 0, state * sizeof *w->gs);
    for (int step = a->len - 1; step >= 0; step--) {
        size_t t = scan_token(dir, a->len, step), at = (image * (size_t)a->len + t) * chans + chan;
        const num *row = scan_row(&size, d, image, t), *b = row + rank, *c = b + state;
        const double *before =
            step > 0 ? w->states[dir] + scan_token(dir, a->len, step - 1) * state : NULL;
        double *g = w->gxdbl[dir] + t * (rank + 2 * state);
        double u = rd(d->u)[at], delta = softplus(w->pre[dir][t]);
        double gu = w->gy[t] * rd(d->d)[chan], gdelta = 0;
        for (size_t n = 0; n < state; n++) {
            double decay_rate = rd(d->a)[n * chans + chan], decay = exp(delta * decay_rate);
            double gs = w->gs[n] + w->gy[t] * c[n];
            gu += gs * delta * b[n];
            gdelta += gs * b[n] * u;
            if (before != NULL)
                gdelta += gs * decay_rate * decay * before[n];
            g[rank + n] += gs * delta * u;
            g[rank + state + n] += w->gy[t] * w->states[dir][t * state + n];
            w->gs[n] = gs * decay;
        }
        double gpre = gdelta * softplus_slope(w->pre[dir][t]);
        for (size_t r = 0; r < rank; r++)
            g[r] += gpre * rd(d->w_dt)[r * chans + chan];
        wr(a->gu[dir])[at] = (num)gu;
    }
}

static void image_back(const struct scan_back_args *a, struct work *w, size_t image)
{
    const struct scan_size size = { a->n, a->len, a->chan, a->state, a->rank };
    size_t count = (size_t)a->len * ((size_t)a->rank + 2 * (size_t)a->state);
    for (int dir = 0; dir < 2; dir++)
        memset(w->gxdbl[dir], 0, count * sizeof(double));
    for (size_t chan = 0; chan < (size_t)a->chan; chan++) {
        for (int dir = 0; dir < 2; dir++)
            REF(scan_channel)
        (&size, &a->dir[dir], dir, image, chan, w->pre[dir], w->y[dir], w->states[dir], w->s);
        gate_back(a, w, image, chan);
        for (int dir = 0; dir < 2; dir++)
            channel_back(a, w, dir, image, chan);
    }
    if (a->detach) /* Δ, B and C are constants: nothing flows back through xdbl */
        return;
    for (int dir = 0; dir < 2; dir++)
        for (size_t i = 0; i < count; i++)
            wr(a->gxdbl[dir])[image * count + i] = (num)w->gxdbl[dir][i];
}

void REF(scan_back)(struct backend *be, const struct scan_back_args *a)
{
    struct work w;
    double *all = work_layout(&w, be, a);
    if (all == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++)
        image_back(a, &w, image);
    free(all);
}
