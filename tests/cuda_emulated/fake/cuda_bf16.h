/* In place of NVIDIA's header: bfloat16, rounded to nearest even. */
#pragma once

#include <cuda_runtime.h>

struct __nv_bfloat16 {
    unsigned short bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float x)
    {
        unsigned u = __float_as_uint(x);
        if (x != x)
            bits = 0x7fff;
        else
            bits = (unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    }
    __nv_bfloat16(double x) : __nv_bfloat16((float)x) {}
    operator float() const
    {
        unsigned u = (unsigned)bits << 16;
        float x;
        memcpy(&x, &u, sizeof x);
        return x;
    }
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

static inline __nv_bfloat16 __float2bfloat16(float x)
{
    return __nv_bfloat16(x);
}
static inline float __bfloat162float(__nv_bfloat16 x)
{
    return x;
}
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y)
{
    return { __nv_bfloat16(x), __nv_bfloat16(y) };
}
