/* The selective scan (SPEC 2.2): step projection, softplus, both directions and the gate in one
 * sweep over a block of VN channels of an image. The states of the block stay in registers, Δ and
 * the first direction's y in the nearest cache. */
#include "scan_step.h"

/* What a token's y is for: kept, handed to direction 1, or averaged and gated. */
INLINE void finish(const struct scan_args *a, int dir, const struct scan_block *b, size_t token,
                   vec y, vec *first)
{
    size_t at = (b->row + token) * (size_t)a->chan + b->chan;
    if (a->y[dir])
        v_store_part(wr(a->y[dir]) + at, y, b->lanes);
    if (dir == 0) {
        first[token] = y;
        return;
    }
    vec z = v_load_part(rd(a->z) + (b->row + token) * a->ldz + b->chan, b->lanes);
    v_store_part(wr(a->out) + at, (first[token] + y) * (scalar)0.5 * v_silu(z), b->lanes);
}

/* Up to the one token whose y is wanted, or to the end. */
static int steps_of(const struct scan_args *a, int dir)
{
    if (!a->one_row)
        return a->len;
    return dir == 0 ? a->row + 1 : a->len - a->row;
}

/* Runs direction `dir` over the tokens. a2: A log2(e) [state]. s: states [state]. first: direction
 * 0's y [len]. `state` is a constant where this is inlined, and then s lives in registers. */
INLINE void direction(const struct scan_args *a, int dir, const struct scan_block *b, const vec *a2,
                      vec *s, vec *first, const int state, const bool alone)
{
    const struct scan_dir *d = &a->dir[dir];
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes);
    UNROLL
    for (int n = 0; n < state; n++)
        s[n] = v_set(0);
    const int steps = alone ? steps_of(a, dir) : a->len;
    for (int start = 0; start < steps; start += SCAN_TILE) {
        vec delta[SCAN_TILE];
        scan_project(d, dir, a->len, steps, a->chan, a->rank, b, start, delta);
        UNROLL
        for (int k = 0; k < SCAN_TILE; k++)
            delta[k] = v_softplus(delta[k]);
        int count = min_int(SCAN_TILE, steps - start);
        for (int k = 0; k < count; k++) {
            size_t t = scan_token(dir, a->len, start + k);
            size_t at = (b->row + t) * (size_t)a->chan + b->chan;
            const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
            vec u = v_load_part(rd(d->u) + at, b->lanes), du = delta[k] * u;
            vec y[2] = { skip * u, v_set(0) };
            UNROLL
            for (int n = 0; n < state; n++) {
                s[n] = v_fma(v_decay(delta[k], a2[n]), s[n], du * in[n]);
                y[n % 2] = v_fma(s[n], v_set(out[n]), y[n % 2]);
            }
            if (a->delta[dir])
                v_store_part(wr(a->delta[dir]) + at, delta[k], b->lanes);
            if (!alone || t == (size_t)a->row)
                finish(a, dir, b, t, y[0] + y[1], first);
        }
    }
}

/* A log2(e) of the block, state-major. */
static void load_rates(const struct scan_dir *d, int chan, int state, const struct scan_block *b,
                       vec *a2)
{
    for (int n = 0; n < state; n++)
        a2[n] =
            v_load_part(rd(d->a) + (size_t)n * (size_t)chan + b->chan, b->lanes) * (scalar)LOG2E;
}

static void block_16(const struct scan_args *a, const struct scan_block *b, vec *a2, vec *first)
{
    for (int dir = 0; dir < 2; dir++) {
        vec s[16];
        load_rates(&a->dir[dir], a->chan, 16, b, a2);
        if (a->one_row)
            direction(a, dir, b, a2, s, first, 16, true);
        else
            direction(a, dir, b, a2, s, first, 16, false);
    }
}

static void block_8(const struct scan_args *a, const struct scan_block *b, vec *a2, vec *first)
{
    for (int dir = 0; dir < 2; dir++) {
        vec s[8];
        load_rates(&a->dir[dir], a->chan, 8, b, a2);
        direction(a, dir, b, a2, s, first, 8, a->one_row);
    }
}

static void block_any(const struct scan_args *a, const struct scan_block *b, vec *a2, vec *first)
{
    for (int dir = 0; dir < 2; dir++) {
        load_rates(&a->dir[dir], a->chan, a->state, b, a2);
        direction(a, dir, b, a2, a2 + a->state, first, a->state, a->one_row);
    }
}

static void scan(struct backend *be, const struct scan_args *a)
{
    int items = a->n * blocks_of(a->chan);
    size_t vectors = (size_t)a->len + 2 * (size_t)a->state;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        struct scan_block b = scan_block_at(item, a->len, a->chan, a->state, a->rank);
        vec *first = cpu_scratch(be, vectors * sizeof(vec));
        if (!first)
            continue;
        vec *a2 = first + a->len;
        if (a->state == 16)
            block_16(a, &b, a2, first);
        else if (a->state == 8)
            block_8(a, &b, a2, first);
        else
            block_any(a, &b, a2, first);
    }
}

void CPU_VEC(scan_ops)(struct ops *op)
{
    op->scan = scan;
}
