/* One product of a warp's tensor cores: D [16, 8] += A [16, 16] B [16, 8], bf16 with float sums.
 * Where the elements lie among the lanes (PTX ISA, mma.m16n8k16), with g = lane / 4 and t = lane %
 * 4: a[0], a[1]: rows g, g + 8, columns 2t, 2t + 1;  a[2], a[3]: the same rows, columns 2t + 8, 2t
 * + 9 b[0], b[1]: rows 2t, 2t + 1 and 2t + 8, 2t + 9, column g d[0], d[1]: row g, columns 2t, 2t +
 * 1;          d[2], d[3]: row g + 8 The first of a pair is the lower half of its word. */
#pragma once

#include <cuda_bf16.h>

#include "cu.h"

#ifdef __CUDACC__
__device__ __forceinline__ void mma_bf16(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* The same for tf32, D [16, 8] += A [16, 8] B [8, 8]: the lower 13 bits of a word do not count.
 *     a[0], a[1]: rows g, g + 8, column t;  a[2], a[3]: the same rows, column t + 4
 *     b[0], b[1]: rows t, t + 4, column g;  d as above */
__device__ __forceinline__ void mma_tf32(float (&d)[4], const float (&a)[4], const float (&b)[2])
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}

/* Four matrices of 8 x 8 words of 16 bits from shared memory: lane i gives the address of row i % 8
 * of matrix i / 8, 16 bytes, aligned. It gets of each its row lane / 4, columns 2 (lane % 4) and
 * the next; or, transposed, rows 2 (lane % 4) and the next, column lane / 4. */
template <bool TRANSPOSED>
__device__ __forceinline__ void load_matrices(unsigned (&m)[4], const void *row)
{
    const unsigned at = (unsigned)__cvta_generic_to_shared(row);
    if (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                     : "r"(at)
                     : "memory");
}

/* x to tf32's 11 bits, the nearest; ties away from 0. */
__device__ __forceinline__ float tf32_of(float x)
{
    unsigned y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return __uint_as_float(y);
}
#endif

__device__ __forceinline__ unsigned pack_bf16(float low, float high)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    unsigned word;
    memcpy(&word, &pair, sizeof word);
    return word;
}
