/* Hidden attention (SPEC 4): rows, matrices, reductions over channels. */
#include <stdlib.h>
#include <string.h>

#include "ref_math.h"
#include "ref_num.h"

struct size {
    size_t len, chan, state, rank;
    bool own_decay, diagonal;
};

/* Adds row i of one channel and direction to v [L]. Walking away from i, w[n] is C_i[n] times the
 * decays of the tokens passed; i's own comes first. */
static void add_row(const struct size *s, const struct attn_dir *d, int dir, size_t image,
                    size_t row, size_t chan, double *v, double *w)
{
    size_t cols = s->rank + 2 * s->state;
    const num *xdbl = rd(d->xdbl) + image * s->len * cols;
    const num *delta = rd(d->delta) + image * s->len * s->chan + chan;
    for (size_t n = 0; n < s->state; n++)
        w[n] = xdbl[row * cols + s->rank + s->state + n];
    size_t steps = dir == 0 ? row + 1 : s->len - row;
    for (size_t step = 0; step < steps; step++) {
        size_t j = dir == 0 ? row - step : row + step;
        const num *b = xdbl + j * cols + s->rank;
        double delta_j = delta[j * s->chan], sum = 0;
        for (size_t n = 0; n < s->state; n++) {
            sum += w[n] * delta_j * b[n];
            if (step > 0 || s->own_decay)
                w[n] *= exp(delta_j * rd(d->a)[n * s->chan + chan]);
        }
        if (step > 0 || s->diagonal)
            v[j] += sum;
    }
}

/* Row i of α_0 + flip α_1 of one channel. */
static void both_rows(const struct size *s, const struct attn_dir dirs[2], size_t image, size_t row,
                      size_t chan, double *v, double *w)
{
    memset(v, 0, s->len * sizeof *v);
    for (int dir = 0; dir < 2; dir++)
        if (dirs[dir].delta != NULL)
            add_row(s, &dirs[dir], dir, image, row, chan, v, w);
}

void REF(hidden_row)(struct backend *be, const struct hidden_row_args *a)
{
    const struct size s = { (size_t)a->len,  (size_t)a->chan, (size_t)a->state,
                            (size_t)a->rank, a->own_decay,    a->diagonal };
    double *v = ref_scratch(be, s.len + s.state);
    if (v == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++)
        for (size_t c = 0; c < s.chan; c++) {
            both_rows(&s, a->dir, image, (size_t)a->row, c, v, v + s.len);
            for (size_t t = 0; t < s.len; t++)
                wr(a->out)[(image * s.len + t) * s.chan + c] = (num)v[t];
        }
    free(v);
}

void REF(hidden_identity)(struct backend *be, const struct hidden_identity_args *a)
{
    (void)be;
    size_t len = (size_t)a->len, chan = (size_t)a->chan, row = (size_t)a->row;
    for (size_t image = 0; image < (size_t)a->n; image++) {
        const num *v = rd(a->v) + image * len * chan, *u = rd(a->u) + image * len * chan;
        const num *y = rd(a->y) + (image * len + row) * chan;
        double error = 0, size = 0;
        for (size_t c = 0; c < chan; c++) {
            double want = (double)y[c] - (double)rd(a->d)[c] * (double)u[row * chan + c], sum = 0;
            for (size_t j = 0; j < len; j++)
                sum += (double)v[j * chan + c] * (double)u[j * chan + c];
            error = fmax(error, fabs(sum - want));
            size = fmax(size, fabs(want));
        }
        wr(a->out)[2 * image] = (num)error;
        wr(a->out)[2 * image + 1] = (num)size;
    }
}

static double apply_sign(enum sign_rule sign, double x)
{
    if (sign == SIGN_CLAMP)
        return x > 0 ? x : 0;
    return sign == SIGN_ABS ? fabs(x) : x;
}

static double reduce_start(enum reduction reduce)
{
    switch (reduce) {
    case REDUCE_MAX:
        return -INFINITY;
    case REDUCE_MIN:
        return INFINITY;
    case REDUCE_PRODUCT:
        return 1;
    case REDUCE_MEAN:
        break;
    }
    return 0;
}

static double reduce_add(enum reduction reduce, double sum, double x)
{
    switch (reduce) {
    case REDUCE_MAX:
        return fmax(sum, x);
    case REDUCE_MIN:
        return fmin(sum, x);
    case REDUCE_PRODUCT:
        return sum * x;
    case REDUCE_MEAN:
        break;
    }
    return sum + x;
}

struct range {
    double min, max;
};

static void range_add(struct range *r, double x)
{
    r->min = fmin(r->min, x);
    r->max = fmax(r->max, x);
}

static void range_store(const struct range *r, real *out, size_t image)
{
    if (out == NULL)
        return;
    wr(out)[2 * image] = (num)r->min;
    wr(out)[2 * image + 1] = (num)r->max;
}

void REF(hidden_matrix)(struct backend *be, const struct hidden_matrix_args *a)
{
    const struct size s = { (size_t)a->len,  (size_t)a->chan, (size_t)a->state,
                            (size_t)a->rank, a->own_decay,    a->diagonal };
    size_t first = a->chan_count != 0 ? (size_t)a->chan_first : 0;
    size_t count = a->chan_count != 0 ? (size_t)a->chan_count : s.chan;
    double *v = ref_scratch(be, 2 * s.len + s.state);
    if (v == NULL)
        return;
    double *sum = v + s.len, *w = sum + s.len;
    for (size_t image = 0; image < (size_t)a->n; image++) {
        struct range range = { INFINITY, -INFINITY };
        for (size_t i = 0; i < s.len; i++) {
            for (size_t j = 0; j < s.len; j++)
                sum[j] = reduce_start(a->reduce);
            for (size_t c = first; c < first + count; c++) {
                both_rows(&s, a->dir, image, i, c, v, w);
                for (size_t j = 0; j < s.len; j++) {
                    double x = apply_sign(a->sign, v[j]);
                    range_add(&range, x);
                    sum[j] = reduce_add(a->reduce, sum[j], x);
                }
            }
            for (size_t j = 0; j < s.len; j++)
                wr(a->out)[(image * s.len + i) * s.len + j] =
                    (num)(a->reduce == REDUCE_MEAN ? sum[j] / (double)count : sum[j]);
        }
        range_store(&range, a->range, image);
    }
    free(v);
}

void REF(channel_reduce)(struct backend *be, const struct channel_reduce_args *a)
{
    (void)be;
    size_t len = (size_t)a->len, chans = (size_t)a->chan;
    for (size_t image = 0; image < (size_t)a->n; image++) {
        struct range range = { INFINITY, -INFINITY };
        for (size_t t = 0; t < len; t++) {
            const num *v = rd(a->v) + (image * len + t) * chans;
            double sum = reduce_start(a->reduce);
            for (size_t c = 0; c < chans; c++) {
                double x = apply_sign(a->sign, v[c]);
                range_add(&range, x);
                sum = reduce_add(a->reduce, sum, x);
            }
            wr(a->out)[image * len + t] =
                (num)(a->reduce == REDUCE_MEAN ? sum / (double)chans : sum);
        }
        range_store(&range, a->range, image);
    }
}

/* One channel of one direction, added to v [L]. q [N]: what the tokens after t make of its state.
 */
static void add_influence(const struct scan_influence_args *a, int dir, size_t image, size_t chan,
                          double *v, double *q)
{
    size_t len = (size_t)a->len, state = (size_t)a->state, cols = (size_t)a->rank + 2 * state;
    const num *delta = rd(a->dir[dir].delta) + image * len * (size_t)a->chan + chan;
    memset(q, 0, state * sizeof *q);
    for (size_t step = 0; step < len; step++) { /* from the direction's last token on */
        size_t t = dir == 0 ? len - 1 - step : step;
        const num *b = rd(a->dir[dir].xdbl) + (image * len + t) * cols + a->rank, *c = b + state;
        double d = delta[t * (size_t)a->chan], sum = 0;
        for (size_t n = 0; n < state; n++) {
            double rate = d * rd(a->dir[dir].a)[n * (size_t)a->chan + chan], push = d * b[n];
            q[n] += fabs(c[n]);
            sum += a->gramian ? c[n] * c[n] * push * push / (1e-8 - expm1(2 * rate))
                              : fabs(push) * q[n];
            q[n] *= exp(rate);
        }
        v[t] += sum;
    }
}

void REF(scan_influence)(struct backend *be, const struct scan_influence_args *a)
{
    size_t len = (size_t)a->len;
    double *v = ref_scratch(be, len + (size_t)a->state);
    if (v == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++) {
        memset(v, 0, len * sizeof *v);
        for (int dir = 0; dir < 2; dir++)
            for (size_t chan = 0; chan < (size_t)a->chan; chan++)
                add_influence(a, dir, image, chan, v, v + len);
        for (size_t t = 0; t < len; t++)
            wr(a->out)[image * len + t] = (num)(v[t] / (2.0 * a->chan));
    }
    free(v);
}
