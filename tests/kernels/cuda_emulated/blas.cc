/* cuBLAS over gemm.cc. Arguments are checked as the library does. */
#include "emulator.h"
#include "gemm.h"

struct cublasContext {
    cudaStream_t stream;
};

const char *cublasGetStatusName(cublasStatus_t s)
{
    switch (s) {
#define EMULATED_CASE(name, value)                                                                 \
    case name:                                                                                     \
        return #name;
        EMULATED_BLAS_STATUS(EMULATED_CASE)
#undef EMULATED_CASE
    }
    return "?";
}

const char *cublasGetStatusString(cublasStatus_t s)
{
    return cublasGetStatusName(s);
}

cublasStatus_t cublasCreate(cublasHandle_t *h)
{
    *h = new cublasContext();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t h)
{
    delete h;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t h, cudaStream_t s)
{
    h->stream = s;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

static double scalar(cublasComputeType_t compute, const void *p)
{
    return compute == CUBLAS_COMPUTE_64F ? *(const double *)p : (double)*(const float *)p;
}

static gemm make(cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const void *alpha,
                 cudaDataType type_a, int lda, cudaDataType type_b, int ldb, const void *beta,
                 cudaDataType type_c, int ldc, cublasComputeType_t compute)
{
    gemm g = {};
    g.ta = ta == CUBLAS_OP_T;
    g.tb = tb == CUBLAS_OP_T;
    g.m = m;
    g.n = n;
    g.k = k;
    g.alpha = scalar(compute, alpha);
    g.beta = scalar(compute, beta);
    g.type_a = type_a;
    g.type_b = type_b;
    g.type_c = type_c;
    g.lda = lda;
    g.ldb = ldb;
    g.ldc = ldc;
    g.compute = compute;
    return g;
}

static const void *step(const void *p, cudaDataType type, long long elements)
{
    return (const char *)p + elements * (type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta,
                                          cublasOperation_t tb, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType type_a,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType type_b, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType type_c, int ldc,
                                          long long stride_c, int count,
                                          cublasComputeType_t compute, cublasGemmAlgo_t)
{
    const gemm g =
        make(ta, tb, m, n, k, alpha, type_a, lda, type_b, ldb, beta, type_c, ldc, compute);
    if (!emulated_gemm_sound(g) || count < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    emulated_enqueue(h->stream, [=]() {
        for (int i = 0; i < count; i++) {
            gemm one = g;
            one.a = step(a, type_a, i * stride_a);
            one.b = step(b, type_b, i * stride_b);
            one.c = one.d = (void *)step(c, type_c, i * stride_c);
            emulated_gemm(one);
        }
    });
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *a, cudaDataType type_a,
                            int lda, const void *b, cudaDataType type_b, int ldb, const void *beta,
                            void *c, cudaDataType type_c, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algo)
{
    return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb,
                                      0, beta, c, type_c, ldc, 0, 1, compute, algo);
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb,
                                   int m, int n, int k, const void *alpha, const void *const a[],
                                   cudaDataType type_a, int lda, const void *const b[],
                                   cudaDataType type_b, int ldb, const void *beta, void *const c[],
                                   cudaDataType type_c, int ldc, int count,
                                   cublasComputeType_t compute, cublasGemmAlgo_t)
{
    const gemm g =
        make(ta, tb, m, n, k, alpha, type_a, lda, type_b, ldb, beta, type_c, ldc, compute);
    if (!emulated_gemm_sound(g) || count < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    emulated_enqueue(h->stream, [=]() { /* the pointers lie in device memory */
                                        for (int i = 0; i < count; i++) {
                                            gemm one = g;
                                            one.a = a[i];
                                            one.b = b[i];
                                            one.c = one.d = c[i];
                                            emulated_gemm(one);
                                        }
    });
    return CUBLAS_STATUS_SUCCESS;
}
