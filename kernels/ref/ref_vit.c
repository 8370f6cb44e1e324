/* Attention, its backward pieces, and the LRP of a residual sum (SPEC 2.3, 5.4). */
#include <stdlib.h>

#include "ref_math.h"
#include "ref_num.h"

/* softmax over row [len] in place, around its maximum. */
static void softmax(double *row, size_t len)
{
    double top = -INFINITY, sum = 0;
    for (size_t j = 0; j < len; j++)
        top = fmax(top, row[j]);
    for (size_t j = 0; j < len; j++)
        sum += row[j] = exp(row[j] - top);
    for (size_t j = 0; j < len; j++)
        row[j] /= sum;
}

/* One query of one head. qkv points at the image; part 0, 1, 2 = q, k, v. */
static void attend(const struct attention_args *a, const num *qkv, size_t head, size_t i,
                   double *row, num *out)
{
    size_t len = (size_t)a->len, dim = (size_t)a->dim, width = (size_t)a->heads * dim;
    const num *q = qkv + i * 3 * width + head * dim;
    const num *k = qkv + width + head * dim, *v = qkv + 2 * width + head * dim;
    for (size_t j = 0; j < len; j++) {
        double dot = 0;
        for (size_t c = 0; c < dim; c++)
            dot += (double)q[c] * k[j * 3 * width + c];
        row[j] = a->scale * dot;
    }
    softmax(row, len);
    for (size_t c = 0; c < dim; c++) {
        double sum = 0;
        for (size_t j = 0; j < len; j++)
            sum += row[j] * v[j * 3 * width + c];
        out[c] = (num)sum;
    }
}

static void attention(struct backend *be, const struct attention_args *a)
{
    size_t len = (size_t)a->len, dim = (size_t)a->dim, heads = (size_t)a->heads;
    double *row = ref_scratch(be, len);
    if (row == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++)
        for (size_t head = 0; head < heads; head++)
            for (size_t i = 0; i < len; i++) {
                attend(a, rd(a->qkv) + image * len * 3 * heads * dim, head, i, row,
                       wr(a->out) + ((image * len + i) * heads + head) * dim);
                if (a->probs == NULL)
                    continue;
                num *probs = wr(a->probs) + ((image * heads + head) * len + i) * len;
                for (size_t j = 0; j < len; j++)
                    probs[j] = (num)row[j];
            }
    free(row);
}

static void softmax_back(struct backend *be, const struct softmax_back_args *a)
{
    (void)be;
    size_t cols = (size_t)a->cols;
    for (size_t row = 0; row < a->rows; row++) {
        const num *p = rd(a->p) + row * cols, *gp = rd(a->gp) + row * cols;
        num *gs = wr(a->gs) + row * cols;
        double dot = 0;
        for (size_t j = 0; j < cols; j++)
            dot += (double)gp[j] * p[j];
        for (size_t j = 0; j < cols; j++)
            gs[j] = (num)(a->scale * p[j] * (gp[j] - dot));
    }
}

static void head_mean(struct backend *be, const struct head_mean_args *a)
{
    (void)be;
    size_t square = (size_t)a->len * (size_t)a->len, heads = (size_t)a->heads;
    for (size_t image = 0; image < (size_t)a->n; image++)
        for (size_t i = 0; i < square; i++) {
            double sum = 0;
            for (size_t head = 0; head < heads; head++) {
                size_t at = (image * heads + head) * square + i;
                double x = rd(a->a)[at];
                sum += a->b != NULL ? fmax(x * rd(a->b)[at], 0) : x;
            }
            wr(a->out)[image * square + i] = (num)(sum / (double)heads);
        }
}

/* The sums of R, a Q and b Q with Q = S(R, a + b); then both shares rescaled to
 * ΣR |Σ own| / (|ΣaQ| + |ΣbQ|). */
static void lrp_add(struct backend *be, const struct lrp_add_args *arg)
{
    (void)be;
    for (size_t image = 0; image < (size_t)arg->n; image++) {
        size_t at = image * arg->count;
        const num *a = rd(arg->a) + at, *b = rd(arg->b) + at, *r = rd(arg->r) + at;
        num *ra = wr(arg->ra) + at, *rb = wr(arg->rb) + at;
        double sum_r = 0, sum_a = 0, sum_b = 0;
        for (size_t i = 0; i < arg->count; i++) {
            double q = safe_ratio(r[i], (double)a[i] + b[i]);
            sum_r += r[i];
            sum_a += a[i] * q;
            sum_b += b[i] * q;
        }
        double both = fabs(sum_a) + fabs(sum_b);
        double scale_a = safe_ratio(safe_ratio(fabs(sum_a), both) * sum_r, sum_a);
        double scale_b = safe_ratio(safe_ratio(fabs(sum_b), both) * sum_r, sum_b);
        for (size_t i = 0; i < arg->count; i++) {
            double q = safe_ratio(r[i], (double)a[i] + b[i]);
            ra[i] = (num)(a[i] * q * scale_a); /* ra or rb may be r: q is taken already */
            rb[i] = (num)(b[i] * q * scale_b);
        }
    }
}

void REF(fill_vit)(struct ops *op)
{
    op->attention = attention;
    op->softmax_back = softmax_back;
    op->head_mean = head_mean;
    op->lrp_add = lrp_add;
}
