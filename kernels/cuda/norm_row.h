/* Normalisation of float rows that one warp holds in registers: read once, four values a load. */
#pragma once

#include "mma.h"
#include "num.h"

enum { NORM_MOST = 8 }; /* vectors of 4 a lane: rows of up to 1024 */

struct norm_row_args { /* as rmsnorm_args and layernorm_args; b is layernorm's alone */
    size_t rows;
    int width;
    const float *x, *h, *w, *b;
    float eps;
    float *r;
    void *y;
};

/* Where the vectors of 4 are whole and aligned. */
static inline bool norm_row_fits(const struct norm_row_args *a)
{
    const uintptr_t all = (uintptr_t)a->x | (uintptr_t)a->h | (uintptr_t)a->w | (uintptr_t)a->b |
                          (uintptr_t)a->r | (uintptr_t)a->y;
    return a->width % 4 == 0 && a->width <= NORM_MOST * 4 * 32 && all % 16 == 0;
}

__device__ __forceinline__ void store4(float *to, const float (&v)[4])
{
    *reinterpret_cast<float4 *>(to) = float4{ v[0], v[1], v[2], v[3] };
}

__device__ __forceinline__ void store4(__nv_bfloat16 *to, const float (&v)[4])
{
    *reinterpret_cast<uint2 *>(to) = uint2{ pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]) };
}

/* CENTRED: layernorm. MOST: vectors of a lane. The block's warps take a row each. */
template <bool CENTRED, int MOST, typename Y>
static __global__ void norm_row_kernel(const __grid_constant__ struct norm_row_args a)
{
    const size_t row = (size_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= a.rows)
        return;
    const int first = threadIdx.x % 32 * 4;
    const size_t at = row * a.width;
    float v[MOST][4], sum = 0, square = 0;
#pragma unroll
    for (int k = 0; k < MOST; k++) { /* all loads before the first use */
        const int i = first + k * 128;
        float4 q = { 0, 0, 0, 0 };
        if (i < a.width)
            q = *reinterpret_cast<const float4 *>(a.x + at + i);
        v[k][0] = q.x, v[k][1] = q.y, v[k][2] = q.z, v[k][3] = q.w;
    }
    if (a.h != NULL)
#pragma unroll
        for (int k = 0; k < MOST; k++)
            if (first + k * 128 < a.width) {
                const float4 q = *reinterpret_cast<const float4 *>(a.h + at + first + k * 128);
                v[k][0] += q.x, v[k][1] += q.y, v[k][2] += q.z, v[k][3] += q.w;
            }
#pragma unroll
    for (int k = 0; CENTRED && k < MOST; k++)
        sum += (v[k][0] + v[k][1]) + (v[k][2] + v[k][3]);
    const float mean = CENTRED ? warp_reduce(sum, add_op()) / (float)a.width : 0.0f;
#pragma unroll
    for (int k = 0; k < MOST; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float d = first + k * 128 < a.width ? v[k][i] - mean : 0.0f;
            square += d * d;
        }
    const float inv = 1.0f / sqrtf(warp_reduce(square, add_op()) / (float)a.width + a.eps);
#pragma unroll
    for (int k = 0; k < MOST; k++) {
        const int i = first + k * 128;
        if (i >= a.width)
            continue;
        const float4 w = *reinterpret_cast<const float4 *>(a.w + i);
        float4 b = { 0, 0, 0, 0 };
        if (CENTRED)
            b = *reinterpret_cast<const float4 *>(a.b + i);
        if (a.r != NULL)
            store4(a.r + at + i, v[k]);
        const float y[4] = { (v[k][0] - mean) * inv * w.x + b.x, (v[k][1] - mean) * inv * w.y + b.y,
                             (v[k][2] - mean) * inv * w.z + b.z,
                             (v[k][3] - mean) * inv * w.w + b.w };
        store4(static_cast<Y *>(a.y) + at + i, y);
    }
}
