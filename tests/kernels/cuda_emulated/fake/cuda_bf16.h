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

/* And of the one for tf32: the hardware drops the lower 13 bits. */
static inline void mma_tf32(float (&d)[4], const float (&a)[4], const float (&b)[2])
{
    struct words {
        unsigned a[4], b[2];
    } own;
    memcpy(own.a, a, sizeof own.a);
    memcpy(own.b, b, sizeof own.b);
    const emulated_slot *all = emulated_exchange(0xffffffffu, &own, sizeof own, "mma_tf32");
    const int lane = emulated_lane();
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
        double sum = 0;
        for (int k = 0; k < 8; k++) {
            words x, y;
            memcpy(&x, all[row % 8 * 4 + k % 4], sizeof x);
            memcpy(&y, all[col * 4 + k % 4], sizeof y);
            sum += (double)__uint_as_float(x.a[row / 8 + k / 4 * 2] & 0xffffe000u) *
                   (double)__uint_as_float(y.b[k / 4] & 0xffffe000u);
        }
        d[i] += (float)sum;
    }
}

template <bool TRANSPOSED> static inline void load_matrices(unsigned (&m)[4], const void *row)
{
    const emulated_slot *all = emulated_exchange(0xffffffffu, &row, sizeof row, "load_matrices");
    const int lane = emulated_lane();
    if ((uintptr_t)row % 16 != 0)
        emulated_fail("load_matrices from %p: not aligned to 16 bytes", row);
    for (int i = 0; i < 4; i++) {
        unsigned short word[2];
        for (int k = 0; k < 2; k++) {
            const int at = lane % 4 * 2 + k, own = lane / 4;
            const unsigned short *from;
            memcpy(&from, all[i * 8 + (TRANSPOSED ? at : own)], sizeof from);
            word[k] = from[TRANSPOSED ? own : at];
        }
        m[i] = word[0] | (unsigned)word[1] << 16;
    }
}

static inline float tf32_of(float x)
{
    const unsigned u = __float_as_uint(x);
    return x != x ? x : __uint_as_float((u + 0x1000) & 0xffffe000u);
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
