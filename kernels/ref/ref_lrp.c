/* Layer-wise relevance propagation (SPEC 5.4), and AttnLRP's rule. */
#include "ref_math.h"
#include "ref_num.h"

/* Element i of lrp_add's r, ra or rb. */
static double relevance(const struct lrp_add_args *arg, const real *r, size_t i)
{
    return arg->single ? ((const float *)(const void *)r)[i] : rd(r)[i];
}

static void set_relevance(const struct lrp_add_args *arg, real *r, size_t i, double value)
{
    if (arg->single)
        ((float *)(void *)r)[i] = (float)value;
    else
        wr(r)[i] = (num)value;
}

/* The sums of R, a Q and b Q with Q = S(R, a + b); then both shares rescaled to
 * ΣR |Σ own| / (|ΣaQ| + |ΣbQ|). */
void REF(lrp_add)(struct backend *be, const struct lrp_add_args *arg)
{
    (void)be;
    for (size_t image = 0; image < (size_t)arg->n; image++) {
        size_t at = image * arg->count;
        const num *a = rd(arg->a) + at, *b = rd(arg->b) + at;
        double sum_r = 0, sum_a = 0, sum_b = 0;
        for (size_t i = 0; i < arg->count; i++) {
            double r = relevance(arg, arg->r, at + i), q = safe_ratio(r, (double)a[i] + b[i]);
            sum_r += r;
            sum_a += a[i] * q;
            sum_b += b[i] * q;
        }
        double both = fabs(sum_a) + fabs(sum_b);
        double scale_a = safe_ratio(safe_ratio(fabs(sum_a), both) * sum_r, sum_a);
        double scale_b = safe_ratio(safe_ratio(fabs(sum_b), both) * sum_r, sum_b);
        for (size_t i = 0; i < arg->count; i++) { /* ra or rb may be r: q is taken already */
            double q = safe_ratio(relevance(arg, arg->r, at + i), (double)a[i] + b[i]);
            set_relevance(arg, arg->ra, at + i, a[i] * q * scale_a);
            set_relevance(arg, arg->rb, at + i, b[i] * q * scale_b);
        }
    }
}

void REF(lrp_join)(struct backend *be, const struct lrp_join_args *a)
{
    (void)be;
    for (size_t i = 0; i < a->count; i++) {
        double x = rd(a->x)[i];
        wr(a->r)[i] = (num)(x * (safe_ratio(rd(a->r1)[i], x) + safe_ratio(rd(a->r2)[i], x)));
    }
}

void REF(gamma_split)(struct backend *be, const struct gamma_split_args *a)
{
    (void)be;
    size_t cols = (size_t)a->cols;
    for (size_t i = 0; i < (size_t)a->rows * cols; i++) {
        double y = rd(a->y)[i], t = rd(a->t)[i], g = rd(a->g)[i], b = rd(a->b)[i % cols];
        double more = y > 0 ? (y - b + t) / 2 + fmax(b, 0) : (y - b - t) / 2 + fmin(b, 0);
        double d = y + a->gamma * more;
        double s = y == 0 ? 0 : g * y / (d + (d < 0 ? -1e-6 : 1e-6));
        wr(a->s)[i] = (num)s;
        wr(a->s_abs)[i] = (num)(y > 0 ? s : -s);
    }
}

void REF(gamma_join)(struct backend *be, const struct gamma_join_args *j)
{
    (void)be;
    for (size_t i = 0; i < j->count; i++) {
        double half = rd(j->x)[i] > 0 ? j->gamma / 2 : -j->gamma / 2;
        wr(j->gx)[i] = (num)((1 + j->gamma / 2) * rd(j->a)[i] + half * rd(j->b)[i]);
    }
}
