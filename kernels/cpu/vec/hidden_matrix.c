/* Whole mixing matrices, reduced over channels (SPEC 4, 5.2): O(L² E N) time, and per thread memory
 * for a few rows of accumulators and one channel block's decays. */
#include "fold.h"
#include "scan_step.h"

/* Rows of the matrix that share one computation of the decays. */
enum { ROWS = 32 };

struct matrix_work {
    vec *decay[2]; /* [L, N]: exp(Δ_t A) of a channel block */
    vec *delta[2]; /* [L]; zero where a direction is left out */
    vec *w;        /* [N] */
    vec *v;        /* [L]: a row of α_0 + flip α_1 */
    wide *sum;     /* [ROWS, L] */
    struct span span;
};

static size_t layout(struct matrix_work *w, size_t len, size_t state, char *memory)
{
    size_t at = 0;
    w->sum = (wide *)(void *)memory;
    at += ROWS * len * sizeof(wide);
    vec *next = (vec *)(void *)(memory ? memory + at : NULL);
    for (int dir = 0; dir < 2; dir++) {
        w->decay[dir] = next;
        w->delta[dir] = next ? next + len * state : NULL;
        next = next ? next + len * (state + 1) : NULL;
        at += len * (state + 1) * sizeof(vec);
    }
    w->w = next;
    w->v = next ? next + state : NULL;
    return at + (state + len) * sizeof(vec);
}

/* Decays of the block's channels for tokens [from, to). */
static void make_decays(const struct hidden_matrix_args *a, const struct scan_block *b,
                        struct matrix_work *w, int dir, int from, int to)
{
    const struct attn_dir *d = &a->dir[dir];
    for (size_t t = (size_t)from; t < (size_t)to; t++) {
        vec delta = v_load_part(rd(d->delta) + (b->row + t) * (size_t)a->chan + b->chan, b->lanes);
        w->delta[dir][t] = delta;
        for (size_t n = 0; n < (size_t)a->state; n++) {
            vec rate = v_load_part(rd(d->a) + n * (size_t)a->chan + b->chan, b->lanes);
            w->decay[dir][t * (size_t)a->state + n] = v_decay(delta, rate * (scalar)LOG2E);
        }
    }
}

/* Adds row i of one direction to w->v. p: [state], C_i times the decays passed so far. */
INLINE void add_row(const struct hidden_matrix_args *a, const struct scan_block *b,
                    struct matrix_work *w, int dir, int i, vec *p, const int state)
{
    const scalar *in = rd(a->dir[dir].xdbl) + b->row * b->cols + a->rank;
    const scalar *out = in + (size_t)i * b->cols + state;
    int steps = dir == 0 ? i + 1 : a->len - i;
    UNROLL
    for (int n = 0; n < state; n++)
        p[n] = v_set(out[n]);
    for (int step = 0; step < steps; step++) {
        size_t j = (size_t)(dir == 0 ? i - step : i + step);
        const scalar *B = in + j * b->cols;
        const vec *decay = w->decay[dir] + j * (size_t)state;
        vec sum[2] = { v_set(0), v_set(0) };
        UNROLL
        for (int n = 0; n < state; n++)
            sum[n % 2] = v_fma(p[n], v_set(B[n]), sum[n % 2]);
        if (step > 0 || a->diagonal)
            w->v[j] += (sum[0] + sum[1]) * w->delta[dir][j];
        if (step > 0 || a->own_decay) {
            UNROLL
            for (int n = 0; n < state; n++)
                p[n] *= decay[n];
        }
    }
}

static void matrix_row(const struct hidden_matrix_args *a, const struct scan_block *b,
                       struct matrix_work *w, int i, wide *sum)
{
    for (int j = 0; j < a->len; j++)
        w->v[j] = v_set(0);
    for (int dir = 0; dir < 2; dir++) {
        if (!a->dir[dir].delta)
            continue;
        if (a->state == 16) {
            vec p[16];
            add_row(a, b, w, dir, i, p, 16);
        } else {
            add_row(a, b, w, dir, i, w->w, a->state);
        }
    }
    lanes mask = first_lanes(b->lanes);
    for (int j = 0; j < a->len; j++) {
        vec x = fold_sign(a->sign, w->v[j]);
        span_add(&w->span, x, mask);
        fold_add(a->reduce, &sum[j], x, mask);
    }
}

/* Rows [first, last) of one image's matrix. */
static void matrix_rows(const struct hidden_matrix_args *a, int image, int first, int last,
                        struct matrix_work *w)
{
    int from = a->chan_count ? a->chan_first : 0, count = a->chan_count ? a->chan_count : a->chan;
    for (int k = 0; k < (last - first) * a->len; k++)
        fold_start(a->reduce, &w->sum[k]);
    w->span = span_start();
    for (int chan = from; chan < from + count; chan += VN) {
        struct scan_block b = { .row = (size_t)image * (size_t)a->len,
                                .chan = (size_t)chan,
                                .lanes = min_int(VN, from + count - chan),
                                .cols = (size_t)a->rank + 2 * (size_t)a->state };
        if (a->dir[0].delta)
            make_decays(a, &b, w, 0, 0, last);
        if (a->dir[1].delta)
            make_decays(a, &b, w, 1, first, a->len);
        for (int i = first; i < last; i++)
            matrix_row(a, &b, w, i, w->sum + (i - first) * a->len);
    }
    scalar *out = wr(a->out) + ((size_t)image * (size_t)a->len + (size_t)first) * (size_t)a->len;
    for (int k = 0; k < (last - first) * a->len; k++)
        out[k] = (scalar)fold_total(a->reduce, &w->sum[k], count);
}

static void hidden_matrix(struct backend *be, const struct hidden_matrix_args *a)
{
    int parts = (a->len + ROWS - 1) / ROWS, items = a->n * parts;
    struct matrix_work w;
    size_t bytes = layout(&w, (size_t)a->len, (size_t)a->state, NULL);
    for (int image = 0; a->range && image < a->n; image++) {
        wr(a->range)[2 * image] = (scalar)INFINITY;
        wr(a->range)[2 * image + 1] = (scalar)-INFINITY;
    }
#pragma omp parallel for num_threads(cpu_team(be)) schedule(dynamic) private(w)
    for (int item = 0; item < items; item++) {
        char *memory = cpu_scratch(be, bytes);
        if (!memory)
            continue;
        layout(&w, (size_t)a->len, (size_t)a->state, memory);
        int image = item / parts, first = item % parts * ROWS;
        matrix_rows(a, image, first, min_int(a->len, first + ROWS), &w);
        if (!a->range)
            continue;
        scalar *range = wr(a->range) + 2 * (size_t)image, own[2];
        span_store(&w.span, own);
#pragma omp critical(cpu_hidden_matrix_range)
        { /* extremes do not depend on the order */
            range[0] = own[0] < range[0] ? own[0] : range[0];
            range[1] = own[1] > range[1] ? own[1] : range[1];
        }
    }
}

void CPU_VEC(hidden_matrix_ops)(struct ops *op)
{
    op->hidden_matrix = hidden_matrix;
}
