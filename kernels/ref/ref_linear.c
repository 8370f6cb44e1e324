/* Matrix products. */
#include <stdlib.h>

#include "ref_math.h"
#include "ref_num.h"
#include "sizes.h"

struct weight {
    int out, in;
    num w[]; /* [out, in] */
};

struct weight *REF(weight_new)(struct backend *be, const float *host, int out, int in,
                               unsigned uses)
{
    (void)be;
    (void)uses;
    size_t count, bytes;
    if (!size_mul((size_t)out, (size_t)in, &count) || !size_mul(count, sizeof(num), &bytes) ||
        !size_add(bytes, sizeof(struct weight), &bytes))
        return NULL;
    struct weight *w = malloc(bytes);
    if (w == NULL)
        return NULL;
    w->out = out;
    w->in = in;
    for (size_t i = 0; i < count; i++)
        w->w[i] = host[i];
    return w;
}

void REF(weight_free)(struct backend *be, struct weight *w)
{
    (void)be;
    free(w);
}

void REF(linear)(struct backend *be, const struct linear_args *a)
{
    (void)be;
    size_t outs = (size_t)a->w->out, ins = (size_t)a->w->in;
    for (int row = 0; row < a->rows; row++) {
        const num *x = rd(a->x) + (size_t)row * a->ldx;
        num *y = wr(a->y) + (size_t)row * a->ldy;
        for (size_t o = 0; o < outs; o++) {
            double sum = a->bias != NULL ? rd(a->bias)[o] : 0;
            for (size_t i = 0; i < ins; i++)
                sum += x[i] * (double)a->w->w[o * ins + i];
            if (a->act == ACT_GELU)
                sum = gelu(sum);
            y[o] = (num)(a->accumulate ? y[o] + sum : sum);
        }
    }
}

void REF(linear_back)(struct backend *be, const struct linear_back_args *a)
{
    (void)be;
    size_t outs = (size_t)a->w->out, ins = (size_t)a->w->in;
    for (int row = 0; row < a->rows; row++) {
        const num *gy = rd(a->gy) + (size_t)row * a->ldgy;
        num *gx = wr(a->gx) + (size_t)row * a->ldgx;
        for (size_t i = 0; i < ins; i++) {
            double sum = 0;
            for (size_t o = 0; o < outs; o++)
                sum += gy[o] * (double)a->w->w[o * ins + i];
            gx[i] = (num)(a->accumulate ? gx[i] + sum : sum);
        }
    }
}

/* Q of one row. */
static void lrp_ratio(const struct linear_lrp_args *a, const num *x, size_t row, num *q)
{
    size_t outs = (size_t)a->w->out, ins = (size_t)a->w->in;
    for (size_t o = 0; o < outs; o++) {
        double both = 0;
        for (size_t i = 0; i < ins; i++)
            both += fabs((double)x[i] * a->w->w[o * ins + i]);
        double z = ((double)rd(a->y)[row * outs + o] - rd(a->b)[o] + both) / 2;
        q[o] = (num)safe_ratio(rd(a->r)[row * outs + o], z);
    }
}

void REF(linear_lrp)(struct backend *be, const struct linear_lrp_args *a)
{
    (void)be;
    size_t outs = (size_t)a->w->out, ins = (size_t)a->w->in;
    for (size_t row = 0; row < (size_t)a->rows; row++) {
        const num *x = rd(a->x) + row * ins;
        num *q = wr(a->scratch); /* r is read before rx, which may be r, is written */
        lrp_ratio(a, x, row, q);
        for (size_t i = 0; i < ins; i++) {
            double sum = 0;
            for (size_t o = 0; o < outs; o++)
                if ((a->w->w[o * ins + i] > 0) == (x[i] > 0))
                    sum += q[o] * (double)a->w->w[o * ins + i];
            wr(a->rx)[row * ins + i] = (num)(x[i] * sum);
        }
    }
}

/* Entry (i, j) of op(X). */
static double entry(const num *x, size_t ld, bool transposed, int i, int j)
{
    return transposed ? x[(size_t)j * ld + (size_t)i] : x[(size_t)i * ld + (size_t)j];
}

static void matmul_one(const struct matmul_args *a, const num *x, const num *y, num *z)
{
    for (int i = 0; i < a->m; i++)
        for (int j = 0; j < a->n; j++) {
            double sum = 0;
            for (int k = 0; k < a->k; k++)
                sum += entry(x, a->a.ld, a->ta, i, k) * entry(y, a->b.ld, a->tb, k, j);
            num *c = &z[(size_t)i * a->c.ld + (size_t)j];
            /* beta = 0 overwrites, whatever C holds. */
            *c = (num)(a->beta == 0 ? a->alpha * sum : a->alpha * sum + a->beta * *c);
        }
}

void REF(matmul)(struct backend *be, const struct matmul_args *a)
{
    real *c = be_at(be, a->c.p, 0); /* struct matrix says const; C is the one that is written */
    for (size_t i = 0; i < (size_t)a->b0; i++)
        for (size_t j = 0; j < (size_t)a->b1; j++)
            matmul_one(a, rd(a->a.p) + i * a->a.s0 + j * a->a.s1,
                       rd(a->b.p) + i * a->b.s0 + j * a->b.s1, wr(c) + i * a->c.s0 + j * a->c.s1);
}
