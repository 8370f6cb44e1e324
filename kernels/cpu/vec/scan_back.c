/* Backward of the selective scan. A block of channels is run forward again with its states and
 * decays kept ([L, N] vectors each, which the second-level cache holds), then walked back.
 *
 * Gradients of B and C are sums over channels: across lanes by v_sums, over blocks in GROUPS parts
 * that are then added in order, so that they do not depend on the threads. The gradient of δ is a
 * matrix product of the gradient before the softplus. */
#include <cblas.h>

#include "scan_step.h"
#include "transpose.h"

enum { GROUPS = 4 };

struct sizes {
    size_t len, chan, state, padded; /* N; N rounded up to VN */
    size_t part;                     /* elements of a group's sums: [L, 2, padded] */
};

struct back_work { /* per thread */
    vec *states, *decay;     /* [L, N] */
    vec *pre, *delta;        /* [L] */
    vec *gy, *first, *gz;    /* [L]: gradient of y_0 and y_1; y_0; gradient of z without y */
    vec *gs, *gin, *gout;    /* [padded] */
};

static size_t layout(struct back_work *w, const struct sizes *z, vec *memory)
{
    vec **arrays[] = {&w->states, &w->decay, &w->pre, &w->delta, &w->gy,
                      &w->first,  &w->gz,    &w->gs,  &w->gin,   &w->gout};
    size_t counts[] = {z->len * z->state, z->len * z->state, z->len,    z->len,    z->len,
                       z->len,            z->len,            z->padded, z->padded, z->padded};
    size_t at = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *arrays[i] = memory ? memory + at : NULL;
        at += counts[i];
    }
    return at;
}

/* One direction forward; hands y of each token to `take`-like code: direction 0's is kept, with
 * direction 1's the gate's gradient is complete. */
INLINE void forward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                    struct back_work *w, const int state)
{
    const struct scan_dir *d = &a->dir[dir];
    const size_t chan = (size_t)a->chan;
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes);
    vec *s = w->gs;
    for (int n = 0; n < state; n++)
        s[n] = v_set(0);
    for (int start = 0; start < a->len; start += SCAN_TILE) {
        vec pre[SCAN_TILE];
        scan_project(d, dir, a->len, a->chan, a->rank, b, start, pre);
        int count = min_int(SCAN_TILE, a->len - start);
        for (int k = 0; k < count; k++) {
            size_t t = scan_token(dir, a->len, start + k), at = (b->row + t) * chan + b->chan;
            const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
            vec u = v_load_part(rd(d->u) + at, b->lanes), delta = v_softplus(pre[k]);
            vec du = delta * u, y = skip * u;
            w->pre[t] = pre[k];
            w->delta[t] = delta;
            for (int n = 0; n < state; n++) {
                vec rate = v_load_part(rd(d->a) + (size_t)n * chan + b->chan, b->lanes);
                vec decay = v_decay(delta, rate * (scalar)LOG2E);
                s[n] = v_fma(decay, s[n], du * in[n]);
                y = v_fma(s[n], v_set(out[n]), y);
                w->decay[t * (size_t)state + (size_t)n] = decay;
                w->states[t * (size_t)state + (size_t)n] = s[n];
            }
            if (dir == 0)
                w->first[t] = y;
            else
                v_store_part(wr(a->gz) + (b->row + t) * a->ldgz + b->chan,
                             w->gz[t] * (w->first[t] + y) * (scalar)0.5, b->lanes);
        }
    }
}

/* What flows back at the gate: out = (y_0 + y_1) / 2 SiLU(z). */
static void gate_back(const struct scan_back_args *a, const struct scan_block *b,
                      struct back_work *w)
{
    scalar share = a->half_gate ? (scalar)0.5 : 1;
    for (size_t t = 0; t < (size_t)a->len; t++) {
        size_t row = b->row + t;
        vec g = v_load_part(rd(a->gout) + row * (size_t)a->chan + b->chan, b->lanes) * share;
        vec z = v_load_part(rd(a->z) + row * a->ldz + b->chan, b->lanes);
        w->gz[t] = g * (a->silu_ratio ? v_silu_ratio(z) : v_silu_slope(z));
        w->gy[t] = g * v_silu(z) * (scalar)0.5;
    }
}

/* Adds the lanes of gin (B's gradient) and gout (C's) of one token to the group's sums. */
INLINE void add_sums(const struct sizes *z, const struct back_work *w, scalar *sums)
{
    for (size_t n = 0; n < z->padded; n += VN) {
        scalar *in = sums + n, *out = in + z->padded;
        v_store(in, v_load(in) + v_sums(w->gin + n));
        v_store(out, v_load(out) + v_sums(w->gout + n));
    }
}

/* One direction backwards. gs holds ∂/∂s_t, less what C passes, when token t is reached. sums
 * [L, 2, padded], gpre [L, E]: gradient before the softplus. */
INLINE void backward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                     const struct sizes *z, struct back_work *w, scalar *sums, scalar *gpre,
                     const int state)
{
    const struct scan_dir *d = &a->dir[dir];
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes), zero = v_set(0);
    for (size_t n = 0; n < z->padded; n++)
        w->gs[n] = w->gin[n] = w->gout[n] = zero;
    for (int step = a->len - 1; step >= 0; step--) {
        size_t t = scan_token(dir, a->len, step), at = (b->row + t) * z->chan + b->chan;
        const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
        const vec *now = w->states + t * (size_t)state, *decay = w->decay + t * (size_t)state;
        const vec *before =
            step > 0 ? w->states + scan_token(dir, a->len, step - 1) * (size_t)state : NULL;
        vec u = v_load_part(rd(d->u) + at, b->lanes), delta = w->delta[t], gy = w->gy[t];
        vec du = delta * u, through = zero, rates = zero;
        for (int n = 0; n < state; n++) {
            vec g = v_fma(gy, v_set(out[n]), w->gs[n]);
            through = v_fma(g, v_set(in[n]), through);
            w->gin[n] = g * du;
            w->gout[n] = gy * now[n];
            g *= decay[n];
            w->gs[n] = g;
            vec rate = v_load_part(rd(d->a) + (size_t)n * z->chan + b->chan, b->lanes);
            rates = v_fma(g * rate, before ? before[n] : zero, rates);
        }
        v_store_part(wr(a->gu[dir]) + at, v_fma(through, delta, gy * skip), b->lanes);
        if (a->detach) /* Δ, B and C are constants: nothing flows back through xdbl */
            continue;
        add_sums(z, w, sums + t * 2 * z->padded);
        vec slope = v_pick(w->pre[t] > 20, v_set(1), v_sigmoid(w->pre[t]));
        v_store_part(gpre + t * z->chan + b->chan, v_fma(through, u, rates) * slope, b->lanes);
    }
}

/* sums: [2 directions, L, 2, padded] of this block's group; gpre: [2, L, E]. */
static void block_back(const struct scan_back_args *a, const struct scan_block *b,
                       const struct sizes *z, struct back_work *w, scalar *sums, scalar *gpre)
{
    gate_back(a, b, w);
    for (int dir = 0; dir < 2; dir++) {
        scalar *s = sums + (size_t)dir * z->part, *g = gpre + (size_t)dir * z->len * z->chan;
        if (a->state == 16) {
            forward(a, dir, b, w, 16);
            backward(a, dir, b, z, w, s, g, 16);
        } else {
            forward(a, dir, b, w, a->state);
            backward(a, dir, b, z, w, s, g, a->state);
        }
    }
}

/* gxdbl of one image and direction from the groups' sums and from gpre W_Δ. */
static void finish(const struct scan_back_args *a, const struct sizes *z, size_t image, int dir,
                   const scalar *sums, const scalar *gpre)
{
    size_t cols = (size_t)a->rank + 2 * z->state;
    scalar *out = wr(a->gxdbl[dir]) + image * z->len * cols;
    for (size_t t = 0; t < z->len; t++)
        for (size_t part = 0; part < 2; part++)
            for (size_t n = 0; n < z->state; n++) {
                scalar sum = 0;
                for (size_t g = 0; g < GROUPS; g++)
                    sum += sums[(2 * g + (size_t)dir) * z->part + (2 * t + part) * z->padded + n];
                out[t * cols + (size_t)a->rank + part * z->state + n] = sum;
            }
#ifdef CPU_DOUBLE
    cblas_dgemm
#else
    cblas_sgemm
#endif
        (CblasRowMajor, CblasNoTrans, CblasTrans, a->len, a->rank, a->chan, 1, gpre, a->chan,
         rd(a->dir[dir].w_dt), a->chan, 0, out, (int)cols);
}

static void image_back(struct backend *be, const struct scan_back_args *a, const struct sizes *z,
                       int image)
{
    int blocks = blocks_of(a->chan), team = cpu_team(be);
    struct back_work w;
    size_t shared = 2 * GROUPS * z->part + 2 * z->len * z->chan;
    shared = (shared + VN - 1) / VN * VN;
    size_t own = layout(&w, z, NULL);
    scalar *sums = cpu_scratch(be, shared * sizeof(scalar) + (size_t)team * own * sizeof(vec));
    if (!sums)
        return;
    memset(sums, 0, 2 * GROUPS * z->part * sizeof(scalar));
    scalar *gpre = sums + 2 * GROUPS * z->part;
#pragma omp parallel num_threads(team) private(w)
    {
        vec *memory = (vec *)(void *)(sums + shared);
        layout(&w, z, memory + (size_t)omp_get_thread_num() * own);
#pragma omp for schedule(static)
        for (int group = 0; group < GROUPS; group++)
            for (int k = group * blocks / GROUPS; k < (group + 1) * blocks / GROUPS; k++) {
                struct scan_block b =
                    scan_block_at(image * blocks + k, a->len, a->chan, a->state, a->rank);
                block_back(a, &b, z, &w, sums + 2 * (size_t)group * z->part, gpre);
            }
    }
    for (int dir = 0; dir < 2 && !a->detach; dir++)
        finish(a, z, (size_t)image, dir, sums, gpre + (size_t)dir * z->len * z->chan);
}

static void scan_back(struct backend *be, const struct scan_back_args *a)
{
    struct sizes z = {.len = (size_t)a->len, .chan = (size_t)a->chan, .state = (size_t)a->state};
    z.padded = (z.state + VN - 1) / VN * VN;
    z.part = z.len * 2 * z.padded;
    for (int image = 0; image < a->n; image++)
        image_back(be, a, &z, image);
}

void CPU_VEC(scan_back_ops)(struct ops *op)
{
    op->scan_back = scan_back;
}
