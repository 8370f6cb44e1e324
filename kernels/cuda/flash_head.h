/* Attention of narrow arrays, a head a block: its keys and values come to shared memory once, as
 * they lie in device memory, and ldmatrix hands them out as operands (the values transposed). A
 * warp takes 16 queries at a time and goes over the keys in passes of HEAD_PASS tiles of 16, all of
 * whose scores are in registers: 197 keys are two passes, and tiles past the last key are left out.
 *
 * For 512 images of DeiT-S (6 heads, 197 tokens, 64 wide) it moves 310 MB (0.103 ms at 3.0 TB/s)
 * and takes, by nvdisasm, 40 million warp instructions (0.043 ms of an H100's issue slots). */
#pragma once

#include "async.h"
#include "flash.h"

enum {
    HEAD_WARPS = 4,
    HEAD_THREADS = 32 * HEAD_WARPS,
    HEAD_PASS = 7,            /* tiles of 16 keys: 56 registers of scores */
    HEAD_SHARED = 224 * 1024, /* bytes that a block may have */
};

/* Elements between rows: an odd number of 16 bytes, so that the 8 rows that ldmatrix reads at once
 * lie in other banks. */
static __host__ __device__ constexpr int head_stride(int dim)
{
    return dim + 8;
}

static __host__ __device__ __forceinline__ int head_tiles(int len)
{
    return (len + 15) / 16;
}

static inline size_t head_shared(int len, int dim)
{
    return (size_t)2 * 16 * head_tiles(len) * head_stride(dim) * sizeof(__nv_bfloat16);
}

/* Keys, then values: [tiles * 16, DIM] each, zeros past the last token. */
template <int DIM>
__device__ __forceinline__ void head_load(const struct attention_args &a, __nv_bfloat16 *to)
{
    const int rows = 16 * head_tiles(a.len);
    const size_t ld = (size_t)3 * a.heads * DIM; /* between tokens of qkv */
    const __nv_bfloat16 *from = flash_row<DIM>(a, 1, 0);
    for (int i = threadIdx.x; i < rows * (DIM / 8); i += HEAD_THREADS) {
        const int row = i / (DIM / 8), chunk = i % (DIM / 8) * 8;
        const bool valid = row < a.len;
        const __nv_bfloat16 *key = from + (valid ? row : 0) * ld + chunk;
        copy_async16(to + row * head_stride(DIM) + chunk, key, valid);
        copy_async16(to + (rows + row) * head_stride(DIM) + chunk, key + a.heads * DIM, valid);
    }
}

/* Scores of 16 queries and 16 keys, unscaled. */
template <int DIM>
__device__ __forceinline__ void head_scores(const unsigned (&q)[DIM / 16][4],
                                            const __nv_bfloat16 *keys, int lane, float (&s)[2][4])
{
    const __nv_bfloat16 *row =
        keys + (lane / 16 * 8 + lane % 8) * head_stride(DIM) + lane / 8 % 2 * 8;
#pragma unroll
    for (int i = 0; i < 8; i++)
        s[i / 4][i % 4] = 0;
#pragma unroll
    for (int k = 0; k < DIM / 16; k++) {
        unsigned b[4];
        load_matrices<false>(b, row + 16 * k);
        const unsigned low[2] = { b[0], b[1] }, high[2] = { b[2], b[3] };
        mma_bf16(s[0], q[k], low);
        mma_bf16(s[1], q[k], high);
    }
}

/* out += the weights of 16 keys times their values. */
template <int DIM>
__device__ __forceinline__ void head_values(const float (&s)[2][4], const __nv_bfloat16 *values,
                                            int lane, float (&out)[DIM / 8][4])
{
    const __nv_bfloat16 *row = values + lane % 16 * head_stride(DIM) + lane / 16 * 8;
    const unsigned p[4] = { pack_bf16(s[0][0], s[0][1]), pack_bf16(s[0][2], s[0][3]),
                            pack_bf16(s[1][0], s[1][1]), pack_bf16(s[1][2], s[1][3]) };
#pragma unroll
    for (int n = 0; n < DIM / 8; n += 2) {
        unsigned b[4];
        load_matrices<true>(b, row + 8 * n);
        const unsigned low[2] = { b[0], b[1] }, high[2] = { b[2], b[3] };
        mma_bf16(out[n], p, low);
        mma_bf16(out[n + 1], p, high);
    }
}

/* Running maxima and sums of a lane's two rows, lane / 4 and lane / 4 + 8. */
struct head_rows {
    float top[2], sum[2];
};

/* Scores become weights around the rows' new maxima; what is there is rescaled. */
template <int DIM, int TILES>
__device__ __forceinline__ void head_weights(struct head_rows &r, float (&s)[TILES][2][4],
                                             float scale, float (&out)[DIM / 8][4])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = r.top[half], sum = 0;
#pragma unroll
        for (int i = 0; i < 4 * TILES; i++)
            most = fmaxf(most, s[i / 4][i / 2 % 2][2 * half + i % 2]);
        most = flash_max(most); /* finite: a pass has at least one token */
        const float shrink = exp2_of((r.top[half] - most) * scale), shift = -most * scale;
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            out[n][2 * half] *= shrink;
            out[n][2 * half + 1] *= shrink;
        }
#pragma unroll
        for (int i = 0; i < 4 * TILES; i++) {
            float &v = s[i / 4][i / 2 % 2][2 * half + i % 2];
            v = exp2_of(fmaf(v, scale, shift));
            sum += v;
        }
        r.top[half] = most;
        r.sum[half] = fmaf(r.sum[half], shrink, sum);
    }
}

/* Of 16 queries and TILES tiles of keys, the last of which has `left` tokens. */
template <int DIM, int TILES>
__device__ __forceinline__ void
head_pass(const unsigned (&q)[DIM / 16][4], const __nv_bfloat16 *keys, const __nv_bfloat16 *values,
          int left, float scale, int lane, struct head_rows &r, float (&out)[DIM / 8][4])
{
    float s[TILES][2][4];
#pragma unroll
    for (int k = 0; k < TILES; k++)
        head_scores<DIM>(q, keys + k * 16 * head_stride(DIM), lane, s[k]);
    if (left < 16)
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (i / 4 * 8 + lane % 4 * 2 + i % 2 >= left)
                s[TILES - 1][i / 4][i % 4] = -INFINITY;
    head_weights<DIM, TILES>(r, s, scale, out);
#pragma unroll
    for (int k = 0; k < TILES; k++)
        head_values<DIM>(s[k], values + k * 16 * head_stride(DIM), lane, out);
}

/* Grid: (1, heads, images). */
template <int DIM>
static __global__ void __launch_bounds__(HEAD_THREADS, 3)
    flash_head_kernel(const __grid_constant__ struct attention_args a)
{
    CU_SHARED_DYNAMIC(__nv_bfloat16, keys);
    const int lane = threadIdx.x % 32, tiles = head_tiles(a.len);
    const int to_values = 16 * tiles * head_stride(DIM);
    const float scale = (float)(a.scale * LOG2E);
    head_load<DIM>(a, keys);
    copies_done();
    __syncthreads();
    /* a shuffle, so that the compiler knows it to be the same for all lanes */
    for (int own = __shfl_sync(0xffffffffu, (int)threadIdx.x / 32, 0); own < tiles;
         own += HEAD_WARPS) {
        const int query = own * 16 + lane / 4;
        unsigned q[DIM / 16][4];
        float out[DIM / 8][4] = {};
        struct head_rows r = { { -INFINITY, -INFINITY }, { 0, 0 } };
        flash_queries<DIM>(a, query, lane, q);
        for (int first = 0; first < tiles; first += HEAD_PASS) {
            const int here = min((int)HEAD_PASS, tiles - first);
            const int left = a.len - 16 * (first + here - 1);
            const __nv_bfloat16 *k = keys + 16 * first * head_stride(DIM), *v = k + to_values;
#define HEAD_CASE(count)                                                                           \
    case count:                                                                                    \
        head_pass<DIM, count>(q, k, v, left, scale, lane, r, out);                                 \
        break
            switch (here) {
                HEAD_CASE(1);
                HEAD_CASE(2);
                HEAD_CASE(3);
                HEAD_CASE(4);
                HEAD_CASE(5);
                HEAD_CASE(6);
                HEAD_CASE(7);
            }
#undef HEAD_CASE
        }
        flash_store<DIM>(a, query, lane, r.sum, out);
    }
}
