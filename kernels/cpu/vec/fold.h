/* Reductions over channels under a sign rule (SPEC 5.3, Tables 5 and 6), in double per lane: a
 * product over hundreds of channels leaves float's range at once. */
#pragma once

#include <math.h>

#include "family.h"
#include "wide.h"

INLINE vec fold_sign(enum sign_rule sign, vec x)
{
    if (sign == SIGN_CLAMP)
        return v_max(x, v_set(0));
    return sign == SIGN_ABS ? v_abs(x) : x;
}

static inline double fold_neutral(enum reduction reduce)
{
    return reduce == REDUCE_MEAN      ? 0
           : reduce == REDUCE_PRODUCT ? 1
           : reduce == REDUCE_MAX     ? -INFINITY
                                      : INFINITY;
}

static inline double fold_pair(enum reduction reduce, double a, double b)
{
    return reduce == REDUCE_MEAN      ? a + b
           : reduce == REDUCE_PRODUCT ? a * b
           : reduce == REDUCE_MAX     ? (a > b ? a : b)
                                      : (a < b ? a : b);
}

/* Lanes not in `mask` leave the sum alone. */
INLINE void fold_add(enum reduction reduce, wide *sum, vec x, lanes mask)
{
    x = v_select(mask, x, v_set((scalar)fold_neutral(reduce)));
    wide y = __builtin_convertvector(x, wide);
    if (reduce == REDUCE_MEAN) {
        *sum += y;
    } else if (reduce == REDUCE_PRODUCT) {
        *sum *= y;
    } else {
        wide_mask take = reduce == REDUCE_MAX ? y > *sum : y < *sum;
        *sum = (wide)((take & (wide_mask)y) | (~take & (wide_mask)*sum));
    }
}

static inline void fold_start(enum reduction reduce, wide *sum)
{
    for (int i = 0; i < VN; i++)
        (*sum)[i] = fold_neutral(reduce);
}

/* Across lanes; the mean over `count` channels. */
static inline double fold_total(enum reduction reduce, const wide *sum, int count)
{
    double total = fold_neutral(reduce);
    for (int i = 0; i < VN; i++)
        total = fold_pair(reduce, total, (*sum)[i]);
    return reduce == REDUCE_MEAN ? total / count : total;
}

/* Smallest and largest value seen, per lane. */
struct span {
    vec min, max;
};

INLINE struct span span_start(void)
{
    return (struct span){ v_set((scalar)INFINITY), v_set((scalar)-INFINITY) };
}

INLINE void span_add(struct span *s, vec x, lanes mask)
{
    s->min = v_min(s->min, v_select(mask, x, s->min));
    s->max = v_max(s->max, v_select(mask, x, s->max));
}

INLINE void span_store(const struct span *s, scalar *range)
{
    range[0] = -v_top(-s->min);
    range[1] = v_top(s->max);
}
