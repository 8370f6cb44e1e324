/* Selective scan with step projection, softplus and gate (SPEC 2.2). */
#include "ref_scan.h"

#include <stdlib.h>
#include <string.h>

#include "ref_math.h"

void REF(scan_channel)(const struct scan_size *z, const struct scan_dir *d, int dir, size_t image,
                       size_t chan, double *pre, double *y, double *states, double *s)
{
    size_t chans = (size_t)z->chan, state = (size_t)z->state, rank = (size_t)z->rank;
    memset(s, 0, state * sizeof *s);
    for (int step = 0; step < z->len; step++) {
        size_t t = scan_token(dir, z->len, step);
        const num *row = scan_row(z, d, image, t), *b = row + rank, *c = b + state;
        double u = rd(d->u)[(image * (size_t)z->len + t) * chans + chan];
        pre[t] = rd(d->b_dt)[chan];
        for (size_t r = 0; r < rank; r++)
            pre[t] += (double)row[r] * rd(d->w_dt)[r * chans + chan];
        double delta = softplus(pre[t]);
        y[t] = rd(d->d)[chan] * u;
        for (size_t n = 0; n < state; n++) {
            s[n] = exp(delta * rd(d->a)[n * chans + chan]) * s[n] + delta * b[n] * u;
            y[t] += c[n] * s[n];
        }
        if (states != NULL)
            memcpy(states + t * state, s, state * sizeof *s);
    }
}

static void scan_image_channel(const struct scan_args *a, size_t image, size_t chan,
                               double *scratch)
{
    const struct scan_size size = { a->n, a->len, a->chan, a->state, a->rank };
    size_t len = (size_t)a->len, chans = (size_t)a->chan;
    double *pre = scratch, *y[2] = { scratch + len, scratch + 2 * len }, *s = scratch + 3 * len;
    for (int dir = 0; dir < 2; dir++) {
        REF(scan_channel)(&size, &a->dir[dir], dir, image, chan, pre, y[dir], NULL, s);
        for (size_t t = 0; t < len; t++) {
            size_t at = (image * len + t) * chans + chan;
            if (a->delta[dir] != NULL)
                wr(a->delta[dir])[at] = (num)softplus(pre[t]);
            if (a->y[dir] != NULL)
                wr(a->y[dir])[at] = (num)y[dir][t];
        }
    }
    for (size_t t = 0; t < len; t++) {
        double z = rd(a->z)[(image * len + t) * a->ldz + chan];
        wr(a->out)[(image * len + t) * chans + chan] = (num)((y[0][t] + y[1][t]) / 2 * silu(z));
    }
}

void REF(scan)(struct backend *be, const struct scan_args *a)
{
    double *scratch = ref_scratch(be, 3 * (size_t)a->len + (size_t)a->state);
    if (scratch == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++)
        for (size_t chan = 0; chan < (size_t)a->chan; chan++)
            scan_image_channel(a, image, chan, scratch);
    free(scratch);
}
