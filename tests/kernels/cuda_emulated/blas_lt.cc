/* cuBLASLt over gemm.cc. Arguments are checked as the library does, and an algorithm is for the
 * product that it was chosen for. Switch lt=0 (EVALH_EMULATED): there is no algorithm for any. */
#include <string.h>

#include <cublasLt.h>

#include "emulator.h"
#include "gemm.h"

struct cublasLtContext {
};
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
                           NULL,    -1 };
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

static bool adds_bias(const cublasLtDesc *d)
{
    return d->epilogue == CUBLASLT_EPILOGUE_BIAS || d->epilogue == CUBLASLT_EPILOGUE_GELU_BIAS;
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
    return emulated_gemm_sound(g) && rows_a == g.m && rows_b == g.k && cols_b == g.n &&
           d->scale == CUDA_R_32F &&
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
    s.data[5] =
        (uint64_t)align[0] << 48 | (uint64_t)align[1] << 32 | (uint64_t)align[2] << 16 | align[3];
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
    if (!sound_lt(d, a, b, c) || (adds_bias(d) && d->bias == NULL))
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
    g.bias = adds_bias(d) ? d->bias : NULL;
    g.gelu = d->epilogue == CUBLASLT_EPILOGUE_GELU || d->epilogue == CUBLASLT_EPILOGUE_GELU_BIAS;
    emulated_enqueue(stream, [g]() { emulated_gemm(g); });
    return CUBLAS_STATUS_SUCCESS;
}
