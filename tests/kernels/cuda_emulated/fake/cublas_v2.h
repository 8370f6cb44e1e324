/* In place of NVIDIA's header: the part of cuBLAS that kernels/cuda uses (blas.cc). */
#pragma once

#include <cuda_runtime.h>

#define EMULATED_BLAS_STATUS(S)                                                                    \
    S(CUBLAS_STATUS_SUCCESS, 0)                                                                    \
    S(CUBLAS_STATUS_NOT_INITIALIZED, 1)                                                            \
    S(CUBLAS_STATUS_ALLOC_FAILED, 3)                                                               \
    S(CUBLAS_STATUS_INVALID_VALUE, 7)                                                              \
    S(CUBLAS_STATUS_EXECUTION_FAILED, 13)                                                          \
    S(CUBLAS_STATUS_NOT_SUPPORTED, 15)
typedef enum {
#define EMULATED_ENUM(name, value) name = value,
    EMULATED_BLAS_STATUS(EMULATED_ENUM)
#undef EMULATED_ENUM
} cublasStatus_t;
typedef enum { CUBLAS_OP_N, CUBLAS_OP_T } cublasOperation_t;
typedef enum { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16BF = 14 } cudaDataType;
typedef cudaDataType cudaDataType_t;
typedef enum {
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_64F = 70,
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77
} cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1 } cublasGemmAlgo_t;
typedef struct cublasContext *cublasHandle_t;

const char *cublasGetStatusName(cublasStatus_t);
const char *cublasGetStatusString(cublasStatus_t);
cublasStatus_t cublasCreate(cublasHandle_t *);
cublasStatus_t cublasDestroy(cublasHandle_t);
cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t);
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t);
cublasStatus_t cublasGemmEx(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *a, cudaDataType, int lda,
                            const void *b, cudaDataType, int ldb, const void *beta, void *c,
                            cudaDataType, int ldc, cublasComputeType_t, cublasGemmAlgo_t);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t, cublasOperation_t ta,
                                          cublasOperation_t tb, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType, int lda,
                                          long long stride_a, const void *b, cudaDataType, int ldb,
                                          long long stride_b, const void *beta, void *c,
                                          cudaDataType, int ldc, long long stride_c, int count,
                                          cublasComputeType_t, cublasGemmAlgo_t);
cublasStatus_t cublasGemmBatchedEx(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb,
                                   int m, int n, int k, const void *alpha, const void *const a[],
                                   cudaDataType, int lda, const void *const b[], cudaDataType,
                                   int ldb, const void *beta, void *const c[], cudaDataType,
                                   int ldc, int count, cublasComputeType_t, cublasGemmAlgo_t);
