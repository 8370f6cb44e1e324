/* Sign rules and reductions over channels, in double as the reference does. */
#pragma once

#include "num.h"

static __device__ __forceinline__ double apply_sign(enum sign_rule sign, double x)
{
    if (sign == SIGN_CLAMP)
        return x > 0 ? x : 0;
    return sign == SIGN_ABS ? fabs(x) : x;
}

static __device__ __forceinline__ double reduce_start(enum reduction reduce)
{
    return reduce == REDUCE_MAX       ? -INFINITY
           : reduce == REDUCE_MIN     ? INFINITY
           : reduce == REDUCE_PRODUCT ? 1
                                      : 0;
}

struct reduce_op {
    enum reduction reduce;
    __device__ __forceinline__ double operator()(double a, double b) const
    {
        return reduce == REDUCE_MAX       ? fmax(a, b)
               : reduce == REDUCE_MIN     ? fmin(a, b)
               : reduce == REDUCE_PRODUCT ? a * b
                                          : a + b;
    }
};

struct range {
    double min, max;
};

/* Joins the ranges [n, count, 2] of an image's blocks to `out` [n, 2] of T. */
template <typename T>
void cu_join_ranges(struct backend *, const double *ranges, int n, int count, real *out);
