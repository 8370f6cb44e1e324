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

struct back_work {        /* per thread */
    vec *states, *decay;  /* [L, N] */
    vec *pre, *delta;     /* [L] */
    vec *gy, *first, *gz; /* [L]: gradient of y_0 and y_1; y_0; gradient of z without y */
    vec *gs, *gin, *gout; /* [padded] */
    vec *rate;            /* [N]: A */
};

static size_t layout(struct back_work *w, const struct sizes *z, vec *memory)
{
    vec **arrays[] = { &w->states, &w->decay, &w->pre, &w->delta, &w->gy,  &w->first,
                       &w->gz,     &w->gs,    &w->gin, &w->gout,  &w->rate };
    size_t counts[] = {
        z->len * z->state, z->len * z->state, z->len,    z->len,  z->len, z->len, z->len,
        z->padded,         z->padded,         z->padded, z->state
    };
    size_t at = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *arrays[i] = memory ? memory + at : NULL;
        at += counts[i];
    }
    return at;
}

/* Runs one direction forward. Direction 0's y is kept; direction 1's completes the gradient of the
 * gate. s: states [state], which live in registers where this is inlined with a constant `state`.
 */
INLINE void forward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                    struct back_work *w, vec *s, const int state)
{
    const struct scan_dir *d = &a->dir[dir];
    const size_t chan = (size_t)a->chan;
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes);
    UNROLL
    for (int n = 0; n < state; n++)
        s[n] = v_set(0);
    for (int start = 0; start < a->len; start += SCAN_TILE) {
        vec pre[SCAN_TILE];
        scan_project(d, dir, a->len, a->len, a->chan, a->rank, b, start, pre);
        int count = min_int(SCAN_TILE, a->len - start);
        for (int k = 0; k < count; k++) {
            size_t t = scan_token(dir, a->len, start + k), at = (b->row + t) * chan + b->chan;
            const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
            vec u = v_load_part(rd(d->u) + at, b->lanes), delta = v_softplus(pre[k]);
            vec du = delta * u, y = skip * u, scaled = delta * (scalar)LOG2E;
            vec *decays = w->decay + t * (size_t)state, *states = w->states + t * (size_t)state;
            w->pre[t] = pre[k];
            w->delta[t] = delta;
            UNROLL
            for (int n = 0; n < state; n++) {
                vec decay = v_decay(scaled, w->rate[n]);
                s[n] = v_fma(decay, s[n], du * in[n]);
                y = v_fma(s[n], v_set(out[n]), y);
                decays[n] = decay;
                states[n] = s[n];
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

/* Adds the lanes of each of in [padded] to sums [padded]. */
INLINE void add_sums(scalar *sums, const vec *in, const int padded)
{
    UNROLL
    for (int n = 0; n < padded; n += VN)
        v_store(sums + n, v_load(sums + n) + v_sums(in + n));
}

/* One direction backwards. gs [padded] holds ∂/∂s_t, less what C passes, when token t is reached;
 * gin, gout [padded]: gradients of B and C before they are summed over channels, zero from `state`
 * on. sums [L, 2, padded]; gpre [L, E]: gradient before the softplus. */
INLINE void backward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                     const struct back_work *w, vec *gs, vec *gin, vec *gout, scalar *sums,
                     scalar *gpre, const int state, const int padded)
{
    const struct scan_dir *d = &a->dir[dir];
    const size_t chan = (size_t)a->chan;
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes), zero = v_set(0);
    UNROLL
    for (int n = 0; n < padded; n++)
        gs[n] = gin[n] = gout[n] = zero;
    for (int step = a->len - 1; step >= 0; step--) {
        size_t t = scan_token(dir, a->len, step), at = (b->row + t) * chan + b->chan;
        const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
        const vec *now = w->states + t * (size_t)state, *decay = w->decay + t * (size_t)state;
        /* the first token has no state before it: any finite one times `first` = 0 */
        const vec *before =
            step > 0 ? w->states + scan_token(dir, a->len, step - 1) * (size_t)state : now;
        const vec first = v_set(step > 0 ? 1 : 0);
        vec u = v_load_part(rd(d->u) + at, b->lanes), delta = w->delta[t], gy = w->gy[t];
        vec du = delta * u, through = zero, rates = zero;
        UNROLL
        for (int n = 0; n < state; n++) {
            vec g = v_fma(gy, v_set(out[n]), gs[n]);
            through = v_fma(g, v_set(in[n]), through);
            gin[n] = g * du;
            gs[n] = g * decay[n];
            rates = v_fma(gs[n] * w->rate[n], before[n], rates);
        }
        v_store_part(wr(a->gu[dir]) + at, v_fma(through, delta, gy * skip), b->lanes);
        if (a->detach) /* Δ, B and C are constants: nothing flows back through xdbl */
            continue;
        UNROLL
        for (int n = 0; n < state; n++)
            gout[n] = gy * now[n];
        add_sums(sums + t * 2 * (size_t)padded, gin, padded);
        add_sums(sums + (t * 2 + 1) * (size_t)padded, gout, padded);
        vec slope = v_select(w->pre[t] > 20, v_set(1), v_sigmoid(w->pre[t]));
        v_store_part(gpre + t * chan + b->chan, v_fma(through, u, rates * first) * slope, b->lanes);
    }
}

/* Both passes of one direction with 16 states, in registers as far as they go. */
static void direction_16(const struct scan_back_args *a, int dir, const struct scan_block *b,
                         struct back_work *w, scalar *sums, scalar *gpre)
{
    enum { STATE = 16, PADDED = (STATE + VN - 1) / VN * VN };
    vec s[STATE], gs[PADDED], gin[PADDED], gout[PADDED];
    forward(a, dir, b, w, s, STATE);
    backward(a, dir, b, w, gs, gin, gout, sums, gpre, STATE, PADDED);
}

static void direction_any(const struct scan_back_args *a, int dir, const struct scan_block *b,
                          const struct sizes *z, struct back_work *w, scalar *sums, scalar *gpre)
{
    forward(a, dir, b, w, w->gs, a->state);
    backward(a, dir, b, w, w->gs, w->gin, w->gout, sums, gpre, a->state, (int)z->padded);
}

/* sums: [2 directions, L, 2, padded] of this block's group; gpre: [2, L, E]. */
static void block_back(const struct scan_back_args *a, const struct scan_block *b,
                       const struct sizes *z, struct back_work *w, scalar *sums, scalar *gpre)
{
    gate_back(a, b, w);
    for (int dir = 0; dir < 2; dir++) {
        scalar *s = sums + (size_t)dir * z->part, *g = gpre + (size_t)dir * z->len * z->chan;
        for (size_t n = 0; n < z->state; n++)
            w->rate[n] = v_load_part(rd(a->dir[dir].a) + n * z->chan + b->chan, b->lanes);
        if (a->state == 16)
            direction_16(a, dir, b, w, s, g);
        else
            direction_any(a, dir, b, z, w, s, g);
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
    struct sizes z = { .len = (size_t)a->len, .chan = (size_t)a->chan, .state = (size_t)a->state };
    z.padded = (z.state + VN - 1) / VN * VN;
    z.part = z.len * 2 * z.padded;
    for (int image = 0; image < a->n; image++)
        image_back(be, a, &z, image);
}

void CPU_VEC(scan_back_ops)(struct ops *op)
{
    op->scan_back = scan_back;
}
