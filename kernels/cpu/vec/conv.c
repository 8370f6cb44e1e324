/* Depthwise causal convolution and SiLU, both directions from one read of x (SPEC 2.2). */
#include "family.h"
#include "vmath.h"

/* p of one direction: tap k reads token t-K+1+k (direction 0) or t+K-1-k (direction 1). `x` points
 * at token t. */
INLINE vec tap_sum(const struct conv_dir *d, int dir, const scalar *x, size_t ldx, int t, int len,
                   size_t chan, size_t at, int n, const int taps)
{
    vec p = v_load_part(rd(d->b) + at, n);
    UNROLL
    for (int k = 0; k < taps; k++) {
        int away = dir == 0 ? k - taps + 1 : taps - 1 - k;
        if (t + away < 0 || t + away >= len)
            continue;
        vec w = v_load_part(rd(d->w) + (size_t)k * chan + at, n);
        p = v_fma(w, v_load_part(x + (ptrdiff_t)ldx * away, n), p);
    }
    return p;
}

INLINE void token(const struct conv_silu_args *a, size_t image, int t, const int taps)
{
    size_t chan = (size_t)a->chan, row = image * (size_t)a->len + (size_t)t;
    for (size_t at = 0; at < chan; at += VN) {
        int n = min_int(VN, (int)(chan - at));
        const scalar *x = rd(a->x) + row * a->ldx + at;
        for (int dir = 0; dir < 2; dir++) {
            const struct conv_dir *d = &a->dir[dir];
            vec p = tap_sum(d, dir, x, a->ldx, t, a->len, chan, at, n, taps);
            v_store_part(wr(d->u) + row * chan + at, v_silu(p), n);
            if (d->pre)
                v_store_part(wr(d->pre) + row * chan + at, p, n);
        }
    }
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

void CPU_VEC(conv_ops)(struct ops *op)
{
    op->conv_silu = conv_silu;
}
