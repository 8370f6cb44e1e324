/* Rows of hidden attention (SPEC 4), the identity they keep, and Zimerman's row (SPEC 5.3). */
#include "scan_step.h"
#include "wide.h"

/* Adds one direction's row to out [len] vectors. The decays from j to i multiply to
 * exp(A Σ Δ), so one running sum of Δ replaces a product per state. a2: A log2(e). */
INLINE void add_row(const struct hidden_row_args *a, int dir, const struct scan_block *b,
                    const vec *a2, vec *out, const int state)
{
    const struct attn_dir *d = &a->dir[dir];
    const scalar *xdbl = rd(d->xdbl) + b->row * b->cols + a->rank;
    const scalar *C = xdbl + (size_t)a->row * b->cols + state;
    int steps = dir == 0 ? a->row + 1 : a->len - a->row;
    vec passed = v_set(0);
    for (int step = 0; step < steps; step++) {
        size_t j = (size_t)(dir == 0 ? a->row - step : a->row + step);
        const scalar *B = xdbl + j * b->cols;
        vec delta = v_load_part(rd(d->delta) + (b->row + j) * (size_t)a->chan + b->chan, b->lanes);
        vec sum[2] = { v_set(0), v_set(0) };
        UNROLL
        for (int n = 0; n < state; n++)
            sum[n % 2] = v_fma(v_decay(passed, a2[n]), v_set(C[n] * B[n]), sum[n % 2]);
        if (step > 0 || a->diagonal)
            out[j] += (sum[0] + sum[1]) * delta;
        if (step > 0 || a->own_decay)
            passed += delta;
    }
}

static void row_block(const struct hidden_row_args *a, const struct scan_block *b, vec *out)
{
    vec *a2 = out + a->len;
    for (int t = 0; t < a->len; t++)
        out[t] = v_set(0);
    for (int dir = 0; dir < 2; dir++) {
        if (!a->dir[dir].delta)
            continue;
        for (int n = 0; n < a->state; n++)
            a2[n] =
                v_load_part(rd(a->dir[dir].a) + (size_t)n * (size_t)a->chan + b->chan, b->lanes) *
                (scalar)LOG2E;
        if (a->state == 16)
            add_row(a, dir, b, a2, out, 16);
        else
            add_row(a, dir, b, a2, out, a->state);
    }
    for (size_t t = 0; t < (size_t)a->len; t++)
        v_store_part(wr(a->out) + (b->row + t) * (size_t)a->chan + b->chan, out[t], b->lanes);
}

static void hidden_row(struct backend *be, const struct hidden_row_args *a)
{
    int items = a->n * blocks_of(a->chan);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        struct scan_block b = scan_block_at(item, a->len, a->chan, a->state, a->rank);
        vec *out = cpu_scratch(be, (size_t)(a->len + a->state) * sizeof(vec));
        if (out)
            row_block(a, &b, out);
    }
}

static void hidden_identity(struct backend *be, const struct hidden_identity_args *a)
{
    size_t chan = (size_t)a->chan, len = (size_t)a->len;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int image = 0; image < a->n; image++) {
        size_t base = (size_t)image * len * chan, row = base + (size_t)a->row * chan;
        vec error = v_set(0), size = v_set(0);
        for (size_t c = 0; c < chan; c += VN) {
            int n = min_int(VN, (int)(chan - c));
            vec want = v_load_part(rd(a->y) + row + c, n) -
                       v_load_part(rd(a->d) + c, n) * v_load_part(rd(a->u) + row + c, n);
            wide sum = { 0 };
            for (size_t j = 0; j < len; j++)
                sum +=
                    __builtin_convertvector(v_load_part(rd(a->v) + base + j * chan + c, n), wide) *
                    __builtin_convertvector(v_load_part(rd(a->u) + base + j * chan + c, n), wide);
            error = v_max(error, v_abs(__builtin_convertvector(sum, vec) - want));
            size = v_max(size, v_abs(want));
        }
        wr(a->out)[2 * image] = v_top(error);
        wr(a->out)[2 * image + 1] = v_top(size);
    }
}

/* r = convᵀ(v σ(p)), times SiLU(z) of the row's token. `gated`: scratch [len]. */
static void unified_block(const struct unified_row_args *a, const struct scan_block *b, vec *gated)
{
    size_t chan = (size_t)a->chan;
    for (size_t t = 0; t < (size_t)a->len; t++) {
        size_t at = (b->row + t) * chan + b->chan;
        gated[t] = v_load_part(rd(a->v) + at, b->lanes) *
                   v_sigmoid(v_load_part(rd(a->pre) + at, b->lanes));
    }
    vec gate =
        v_silu(v_load_part(rd(a->z) + (b->row + (size_t)a->row) * a->ldz + b->chan, b->lanes));
    for (int s = 0; s < a->len; s++) {
        vec r = v_set(0);
        for (int k = 0; k < a->taps; k++) {
            int back = a->taps - 1 - k, t = a->direction == 0 ? s + back : s - back;
            if (t >= 0 && t < a->len)
                r = v_fma(v_load_part(rd(a->w) + (size_t)k * chan + b->chan, b->lanes), gated[t],
                          r);
        }
        scalar *out = wr(a->out) + (b->row + (size_t)s) * chan + b->chan;
        r *= gate;
        v_store_part(out, a->accumulate ? r + v_load_part(out, b->lanes) : r, b->lanes);
    }
}

static void unified_row(struct backend *be, const struct unified_row_args *a)
{
    int items = a->n * blocks_of(a->chan);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        struct scan_block b = scan_block_at(item, a->len, a->chan, 0, 0);
        vec *gated = cpu_scratch(be, (size_t)a->len * sizeof(vec));
        if (gated)
            unified_block(a, &b, gated);
    }
}

/* Σ_n of one token: the Jacobian's, where q holds what later tokens make of its state, or the
 * Gramian's. rate: A log2(e). */
INLINE vec influence_at(bool gramian, int state, const scalar *B, const scalar *C, vec delta,
                        vec *q, const vec *rate)
{
    vec sum = v_set(0);
    for (int n = 0; n < state; n++) {
        if (gramian) {
            vec push = delta * (C[n] * B[n]);
            vec lost = v_lost(delta * rate[n] * (scalar)(2 / LOG2E));
            sum += push * push / (lost + (scalar)1e-8);
            continue;
        }
        q[n] += v_abs(v_set(C[n]));
        sum = v_fma(v_abs(v_set(B[n])) * delta, q[n], sum); /* Δ > 0 */
        q[n] *= v_decay(delta, rate[n]);
    }
    return sum;
}

/* A block of channels of one direction: its sums over channels, added to sum [L]. */
INLINE void add_influence(const struct scan_influence_args *a, int dir, const struct scan_block *b,
                          double *sum, vec *q, vec *rate)
{
    const scalar *rates = rd(a->dir[dir].a) + b->chan;
    for (int n = 0; n < a->state; n++) {
        q[n] = v_set(0);
        rate[n] = v_load_part(rates + (size_t)n * (size_t)a->chan, b->lanes) * (scalar)LOG2E;
    }
    for (int step = 0; step < a->len; step++) { /* from the direction's last token on */
        size_t t = (size_t)(dir == 0 ? a->len - 1 - step : step), row = b->row + t;
        const scalar *B = rd(a->dir[dir].xdbl) + row * b->cols + a->rank, *C = B + a->state;
        vec delta = v_load_part(rd(a->dir[dir].delta) + row * (size_t)a->chan + b->chan, b->lanes);
        /* Δ is 0, and so is the sum, in lanes past the last channel */
        sum[t] += (double)v_sum(influence_at(a->gramian, a->state, B, C, delta, q, rate));
    }
}

static void scan_influence(struct backend *be, const struct scan_influence_args *a)
{
    int blocks = blocks_of(a->chan);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int image = 0; image < a->n; image++) {
        size_t vectors = 2 * (size_t)a->state * sizeof(vec), len = (size_t)a->len;
        vec *q = cpu_scratch(be, vectors + len * sizeof(double));
        double *sum = q ? (double *)(void *)((char *)q + vectors) : NULL;
        for (size_t t = 0; q && t < len; t++)
            sum[t] = 0;
        for (int item = 0; q && item < 2 * blocks; item++) {
            int block = image * blocks + item / 2;
            struct scan_block b = scan_block_at(block, a->len, a->chan, a->state, a->rank);
            add_influence(a, item % 2, &b, sum, q, q + a->state);
        }
        for (size_t t = 0; q && t < len; t++)
            wr(a->out)[(size_t)image * len + t] = (scalar)(sum[t] / (2.0 * a->chan));
    }
}

void CPU_VEC(hidden_ops)(struct ops *op)
{
    op->hidden_row = hidden_row;
    op->scan_influence = scan_influence;
    op->hidden_identity = hidden_identity;
    op->unified_row = unified_row;
}
