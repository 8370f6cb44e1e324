/* The product that cuBLAS (blas.cc) and cuBLASLt (blas_lt.cc) both come down to (gemm.cc). */
#pragma once

#include <cublas_v2.h>

/* C [m, n] = alpha op(A) op(B) + beta C + bias, column-major. */
struct gemm {
    bool ta, tb;
    int64_t m, n, k;
    double alpha, beta;
    const void *a, *b, *c;
    void *d;
    const void *bias; /* [m] or NULL */
    bool gelu;        /* of the sum, the tanh form */
    cudaDataType type_a, type_b, type_c, type_bias;
    int64_t lda, ldb, ldc;
    cublasComputeType_t compute;
};

/* Sizes, strides and types that fit together. */
bool emulated_gemm_sound(const gemm &);
/* Computes it, in double; to be run as device work. */
void emulated_gemm(const gemm &);
