/* Attention of narrow arrays on tensor cores, the maps in registers alone (Dao et al. 2022): a warp
 * takes 16 queries, the block's four warps share tiles of keys and values in shared memory. Running
 * maxima and sums rescale what is there when a larger score comes. */
#pragma once

#include "mma.h"
#include "num.h"

enum {
    FLASH_WARPS = 4,
    FLASH_THREADS = 32 * FLASH_WARPS,
    FLASH_QUERIES = 16 * FLASH_WARPS,
    FLASH_KEYS = 64
};

/* Words of shared memory between rows: the 8 rows that a warp reads at once begin 4 banks apart. */
static __host__ __device__ constexpr int flash_stride(int elements)
{
    return elements / 2 + 4;
}

/* Row `token` of part q, k or v (0, 1, 2) of a head: DIM elements, 16-byte aligned. */
template <int DIM>
__device__ __forceinline__ const __nv_bfloat16 *flash_row(const struct attention_args &a, int part,
                                                          int token)
{
    const size_t row = ((size_t)blockIdx.z * a.len + token) * 3 + part;
    return rd<__nv_bfloat16>(a.qkv) + (row * a.heads + blockIdx.y) * DIM;
}

__device__ __forceinline__ unsigned flash_word(const __nv_bfloat16 *p)
{
    return *reinterpret_cast<const unsigned *>(p);
}

/* 8 elements as 4 words, zeros past the last token. */
template <int DIM>
__device__ __forceinline__ uint4 flash_chunk(const struct attention_args &a, int part, int token,
                                             int chunk)
{
    if (token >= a.len)
        return uint4{ 0, 0, 0, 0 };
    return *reinterpret_cast<const uint4 *>(flash_row<DIM>(a, part, token) + chunk * 8);
}

/* Keys [FLASH_KEYS][DIM] as they are, values transposed to [DIM][FLASH_KEYS]: both so that a word
 * holds two neighbours along the sum of their product. */
template <int DIM>
__device__ __forceinline__ void flash_load(const struct attention_args &a, int first,
                                           unsigned *keys, unsigned *values)
{
    for (int i = threadIdx.x; i < FLASH_KEYS * (DIM / 8); i += FLASH_THREADS) {
        const int key = i / (DIM / 8), chunk = i % (DIM / 8);
        const uint4 q = flash_chunk<DIM>(a, 1, first + key, chunk);
        *reinterpret_cast<uint4 *>(keys + key * flash_stride(DIM) + chunk * 4) = q;
    }
    const int pair = threadIdx.x % 32; /* of keys */
    for (int chunk = threadIdx.x / 32; chunk < DIM / 8; chunk += FLASH_WARPS) {
        const uint4 even = flash_chunk<DIM>(a, 2, first + 2 * pair, chunk);
        const uint4 odd = flash_chunk<DIM>(a, 2, first + 2 * pair + 1, chunk);
        const unsigned e[4] = { even.x, even.y, even.z, even.w };
        const unsigned o[4] = { odd.x, odd.y, odd.z, odd.w };
#pragma unroll
        for (int i = 0; i < 4; i++) {
            unsigned *to = values + (chunk * 8 + 2 * i) * flash_stride(FLASH_KEYS) + pair;
            to[0] = (e[i] & 0xffff) | o[i] << 16;
            to[flash_stride(FLASH_KEYS)] = e[i] >> 16 | (o[i] & 0xffff0000u);
        }
    }
}

/* The largest and the sum of the four lanes that share a row. */
__device__ __forceinline__ float flash_max(float v)
{
    v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 1));
    return fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 2));
}

__device__ __forceinline__ float flash_sum(float v)
{
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    return v + __shfl_xor_sync(0xffffffffu, v, 2);
}

/* The A operand of the scores: 16 queries, zeros past the last token. */
template <int DIM>
__device__ __forceinline__ void flash_queries(const struct attention_args &a, int query, int lane,
                                              unsigned (&q)[DIM / 16][4])
{
#pragma unroll
    for (int k = 0; k < DIM / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int token = query + i % 2 * 8;
            q[k][i] =
                token < a.len
                    ? flash_word(flash_row<DIM>(a, 0, token) + k * 16 + i / 2 * 8 + lane % 4 * 2)
                    : 0;
        }
}

/* Scores of 16 queries and the tile's keys, times scale log2(e); -inf past the last token. */
template <int DIM>
__device__ __forceinline__ void flash_scores(const unsigned (&q)[DIM / 16][4], const unsigned *keys,
                                             int first, int len, float scale, int lane,
                                             float (&s)[FLASH_KEYS / 8][4])
{
#pragma unroll
    for (int n = 0; n < FLASH_KEYS / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            s[n][i] = 0;
        const unsigned *row = keys + (n * 8 + lane / 4) * flash_stride(DIM) + lane % 4;
#pragma unroll
        for (int k = 0; k < DIM / 16; k++) {
            const unsigned b[2] = { row[k * 8], row[k * 8 + 4] };
            mma_bf16(s[n], q[k], b);
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
            s[n][i] = first + n * 8 + lane % 4 * 2 + i % 2 < len ? s[n][i] * scale : -INFINITY;
    }
}

/* out += the tile's weights times its values. Two tiles of scores make one A operand of this
 * product. */
template <int DIM>
__device__ __forceinline__ void flash_values(const float (&s)[FLASH_KEYS / 8][4],
                                             const unsigned *values, int lane,
                                             float (&out)[DIM / 8][4])
{
#pragma unroll
    for (int k = 0; k < FLASH_KEYS / 16; k++) {
        const unsigned p[4] = { pack_bf16(s[2 * k][0], s[2 * k][1]),
                                pack_bf16(s[2 * k][2], s[2 * k][3]),
                                pack_bf16(s[2 * k + 1][0], s[2 * k + 1][1]),
                                pack_bf16(s[2 * k + 1][2], s[2 * k + 1][3]) };
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            const unsigned *row =
                values + (n * 8 + lane / 4) * flash_stride(FLASH_KEYS) + k * 8 + lane % 4;
            const unsigned b[2] = { row[0], row[4] };
            mma_bf16(out[n], p, b);
        }
    }
}

/* The two rows of a lane, over their sums. */
template <int DIM>
__device__ __forceinline__ void flash_store(const struct attention_args &a, int query, int lane,
                                            const float (&sum)[2], const float (&out)[DIM / 8][4])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float inv = 1.0f / flash_sum(sum[half]);
        const int token = query + 8 * half;
        if (token >= a.len)
            continue;
        __nv_bfloat16 *to = wr<__nv_bfloat16>(a.out) +
                            (((size_t)blockIdx.z * a.len + token) * a.heads + blockIdx.y) * DIM;
#pragma unroll
        for (int n = 0; n < DIM / 8; n++)
            *reinterpret_cast<unsigned *>(to + n * 8 + lane % 4 * 2) =
                pack_bf16(out[n][2 * half] * inv, out[n][2 * half + 1] * inv);
    }
}

/* Grid: (blocks of queries, heads, images). d[n][i] of a product is row lane / 4 + 8 (i / 2). */
template <int DIM>
static __global__ void __launch_bounds__(FLASH_THREADS)
    flash_kernel(const __grid_constant__ struct attention_args a)
{
    CU_SHARED_ARRAY(unsigned, keys, FLASH_KEYS *flash_stride(DIM));
    CU_SHARED_ARRAY(unsigned, values, DIM *flash_stride(FLASH_KEYS));
    const int lane = threadIdx.x % 32;
    const int query = blockIdx.x * FLASH_QUERIES + threadIdx.x / 32 * 16 + lane / 4;
    const float scale = (float)(a.scale * LOG2E);
    unsigned q[DIM / 16][4];
    flash_queries<DIM>(a, query, lane, q);
    float out[DIM / 8][4] = {}, s[FLASH_KEYS / 8][4];
    float top[2] = { -INFINITY, -INFINITY }, sum[2] = { 0, 0 };
    for (int first = 0; first < a.len; first += FLASH_KEYS) {
        __syncthreads();
        flash_load<DIM>(a, first, keys, values);
        __syncthreads();
        flash_scores<DIM>(q, keys, first, a.len, scale, lane, s);
#pragma unroll
        for (int half = 0; half < 2; half++) { /* rows lane / 4 and lane / 4 + 8 */
            float most = top[half];
#pragma unroll
            for (int n = 0; n < FLASH_KEYS / 8; n++)
                most = fmaxf(most, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
            most = flash_max(most); /* finite: a tile has at least one token */
            const float shrink = exp2_of(top[half] - most);
            top[half] = most;
            sum[half] *= shrink;
#pragma unroll
            for (int n = 0; n < DIM / 8; n++) {
                out[n][2 * half] *= shrink;
                out[n][2 * half + 1] *= shrink;
            }
#pragma unroll
            for (int n = 0; n < FLASH_KEYS / 8; n++)
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    s[n][2 * half + i] = exp2_of(s[n][2 * half + i] - most);
                    sum[half] += s[n][2 * half + i];
                }
        }
        flash_values<DIM>(s, values, lane, out);
    }
    flash_store<DIM>(a, query, lane, sum, out);
}
