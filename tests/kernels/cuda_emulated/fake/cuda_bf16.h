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
    __nv_bfloat16(double x) : __nv_bfloat16((float)x)
    {
    }
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

/* In place of kernels/cuda/mma.h's instruction; the layout is said there. */
static inline void mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    struct words {
        unsigned a[4], b[2];
    } own;
    memcpy(own.a, a, sizeof own.a);
    memcpy(own.b, b, sizeof own.b);
    const emulated_slot *all = emulated_exchange(0xffffffffu, &own, sizeof own, "mma_bf16");
    const int lane = emulated_lane();
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
        double sum = 0;
        for (int k = 0; k < 16; k++) {
            words x, y;
            memcpy(&x, all[row % 8 * 4 + k % 8 / 2], sizeof x);
            memcpy(&y, all[col * 4 + k % 8 / 2], sizeof y);
            const unsigned short p = (unsigned short)(x.a[row / 8 + k / 8 * 2] >> k % 2 * 16);
            const unsigned short q = (unsigned short)(y.b[k / 8] >> k % 2 * 16);
            __nv_bfloat16 u, v;
            u.bits = p;
            v.bits = q;
            sum += (double)(float)u * (double)(float)v;
        }
        d[i] += (float)sum;
    }
}

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
