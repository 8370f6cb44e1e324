/* cuBLAS and cuBLASLt by plain loops over what the arguments say, in double. Arguments are checked as
 * the libraries do. Switch lt=0 (EVALH_EMULATED): cuBLASLt has no algorithm for anything. */
#include <stdlib.h>

#include <vector>

#include <cublasLt.h>
#include <cuda_bf16.h>

#include "emulator.h"

struct cublasContext {
    cudaStream_t stream;
};

/* C [m, n] = alpha op(A) op(B) + beta C + bias, column-major. */
struct gemm {
    bool ta, tb;
    int64_t m, n, k;
    double alpha, beta;
    const void *a, *b, *c;
    void *d;
    const void *bias; /* [m] or NULL */
    cudaDataType type_a, type_b, type_c, type_bias;
    int64_t lda, ldb, ldc;
    cublasComputeType_t compute;
};

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

static void run_gemm(const gemm &g)
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
            put(g.type_c, g.d, j * g.ldc + i, x);
        }
    }
}

static bool sound(const gemm &g)
{
    return g.m >= 0 && g.n >= 0 && g.k >= 0 && g.lda >= std::max<int64_t>(1, g.ta ? g.k : g.m) &&
           g.ldb >= std::max<int64_t>(1, g.tb ? g.n : g.k) && g.ldc >= std::max<int64_t>(1, g.m) &&
           (g.compute == CUBLAS_COMPUTE_64F) == (g.type_a == CUDA_R_64F) && g.type_a == g.type_b;
}

static double scalar(cublasComputeType_t compute, const void *p)
{
    return compute == CUBLAS_COMPUTE_64F ? *(const double *)p : (double)*(const float *)p;
}

/* ---- cuBLAS ---- */

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
    const gemm g = make(ta, tb, m, n, k, alpha, type_a, lda, type_b, ldb, beta, type_c, ldc, compute);
    if (!sound(g) || count < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    emulated_enqueue(h->stream, [=]() {
        for (int i = 0; i < count; i++) {
            gemm one = g;
            one.a = step(a, type_a, i * stride_a);
            one.b = step(b, type_b, i * stride_b);
            one.c = one.d = (void *)step(c, type_c, i * stride_c);
            run_gemm(one);
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
    return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0,
                                      beta, c, type_c, ldc, 0, 1, compute, algo);
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb,
                                   int m, int n, int k, const void *alpha, const void *const a[],
                                   cudaDataType type_a, int lda, const void *const b[],
                                   cudaDataType type_b, int ldb, const void *beta, void *const c[],
                                   cudaDataType type_c, int ldc, int count,
                                   cublasComputeType_t compute, cublasGemmAlgo_t)
{
    const gemm g = make(ta, tb, m, n, k, alpha, type_a, lda, type_b, ldb, beta, type_c, ldc, compute);
    if (!sound(g) || count < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    emulated_enqueue(h->stream, [=]() { /* the pointers lie in device memory */
        for (int i = 0; i < count; i++) {
            gemm one = g;
            one.a = a[i];
            one.b = b[i];
            one.c = one.d = c[i];
            run_gemm(one);
        }
    });
    return CUBLAS_STATUS_SUCCESS;
}

/* ---- cuBLASLt ---- */

struct cublasLtContext {};
struct cublasLtDesc {
    cublasComputeType_t compute;
    cudaDataType scale;
    cublasOperation_t ta, tb;
    cublasLtEpilogue_t epilogue;
    const void *bias;
    int bias_type; /* -1: as D */
};
struct cublasLtLayout {
    cudaDataType type;
    uint64_t rows, cols;
    int64_t ld;
};
struct cublasLtPreference {
    uint64_t workspace;
    uint32_t align[4]; /* A, B, C, D */
};

cublasStatus_t cublasLtCreate(cublasLtHandle_t *h)
{
    *h = new cublasLtContext();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t h)
{
    delete h;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t compute,
                                        cudaDataType scale)
{
    *d = new cublasLtDesc{ compute, scale, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT,
                           NULL, -1 };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d)
{
    delete d;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t what,
                                              const void *value, size_t size)
{
    const bool pointer = what == CUBLASLT_MATMUL_DESC_BIAS_POINTER;
    if (size != (pointer ? sizeof(void *) : sizeof(int)))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (pointer)
        memcpy(&d->bias, value, size);
    else if (what == CUBLASLT_MATMUL_DESC_TRANSA)
        memcpy(&d->ta, value, size);
    else if (what == CUBLASLT_MATMUL_DESC_TRANSB)
        memcpy(&d->tb, value, size);
    else if (what == CUBLASLT_MATMUL_DESC_EPILOGUE)
        memcpy(&d->epilogue, value, size);
    else
        memcpy(&d->bias_type, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    *l = new cublasLtLayout{ type, rows, cols, ld };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    delete l;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    *p = new cublasLtPreference{ 0, { 256, 256, 256, 256 } };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    delete p;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t what,
                                                    const void *value, size_t size)
{
    const bool workspace = what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    if (size != (workspace ? sizeof(uint64_t) : sizeof(uint32_t)))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (workspace)
        memcpy(&p->workspace, value, size);
    else
        memcpy(&p->align[what - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, size);
    return CUBLAS_STATUS_SUCCESS;
}

static gemm make_lt(const cublasLtDesc *d, const cublasLtLayout *a, const cublasLtLayout *b,
                    const cublasLtLayout *c)
{
    gemm g = {};
    g.ta = d->ta == CUBLAS_OP_T;
    g.tb = d->tb == CUBLAS_OP_T;
    g.m = c->rows;
    g.n = c->cols;
    g.k = g.ta ? a->rows : a->cols;
    g.type_a = a->type;
    g.type_b = b->type;
    g.type_c = c->type;
    g.type_bias = d->bias_type < 0 ? c->type : (cudaDataType)d->bias_type;
    g.lda = a->ld;
    g.ldb = b->ld;
    g.ldc = c->ld;
    g.compute = d->compute;
    return g;
}

/* Shapes that belong together, types that the documentation lists. */
static bool sound_lt(const cublasLtDesc *d, const cublasLtLayout *a, const cublasLtLayout *b,
                     const cublasLtLayout *c)
{
    const gemm g = make_lt(d, a, b, c);
    const int64_t rows_a = g.ta ? a->cols : a->rows;
    const int64_t rows_b = g.tb ? b->cols : b->rows, cols_b = g.tb ? b->rows : b->cols;
    const bool narrow = a->type == CUDA_R_16BF;
    return sound(g) && rows_a == g.m && rows_b == g.k && cols_b == g.n && d->scale == CUDA_R_32F &&
           (narrow ? c->type == CUDA_R_32F || c->type == CUDA_R_16BF : c->type == CUDA_R_32F) &&
           g.type_bias == c->type && (!narrow || d->compute == CUBLAS_COMPUTE_32F) &&
           g.lda >= (int64_t)a->rows && g.ldb >= (int64_t)b->rows;
}

/* What an algorithm was chosen for: another product must not use it. */
static cublasLtMatmulAlgo_t stamp(const cublasLtDesc *d, const cublasLtLayout *a,
                                  const cublasLtLayout *b, const cublasLtLayout *c,
                                  const uint32_t align[4])
{
    cublasLtMatmulAlgo_t s = {};
    s.data[0] = c->rows << 32 | c->cols;
    s.data[1] = (uint64_t)a->ld << 32 | (uint64_t)b->ld;
    s.data[2] = (uint64_t)c->ld << 32 | (uint64_t)(d->ta * 2 + d->tb) << 8 | d->epilogue;
    s.data[3] = (uint64_t)a->type << 40 | (uint64_t)b->type << 32 | (uint64_t)c->type << 16 |
                (uint64_t)d->compute;
    s.data[4] = a->rows << 32 | a->cols;
    s.data[5] = (uint64_t)align[0] << 48 | (uint64_t)align[1] << 32 | (uint64_t)align[2] << 16 |
                align[3];
    s.data[6] = b->rows;
    s.data[7] = 0x65766c68;
    return s;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t p, int wanted,
                                              cublasLtMatmulHeuristicResult_t result[], int *got)
{
    *got = 0;
    if (emulated_option("lt", 1) == 0 || wanted < 1)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (!sound_lt(d, a, b, c) || (d->epilogue == CUBLASLT_EPILOGUE_BIAS && d->bias == NULL))
        return CUBLAS_STATUS_INVALID_VALUE;
    result[0] = {};
    result[0].algo = stamp(d, a, b, c, p->align);
    *got = 1;
    return CUBLAS_STATUS_SUCCESS;
}

static bool aligned(const void *p, uint64_t bytes)
{
    return bytes != 0 && (uintptr_t)p % bytes == 0;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t la, const void *b,
                              cublasLtMatrixLayout_t lb, const void *beta, const void *c,
                              cublasLtMatrixLayout_t lc, void *out, cublasLtMatrixLayout_t,
                              const cublasLtMatmulAlgo_t *algo, void *, size_t, cudaStream_t stream)
{
    if (!sound_lt(d, la, lb, lc))
        return CUBLAS_STATUS_INVALID_VALUE;
    const uint64_t need = algo->data[5];
    const uint32_t align[4] = { (uint32_t)(need >> 48), (uint32_t)(need >> 32 & 0xffff),
                                (uint32_t)(need >> 16 & 0xffff), (uint32_t)(need & 0xffff) };
    const cublasLtMatmulAlgo_t want = stamp(d, la, lb, lc, align);
    if (memcmp(&want, algo, sizeof want) != 0)
        emulated_fail("cublasLtMatmul: the algorithm was chosen for another product");
    if (!aligned(a, align[0]) || !aligned(b, align[1]) || !aligned(c, align[2]) ||
        !aligned(out, align[3]))
        emulated_fail("cublasLtMatmul: pointers are less aligned than the algorithm was told");
    gemm g = make_lt(d, la, lb, lc);
    g.alpha = *(const float *)alpha;
    g.beta = *(const float *)beta;
    g.a = a;
    g.b = b;
    g.c = c;
    g.d = out;
    g.bias = d->epilogue == CUBLASLT_EPILOGUE_BIAS ? d->bias : NULL;
    emulated_enqueue(stream, [g]() { run_gemm(g); });
    return CUBLAS_STATUS_SUCCESS;
}
