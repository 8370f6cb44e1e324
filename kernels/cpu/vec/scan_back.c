/* Backward of the selective scan. A block of channels is run forward again: its decays are kept,
 * and the state before every TILE steps. Then it is walked back tile by tile, and in a tile two
 * states after two: what is between a tile's steps stays in registers, because to write a vector
 * takes as long as two products.
 *
 * Gradients of B and C are sums over channels: across lanes by a tree, over blocks in GROUPS parts
 * that are then added in order, so that they do not depend on the threads. The gradient of δ is a
 * matrix product of the gradient before the softplus. */
#include <cblas.h>

#include "scan_step.h"
#include "transpose.h"

enum {
    GROUPS = 4,
    TILE = 4,               /* steps */
    PAIR = 2,               /* states */
    PART = 2 * PAIR * TILE, /* B and C of them: whole vectors of every instruction set */
};

struct sizes {
    size_t len, chan, state, pairs, tiles;
    size_t
        part; /* elements of a group's sums in a direction, and of B and C: [tiles, pairs, PART] */
};

/* Per thread. Tiles are in the order of a direction's steps; what lies past the last step or the
 * last state is 0. */
struct back_work {
    vec *kept;          /* [tiles, pairs, PAIR]: states before each tile */
    vec *decay;         /* [tiles, pairs, PAIR, TILE] */
    vec *delta, *du;    /* [tiles, TILE]: Δ, Δ u */
    vec *gy[2];         /* [tiles, TILE] of each direction: gradient of its y */
    vec *first, *gz;    /* [L]: direction 0's y; gradient of z without y */
    vec *s, *gs, *rate; /* [pairs, PAIR]; rate: A */
};

static size_t layout(struct back_work *w, const struct sizes *z, vec *memory)
{
    size_t n = z->pairs * PAIR, steps = z->tiles * TILE;
    vec **arrays[] = { &w->kept,  &w->decay, &w->delta, &w->du, &w->gy[0], &w->gy[1],
                       &w->first, &w->gz,    &w->s,     &w->gs, &w->rate };
    size_t counts[] = {
        z->tiles * n, steps * n, steps, steps, steps, steps, z->len, z->len, n, n, n
    };
    size_t at = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *arrays[i] = memory ? memory + at : NULL;
        at += counts[i];
    }
    return at;
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
        w->gy[0][t] = w->gy[1][(size_t)a->len - 1 - t] = g * v_silu(z) * (scalar)0.5;
    }
}

/* Δ of a direction, where the forward pass has not kept it. */
static void find_delta(const struct scan_back_args *a, int dir, const struct scan_block *b,
                       vec *delta)
{
    for (int start = 0; start < a->len; start += SCAN_TILE) {
        vec pre[SCAN_TILE];
        scan_project(&a->dir[dir], dir, a->len, a->len, a->chan, a->rank, b, start, pre);
        for (int k = 0; k < min_int(SCAN_TILE, a->len - start); k++)
            delta[start + k] = v_softplus(pre[k]);
    }
}

/* Δ and Δ u of a direction. */
static void find_steps(const struct scan_back_args *a, int dir, const struct scan_block *b,
                       struct back_work *w)
{
    if (!a->delta[dir])
        find_delta(a, dir, b, w->delta);
    for (int step = 0; step < a->len; step++) {
        size_t row = b->row + scan_token(dir, a->len, step);
        size_t at = row * (size_t)a->chan + b->chan;
        if (a->delta[dir])
            w->delta[step] = v_load_part(rd(a->delta[dir]) + at, b->lanes);
        w->du[step] = w->delta[step] * v_load_part(rd(a->dir[dir].u) + at, b->lanes);
    }
}

/* Runs one direction forward. Its decays and some states are kept, and direction 0's y; direction
 * 1's completes the gradient of the gate. s: states [state], which live in registers where this is
 * inlined with a constant `state`. */
INLINE void forward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                    const struct back_work *w, vec *s, const int state, const int width)
{
    const struct scan_dir *d = &a->dir[dir];
    const int padded = (state + PAIR - 1) / PAIR * PAIR;
    const vec skip = v_load_part(rd(d->d) + b->chan, width);
    UNROLL
    for (int n = 0; n < state; n++)
        s[n] = v_set(0);
    for (int step = 0; step < a->len; step++) {
        size_t t = scan_token(dir, a->len, step), tile = (size_t)(step / TILE * padded);
        const scalar *in = scan_xdbl(d, b, t) + a->rank, *out = in + state;
        vec *decay = w->decay + tile * TILE + step % TILE;
        vec u = v_load_part(rd(d->u) + (b->row + t) * (size_t)a->chan + b->chan, width);
        vec du = w->du[step], scaled = w->delta[step] * (scalar)LOG2E;
        vec y[2] = { skip * u, v_set(0) };
        if (step % TILE == 0)
            for (int n = 0; n < state; n++)
                w->kept[tile + (size_t)n] = s[n];
        UNROLL
        for (int n = 0; n < state; n++) {
            vec e = v_decay(scaled, w->rate[n]);
            s[n] = v_fma(e, s[n], du * in[n]);
            y[n % 2] = v_fma(s[n], v_set(out[n]), y[n % 2]);
            decay[n * TILE] = e;
        }
        if (dir == 0)
            w->first[t] = y[0] + y[1];
        else
            v_store_part(wr(a->gz) + (b->row + t) * a->ldgz + b->chan,
                         w->gz[t] * (w->first[t] + (y[0] + y[1])) * (scalar)0.5, width);
    }
}

static void forward_16(const struct scan_back_args *a, int dir, const struct scan_block *b,
                       const struct back_work *w)
{
    vec s[16]; /* in registers */
    forward(a, dir, b, w, s, 16, VN);
}

/* Where B or C of a tile's step k and a pair's state j lies in its PART; and its gradient. */
INLINE int input_at(bool of_out, int k, int j)
{
    return (of_out * PAIR + j) * TILE + k;
}

INLINE int sum_at(bool of_out, int k, int j)
{
    return (of_out ? k : 2 * TILE - 1 - k) * PAIR + j;
}

/* A tile and a pair of states backwards. gs [PAIR] is ∂/∂s after the tile, less what C passes, and
 * becomes that before it. Adds to through [TILE], Σ_n B ∂/∂s; rates [TILE], Σ_n A s' ∂/∂s with s'
 * the state before, decayed; and to sums [PART]. */
INLINE void pair_back(const vec *kept, const vec *decay, const vec *du, const vec *gy,
                      const scalar *inputs, const vec *rate, vec *gs, vec *through, vec *rates,
                      scalar *sums, const bool detach)
{
    vec s[PAIR] = { kept[0], kept[1] }, passed[TILE][PAIR];
    struct lane_sums tree;
    v_forget();
    UNROLL
    for (int k = 0; k < TILE; k++) {
        const vec fed = v_hold(du[k]), out = v_hold(gy[k]);
        UNROLL
        for (int j = 0; j < PAIR; j++) {
            passed[k][j] = decay[j * TILE + k] * s[j];
            s[j] = v_fma(fed, v_set(inputs[input_at(false, k, j)]), passed[k][j]);
            if (!detach)
                lane_sums_push(&tree, sum_at(true, k, j), out * s[j], sums);
        }
    }
    v_forget();
    const vec a[PAIR] = { v_hold(rate[0]), v_hold(rate[1]) };
    vec back[PAIR] = { gs[0], gs[1] };
    UNROLL
    for (int k = TILE - 1; k >= 0; k--) {
        const vec fed = v_hold(du[k]), out = v_hold(gy[k]);
        UNROLL
        for (int j = 0; j < PAIR; j++) {
            vec g = v_fma(out, v_set(inputs[input_at(true, k, j)]), back[j]);
            through[k] = v_fma(g, v_set(inputs[input_at(false, k, j)]), through[k]);
            rates[k] = v_fma(g * passed[k][j], a[j], rates[k]);
            back[j] = g * decay[j * TILE + k];
            if (!detach)
                lane_sums_push(&tree, sum_at(false, k, j), g * fed, sums);
        }
    }
    UNROLL
    for (int j = 0; j < PAIR; j++)
        gs[j] = back[j];
}

/* One direction backwards. inputs, sums: [tiles, pairs, PART]; gpre [L, E]: gradient before the
 * softplus. */
INLINE void backward(const struct scan_back_args *a, int dir, const struct scan_block *b,
                     const struct sizes *z, const struct back_work *w, const scalar *inputs,
                     scalar *sums, scalar *gpre, const bool detach)
{
    const struct scan_dir *d = &a->dir[dir];
    const vec skip = v_load_part(rd(d->d) + b->chan, b->lanes);
    for (size_t n = 0; n < z->pairs * PAIR; n++)
        w->gs[n] = v_set(0);
    for (size_t tile = z->tiles; tile-- > 0;) {
        vec through[TILE] = { 0 }, rates[TILE] = { 0 };
        const vec *du = w->du + tile * TILE, *gy = w->gy[dir] + tile * TILE;
        for (size_t p = 0; p < z->pairs; p++) {
            size_t at = tile * z->pairs + p;
            pair_back(w->kept + at * PAIR, w->decay + at * PAIR * TILE, du, gy, inputs + at * PART,
                      w->rate + p * PAIR, w->gs + p * PAIR, through, rates, sums + at * PART,
                      detach);
        }
        UNROLL
        for (int k = 0; k < TILE; k++) { /* unrolled: the sums stay in registers */
            if (k >= a->len - (int)tile * TILE)
                continue;
            size_t t = scan_token(dir, a->len, (int)tile * TILE + k);
            size_t at = (b->row + t) * z->chan + b->chan;
            vec delta = w->delta[tile * TILE + (size_t)k], u = v_load_part(rd(d->u) + at, b->lanes);
            v_store_part(wr(a->gu[dir]) + at, v_fma(through[k], delta, gy[k] * skip), b->lanes);
            if (detach) /* Δ, B and C are constants: nothing flows back through xdbl */
                continue;
            /* softplus' slope is 1 - exp(-Δ) */
            vec slope = v_select(delta > 20, v_set(1), v_lost(-delta));
            v_store_part(gpre + t * z->chan + b->chan, v_fma(through[k], u, rates[k]) * slope,
                         b->lanes);
        }
    }
}

/* inputs: [2 directions, part]; sums: the same, of this block's group; gpre: [2, L, E]. */
static void block_back(const struct scan_back_args *a, const struct scan_block *b,
                       const struct sizes *z, struct back_work *w, const scalar *inputs,
                       scalar *sums, scalar *gpre)
{
    gate_back(a, b, w);
    for (size_t dir = 0; dir < 2; dir++) {
        const scalar *in = inputs + dir * z->part;
        scalar *s = sums + dir * z->part, *g = gpre + dir * z->len * z->chan;
        for (size_t n = 0; n < z->state; n++)
            w->rate[n] = v_load_part(rd(a->dir[dir].a) + n * z->chan + b->chan, b->lanes);
        find_steps(a, (int)dir, b, w);
        if (a->state == 16 && b->lanes == VN)
            forward_16(a, (int)dir, b, w);
        else
            forward(a, (int)dir, b, w, w->s, a->state, b->lanes);
        if (a->detach)
            backward(a, (int)dir, b, z, w, in, s, g, true);
        else
            backward(a, (int)dir, b, z, w, in, s, g, false);
    }
}

/* Where B or C of token t and state n lie among tiles, as input_at or sum_at says. */
INLINE size_t tile_at(const struct scan_back_args *a, const struct sizes *z, int dir, size_t t,
                      size_t n, bool of_out, int (*at)(bool, int, int))
{
    size_t step = scan_token(dir, a->len, (int)t);
    return (step / TILE * z->pairs + n / PAIR) * PART +
           (size_t)at(of_out, (int)(step % TILE), (int)(n % PAIR));
}

/* B and C of an image and direction as the tiles read them; 0 where they have no more. */
static void sort_inputs(const struct scan_back_args *a, const struct sizes *z, size_t image,
                        int dir, scalar *inputs)
{
    size_t cols = (size_t)a->rank + 2 * z->state;
    memset(inputs, 0, z->part * sizeof *inputs);
    for (size_t t = 0; t < z->len; t++) {
        const scalar *in = rd(a->dir[dir].xdbl) + (image * z->len + t) * cols + a->rank;
        for (size_t n = 0; n < z->state; n++) {
            inputs[tile_at(a, z, dir, t, n, false, input_at)] = in[n];
            inputs[tile_at(a, z, dir, t, n, true, input_at)] = in[z->state + n];
        }
    }
}

/* Σ over groups. */
INLINE scalar total(const struct sizes *z, const scalar *sums)
{
    scalar sum = 0;
    for (size_t g = 0; g < GROUPS; g++)
        sum += sums[2 * g * z->part];
    return sum;
}

/* gxdbl of one image and direction from the groups' sums and from gpre W_Δ. */
static void finish(const struct scan_back_args *a, const struct sizes *z, size_t image, int dir,
                   const scalar *sums, const scalar *gpre)
{
    size_t cols = (size_t)a->rank + 2 * z->state;
    scalar *out = wr(a->gxdbl[dir]) + image * z->len * cols;
    sums += (size_t)dir * z->part;
    for (size_t t = 0; t < z->len; t++)
        for (size_t n = 0; n < z->state; n++) {
            scalar *to = out + t * cols + (size_t)a->rank + n;
            to[0] = total(z, sums + tile_at(a, z, dir, t, n, false, sum_at));
            to[z->state] = total(z, sums + tile_at(a, z, dir, t, n, true, sum_at));
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
                       size_t image)
{
    int blocks = blocks_of(a->chan), team = cpu_team(be);
    struct back_work w;
    size_t gradients = 2 * z->len * z->chan; /* gpre */
    size_t shared = (2 + 2 * GROUPS) * z->part + (gradients + VN - 1) / VN * VN;
    size_t own = layout(&w, z, NULL);
    scalar *inputs = cpu_scratch(be, shared * sizeof(scalar) + (size_t)team * own * sizeof(vec));
    if (!inputs)
        return;
    scalar *sums = inputs + 2 * z->part, *gpre = sums + 2 * GROUPS * z->part;
    memset(sums, 0, 2 * GROUPS * z->part * sizeof(scalar));
    for (int dir = 0; dir < 2; dir++)
        sort_inputs(a, z, image, dir, inputs + (size_t)dir * z->part);
#pragma omp parallel num_threads(team) private(w)
    {
        vec *memory = (vec *)(void *)(inputs + shared) + (size_t)omp_get_thread_num() * own;
        layout(&w, z, memory);
        memset(memory, 0, own * sizeof *memory);
#pragma omp for schedule(static)
        for (int group = 0; group < GROUPS; group++)
            for (int k = group * blocks / GROUPS; k < (group + 1) * blocks / GROUPS; k++) {
                struct scan_block b =
                    scan_block_at((int)image * blocks + k, a->len, a->chan, a->state, a->rank);
                block_back(a, &b, z, &w, inputs, sums + 2 * (size_t)group * z->part, gpre);
            }
    }
    for (int dir = 0; dir < 2 && !a->detach; dir++)
        finish(a, z, image, dir, sums, gpre + (size_t)dir * z->len * z->chan);
}

static void scan_back(struct backend *be, const struct scan_back_args *a)
{
    struct sizes z = { .len = (size_t)a->len, .chan = (size_t)a->chan, .state = (size_t)a->state };
    z.pairs = (z.state + PAIR - 1) / PAIR;
    z.tiles = (z.len + TILE - 1) / TILE;
    z.part = z.tiles * z.pairs * PART;
    for (size_t image = 0; image < (size_t)a->n; image++)
        image_back(be, a, &z, image);
}

void CPU_VEC(scan_back_ops)(struct ops *op)
{
    op->scan_back = scan_back;
}
