/* Device code that many kernels share: typed access, the scalar functions of ref_math.h in T, and
 * reductions over warps and blocks. Reductions have a fixed order: results are the same bits in
 * every run. */
#pragma once

#include <cuda_bf16.h>

#include "cu.h"

template <typename T> __host__ __device__ __forceinline__ const T *rd(const real *p)
{
    return reinterpret_cast<const T *>(p);
}

template <typename T> __host__ __device__ __forceinline__ T *wr(real *p)
{
    return reinterpret_cast<T *>(p);
}

/* The element of narrow arrays (ops.h). There are none in double. */
template <typename T> struct narrow_of {
    typedef T type;
};
template <> struct narrow_of<float> {
    typedef __nv_bfloat16 type;
};

/* 2^x. The float one is the hardware's: relative error at most 2^-22, 0 below 2^-126 (PTX ISA,
 * ex2.approx.ftz). Callers fold log2(e) into what they multiply. */
__device__ __forceinline__ float exp2_of(float x)
{
#ifdef __CUDACC__
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return x < -126.0f ? 0.0f : exp2f(x);
#endif
}

__device__ __forceinline__ double exp2_of(double x)
{
    return exp2(x);
}

#define LOG2E 1.44269504088896340736

/* 1 / x for x >= 1. The float one is the hardware's: one unit of error, 0 beyond 2^126 (PTX ISA,
 * rcp.approx.ftz). A division that rounds takes ten instructions. */
__device__ __forceinline__ float inverse_of(float x)
{
#ifdef __CUDACC__
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return x > 0x1p126f ? 0.0f : 1.0f / x;
#endif
}

__device__ __forceinline__ double inverse_of(double x)
{
    return 1 / x;
}

/* ---- functions of SPEC 2.2, 2.3, 5.4, 5.5 (ref_math.h) ---- */

template <typename T> __device__ __forceinline__ T sigmoid(T x)
{
    return inverse_of(T(1) + exp(-x));
}

template <typename T> __device__ __forceinline__ T silu(T x)
{
    return x * sigmoid(x);
}

template <typename T> __device__ __forceinline__ T silu_slope(T x, bool ratio)
{
    T s = sigmoid(x);
    if (ratio)
        return x * s / (x + (x >= T(0) ? T(1e-6) : T(-1e-6)));
    return s * (T(1) + x * (T(1) - s));
}

__device__ __forceinline__ double softplus(double x)
{
    return x > 20 ? x : log1p(exp(x));
}

/* log(1 + e^x) = max(x, 0) + t P(t), t = e^-|x|: x itself from 17 on. P interpolates log(1 + t) / t
 * at Chebyshev's points of [0, 1], with an error of 2 units in the last place; t has 2 more than
 * exp2_of. That is half the instructions of log1p(exp(x)), without a branch: the scan takes one
 * softplus for every 16 exponentials. */
__device__ __forceinline__ float softplus(float x)
{
    const float size = fabsf(x), power = -size * (float)LOG2E, near = exp2_of(power);
    const float rest = fmaf(-size, (float)LOG2E, -power); /* what the product's rounding left */
    const float t = near == 0 ? near : fmaf(near, rest * 0.693147182f, near); /* rest may be NaN */
    float p = -0.00317605701f;
    p = fmaf(p, t, 0.0195425265f);
    p = fmaf(p, t, -0.0563736111f);
    p = fmaf(p, t, 0.105436236f);
    p = fmaf(p, t, -0.152696669f);
    p = fmaf(p, t, 0.196632743f);
    p = fmaf(p, t, -0.249516159f);
    p = fmaf(p, t, 0.333297104f);
    p = fmaf(p, t, -0.499998927f);
    p = fmaf(p, t, 1.0f);
    return fmaf(t, p, fmaxf(x, 0.0f));
}

/* The same for what is rounded to bf16 in the end: P of degree 6, 4e-6 of the result, and t with
 * the rounding of its exponent, |x| 2^-24. */
__device__ __forceinline__ float softplus_narrow(float x)
{
    const float t = exp2_of(-fabsf(x) * (float)LOG2E);
    float p = 0.0138744842f;
    p = fmaf(p, t, -0.0655903071f);
    p = fmaf(p, t, 0.148294136f);
    p = fmaf(p, t, -0.234545201f);
    p = fmaf(p, t, 0.330975264f);
    p = fmaf(p, t, -0.499859005f);
    p = fmaf(p, t, 0.999998569f);
    return fmaf(t, p, fmaxf(x, 0.0f));
}

template <typename T> __device__ __forceinline__ T softplus_slope(T x)
{
    return x > T(20) ? T(1) : sigmoid(x);
}

template <typename T> __device__ __forceinline__ T normal_share(T x) /* Φ */
{
    return T(0.5) * (T(1) + erf(x * T(0.70710678118654752440)));
}

template <typename T> __device__ __forceinline__ T gelu(T x)
{
    return x * normal_share(x);
}

template <typename T> __device__ __forceinline__ T gelu_slope(T x)
{
    const T density = exp(T(-0.5) * x * x) * T(0.39894228040143267794); /* 1 / sqrt(2 pi) */
    return normal_share(x) + x * density;
}

/* σ(c x + d x³): the gates of GELU by tanh and of the quick one (ops.h) */
template <typename T> __device__ __forceinline__ T curved_gate(T x, T c, T d)
{
    return sigmoid(x * (c + d * x * x));
}

template <typename T> __device__ __forceinline__ T curved_slope(T x, T c, T d)
{
    const T gate = curved_gate(x, c, d);
    return gate + x * gate * (T(1) - gate) * (c + T(3) * d * x * x);
}

/* In double whatever the arrays hold: 1e-9 + b loses digits that LRP amplifies. */
__device__ __forceinline__ double safe_ratio(double a, double b)
{
    double away = b + 1e-9;
    return b == 0 ? 0 : a / (away == 0 ? 1e-9 : away);
}

/* ---- reductions ---- */

struct add_op {
    template <typename T> __device__ __forceinline__ T operator()(T a, T b) const
    {
        return a + b;
    }
};

struct max_op {
    template <typename T> __device__ __forceinline__ T operator()(T a, T b) const
    {
        return fmax(a, b);
    }
};

struct min_op {
    template <typename T> __device__ __forceinline__ T operator()(T a, T b) const
    {
        return fmin(a, b);
    }
};

/* Over the 32 lanes, all of which must be here; every lane gets the result. */
template <typename T, typename F> __device__ __forceinline__ T warp_reduce(T v, F f)
{
#pragma unroll
    for (int bit = 16; bit > 0; bit /= 2)
        v = f(v, __shfl_xor_sync(0xffffffffu, v, bit));
    return v;
}

/* Over the block (a whole number of warps), every thread of which must be here; every thread gets
 * the result. */
template <typename T, typename F> __device__ T block_reduce(T v, F f)
{
    CU_SHARED_ARRAY(T, part, 32);
    const int thread = threadIdx.x, warps = blockDim.x / 32;
    v = warp_reduce(v, f);
    __syncthreads(); /* an earlier call's values may still be read */
    if (thread % 32 == 0)
        part[thread / 32] = v;
    __syncthreads();
    v = part[0];
    for (int i = 1; i < warps; i++)
        v = f(v, part[i]);
    return v;
}

/* Sums N values over the warp at once with N - 1 + log2(32/N) shuffles: at each level the lanes
 * pair up, each keeps half of the values and hands its partner the other half. Afterwards a lane
 * holds the sum of value scatter_index(lane, N) (index.h). N: a power of two, at most 32. */
template <typename T, int N> __device__ __forceinline__ T warp_scatter_sum(T (&v)[N], int lane)
{
    int bit = 16;
#pragma unroll
    for (int half = N / 2; half > 0; half /= 2, bit /= 2) {
        const bool upper = lane & bit;
#pragma unroll
        for (int i = 0; i < half; i++) {
            const T give = upper ? v[i] : v[i + half], keep = upper ? v[i + half] : v[i];
            v[i] = keep + __shfl_xor_sync(0xffffffffu, give, bit);
        }
    }
    T sum = v[0];
#pragma unroll
    for (; bit > 0; bit /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, bit);
    return sum;
}
