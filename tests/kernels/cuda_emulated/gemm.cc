/* A matrix product by plain loops over what the arguments say, in double. */
#include <math.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include <cuda_bf16.h>

#include "gemm.h"

static double get(cudaDataType type, const void *p, int64_t i)
{
    return type == CUDA_R_64F   ? ((const double *)p)[i]
           : type == CUDA_R_32F ? (double)((const float *)p)[i]
                                : (double)(float)((const __nv_bfloat16 *)p)[i];
}

static void put(cudaDataType type, void *p, int64_t i, double x)
{
    if (type == CUDA_R_64F)
        ((double *)p)[i] = x;
    else if (type == CUDA_R_32F)
        ((float *)p)[i] = (float)x;
    else
        ((__nv_bfloat16 *)p)[i] = __nv_bfloat16((float)x);
}

/* An operand as tensor cores see it: tf32 keeps 10 bits of the fraction. */
static double operand(const gemm &g, cudaDataType type, const void *p, int64_t i)
{
    double x = get(type, p, i);
    if (g.compute != CUBLAS_COMPUTE_32F_FAST_TF32)
        return x;
    float f = (float)x;
    unsigned bits = __float_as_uint(f);
    bits = (bits + 0x0fff + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* As cuBLASLt documents it. */
static double gelu_by_tanh(double x)
{
    return x / 2 * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

void emulated_gemm(const gemm &g)
{
    std::vector<double> a(g.m * g.k), column(g.m);
    for (int64_t p = 0; p < g.k; p++)
        for (int64_t i = 0; i < g.m; i++)
            a[p * g.m + i] = operand(g, g.type_a, g.a, g.ta ? i * g.lda + p : p * g.lda + i);
    for (int64_t j = 0; j < g.n; j++) {
        std::fill(column.begin(), column.end(), 0.0);
        for (int64_t p = 0; p < g.k; p++) {
            const double b = operand(g, g.type_b, g.b, g.tb ? p * g.ldb + j : j * g.ldb + p);
            for (int64_t i = 0; i < g.m; i++)
                column[i] += a[p * g.m + i] * b;
        }
        for (int64_t i = 0; i < g.m; i++) { /* beta 0: C is not read, as the libraries promise */
            double x = g.alpha * column[i];
            x += g.beta != 0 ? g.beta * get(g.type_c, g.c, j * g.ldc + i) : 0;
            x += g.bias != NULL ? get(g.type_bias, g.bias, i) : 0;
            put(g.type_c, g.d, j * g.ldc + i, g.gelu ? gelu_by_tanh(x) : x);
        }
    }
}

bool emulated_gemm_sound(const gemm &g)
{
    return g.m >= 0 && g.n >= 0 && g.k >= 0 && g.lda >= std::max<int64_t>(1, g.ta ? g.k : g.m) &&
           g.ldb >= std::max<int64_t>(1, g.tb ? g.n : g.k) && g.ldc >= std::max<int64_t>(1, g.m) &&
           (g.compute == CUBLAS_COMPUTE_64F) == (g.type_a == CUDA_R_64F) && g.type_a == g.type_b;
}
