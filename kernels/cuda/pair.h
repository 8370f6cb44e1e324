/* Two neighbouring elements at a time: one load, one store, of 8 bytes or (bf16) 4. */
#pragma once

#include "mma.h"
#include "num.h"

/* Two elements side by side. */
template <typename X> struct pair_of {
    typedef float2 type;
};
template <> struct pair_of<__nv_bfloat16> {
    typedef unsigned type;
};

__device__ __forceinline__ void unpack(float2 p, float (&v)[2])
{
    v[0] = p.x;
    v[1] = p.y;
}

__device__ __forceinline__ void unpack(unsigned p, float (&v)[2])
{
    v[0] = __uint_as_float(p << 16);
    v[1] = __uint_as_float(p & 0xffff0000u);
}

__device__ __forceinline__ void pack_into(float2 *to, float low, float high)
{
    *to = make_float2(low, high);
}

__device__ __forceinline__ void pack_into(unsigned *to, float low, float high)
{
    *to = pack_bf16(low, high);
}

template <typename X> __device__ __forceinline__ typename pair_of<X>::type *pair_at(const X *p)
{
    return reinterpret_cast<typename pair_of<X>::type *>((uintptr_t)p);
}

/* SiLU where its result is rounded to bf16, and where it is not. */
template <typename X> __device__ __forceinline__ float silu_pair(float x)
{
    return sizeof(X) == sizeof(float) ? silu(x) : x * inverse_of(1.0f + exp2_of(-x * (float)LOG2E));
}
