/* Vectors of arrays that hold float whatever the element type. */
#pragma once

#include "vec.h"

typedef float floats __attribute__((vector_size(VN * sizeof(float))));

INLINE vec v_load_floats(const float *p, int n)
{
    floats a = { 0 };
    if (__builtin_expect(n >= VN, 1))
        memcpy(&a, p, sizeof a);
    else
        memcpy(&a, p, (size_t)n * sizeof *p);
    return __builtin_convertvector(a, vec);
}

INLINE void v_store_floats(float *p, vec x, int n)
{
    const floats a = __builtin_convertvector(x, floats);
    if (__builtin_expect(n >= VN, 1))
        memcpy(p, &a, sizeof a);
    else
        memcpy(p, &a, (size_t)n * sizeof *p);
}
