/* Sums in double whatever the element type: VN lanes of double. */
#pragma once

#include "vec.h"

typedef double wide __attribute__((vector_size(VN * sizeof(double))));
typedef int64_t wide_mask __attribute__((vector_size(VN * sizeof(double))));

/* By pointer: a vector wider than the machine's cannot be passed by value without an ABI warning.
 */
INLINE void wide_add(wide *sum, vec x)
{
    *sum += __builtin_convertvector(x, wide);
}

INLINE double wide_total(const wide *sum)
{
    double s[VN];
    memcpy(s, sum, sizeof s);
    for (int half = VN / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}
