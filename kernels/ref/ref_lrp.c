/* Layer-wise relevance propagation (SPEC 5.4). */
#include "ref_math.h"
#include "ref_num.h"

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

static void lrp_join(struct backend *be, const struct lrp_join_args *a)
{
    (void)be;
    for (size_t i = 0; i < a->count; i++) {
        double x = rd(a->x)[i];
        wr(a->r)[i] = (num)(x * (safe_ratio(rd(a->r1)[i], x) + safe_ratio(rd(a->r2)[i], x)));
    }
}

void REF(fill_lrp)(struct ops *op)
{
    op->lrp_add = lrp_add;
    op->lrp_join = lrp_join;
}
