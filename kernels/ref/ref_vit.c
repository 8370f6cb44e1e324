/* Attention and its backward pieces (SPEC 2.3). */
#include <stdlib.h>
#include <string.h>

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

void REF(attention)(struct backend *be, const struct attention_args *a)
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

void REF(softmax_back)(struct backend *be, const struct softmax_back_args *a)
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

void REF(head_mean)(struct backend *be, const struct head_mean_args *a)
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

/* vᵀ (I + K) of one image into out [len]; true where a row's sum was 0. */
static bool roll(const struct rollout_args *a, const num *k, const double *v, double *out)
{
    size_t len = (size_t)a->len;
    bool zero = false;
    for (size_t j = 0; j < len; j++)
        out[j] = 0;
    for (size_t i = 0; i < len; i++, k += len) {
        double norm = 1;
        for (size_t j = 0; a->row_norm && j < len; j++)
            norm += k[j];
        if (norm == 0) {
            zero = true;
            norm = 1;
        }
        double w = v[i] / norm;
        out[i] += w;
        for (size_t j = 0; j < len; j++)
            out[j] += w * k[j];
    }
    return zero;
}

void REF(rollout)(struct backend *be, const struct rollout_args *a)
{
    size_t len = (size_t)a->len;
    double *out = ref_scratch(be, len);
    if (out == NULL)
        return;
    for (size_t image = 0; image < (size_t)a->n; image++) {
        double *v = a->v + image * len;
        if (roll(a, rd(a->k) + image * len * len, v, out))
            a->zero[image] = 1;
        memcpy(v, out, len * sizeof *v);
    }
    free(out);
}
