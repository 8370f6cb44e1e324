/* Products of weights through cuBLASLt: fp32, tf32, or bf16 with fp32 accumulation and results; the
 * bias and what y holds are added in the library's epilogue. An algorithm is asked for once per
 * shape and kept. */
#include "linear.h"

#include <cuda_bf16.h>
#include <stdlib.h>
#include <string.h>

enum { PLANS = 256, THREADS = 128, PER_THREAD = 4 };

/* What an algorithm depends on. Compared as bytes: cleared before it is filled in. */
struct lt_key {
    int rows, ins, outs, back, bias, narrow_y, gelu, tf32;
    int align_x, align_y, align_bias; /* bytes; W is as cudaMalloc gives it */
    size_t ldw, ldx, ldy;
};

struct lt_plan {
    struct lt_key key;
    bool none; /* the library has no algorithm for this */
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algo;
};

struct lt_cache {
    int used, next; /* next: the one that gives way when all are used */
    struct lt_plan plan[PLANS];
};

static void plan_clear(struct lt_plan *p)
{
    if (p->desc != NULL)
        cublasLtMatmulDescDestroy(p->desc);
    if (p->w != NULL)
        cublasLtMatrixLayoutDestroy(p->w);
    if (p->x != NULL)
        cublasLtMatrixLayoutDestroy(p->x);
    if (p->y != NULL)
        cublasLtMatrixLayoutDestroy(p->y);
    memset(p, 0, sizeof *p);
}

void cu_lt_free(struct lt_cache *cache)
{
    for (int i = 0; cache != NULL && i < cache->used; i++)
        plan_clear(&cache->plan[i]);
    free(cache);
}

/* The largest power of two, up to 256, that divides the address. */
static int alignment(const void *p)
{
    int a = 256;
    while ((uintptr_t)p % a != 0)
        a /= 2;
    return a;
}

template <typename V>
static bool set_desc(struct backend *be, cublasLtMatmulDesc_t desc,
                     cublasLtMatmulDescAttributes_t what, V value)
{
    return CU_TRY_BLAS(be, cublasLtMatmulDescSetAttribute(desc, what, &value, sizeof value));
}

static cublasLtEpilogue_t epilogue_of(const struct product *p)
{
    if (p->gelu)
        return p->bias != NULL ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    return p->bias != NULL ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

/* The column-major view: yᵀ [outs, rows] = op(W) xᵀ, W as stored being [in, out] with ldw. */
static bool make_layouts(struct backend *be, const struct product *p, struct lt_plan *plan)
{
    const bool bf16 = be->precision == PRECISION_BF16;
    const cublasComputeType_t compute = p->tf32 || be->precision == PRECISION_TF32
                                            ? CUBLAS_COMPUTE_32F_FAST_TF32
                                            : CUBLAS_COMPUTE_32F;
    const cudaDataType in = bf16 ? CUDA_R_16BF : CUDA_R_32F;
    const int w_rows = p->back ? p->outs : p->ins, w_cols = p->back ? p->ins : p->outs;
    return CU_TRY_BLAS(be, cublasLtMatmulDescCreate(&plan->desc, compute, CUDA_R_32F)) &&
           set_desc(be, plan->desc, CUBLASLT_MATMUL_DESC_TRANSA,
                    p->back ? CUBLAS_OP_N : CUBLAS_OP_T) &&
           set_desc(be, plan->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p)) &&
           (p->bias == NULL || /* the heuristic looks at it, too */
            set_desc(be, plan->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p->bias)) &&
           CU_TRY_BLAS(be, cublasLtMatrixLayoutCreate(&plan->w, in, w_rows, w_cols, p->ldw)) &&
           CU_TRY_BLAS(be, cublasLtMatrixLayoutCreate(&plan->x, in, p->ins, p->rows, p->ldx)) &&
           CU_TRY_BLAS(be,
                       cublasLtMatrixLayoutCreate(&plan->y, p->narrow_y ? CUDA_R_16BF : CUDA_R_32F,
                                                  p->outs, p->rows, p->ldy));
}

/* Asks for the library's best guess. No algorithm is no error: `none` is set. */
static bool find_algorithm(struct backend *be, struct lt_plan *plan)
{
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t found;
    const uint64_t workspace = CU_WORKSPACE;
    const uint32_t a = 256, b = plan->key.align_x, c = plan->key.align_y;
    int count = 0;
    if (!CU_TRY_BLAS(be, cublasLtMatmulPreferenceCreate(&wish)))
        return false;
    const struct {
        cublasLtMatmulPreferenceAttributes_t what;
        const void *value;
        size_t size;
    } wishes[] = {
        { CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &a, sizeof a },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &b, sizeof b },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &c, sizeof c },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &c, sizeof c },
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
        ok = ok && CU_TRY_BLAS(be, cublasLtMatmulPreferenceSetAttribute(
                                       wish, wishes[i].what, wishes[i].value, wishes[i].size));
    if (ok) {
        const cublasStatus_t s = cublasLtMatmulAlgoGetHeuristic(
            cu_of(be)->lt, plan->desc, plan->w, plan->x, plan->y, plan->y, wish, 1, &found, &count);
        plan->none =
            s != CUBLAS_STATUS_SUCCESS || count == 0 || found.state != CUBLAS_STATUS_SUCCESS;
        if (!plan->none)
            plan->algo = found.algo;
    }
    cublasLtMatmulPreferenceDestroy(wish);
    return ok;
}

/* The plan for p, made where there is none; NULL after an error. */
static struct lt_plan *plan_for(struct backend *be, const struct product *p)
{
    struct cu *cu = cu_of(be);
    if (cu->lt_cache == NULL) {
        cu->lt_cache = (struct lt_cache *)calloc(1, sizeof *cu->lt_cache);
        if (cu->lt_cache == NULL) {
            fail(&be->failed, E_NOMEM, "out of memory: shapes of matrix products");
            return NULL;
        }
    }
    struct lt_cache *cache = cu->lt_cache;
    struct lt_key key;
    memset(&key, 0, sizeof key);
    key.rows = p->rows;
    key.ins = p->ins;
    key.outs = p->outs;
    key.back = p->back;
    key.bias = p->bias != NULL;
    key.narrow_y = p->narrow_y;
    key.gelu = p->gelu;
    key.tf32 = p->tf32;
    key.align_x = alignment(p->x);
    key.align_y = alignment(p->y);
    key.align_bias = p->bias != NULL ? alignment(p->bias) : 256;
    key.ldw = p->ldw;
    key.ldx = p->ldx;
    key.ldy = p->ldy;
    for (int i = 0; i < cache->used; i++)
        if (memcmp(&cache->plan[i].key, &key, sizeof key) == 0)
            return &cache->plan[i];
    struct lt_plan *plan = &cache->plan[cache->next];
    cache->used = cache->next + 1 > cache->used ? cache->next + 1 : cache->used;
    cache->next = (cache->next + 1) % PLANS;
    plan_clear(plan);
    plan->key = key;
    if (make_layouts(be, p, plan) && find_algorithm(be, plan))
        return plan;
    plan_clear(plan); /* rows = 0 matches nothing */
    return NULL;
}

/* to [rows, ld] = from [rows, cols] with ldfrom, rounded to bf16; the padding is 0. Grid: (rows,
 * parts of them). */
static __global__ void narrow_kernel(const float *from, size_t ldfrom, __nv_bfloat16 *to, size_t ld,
                                     int cols)
{
    const size_t row = blockIdx.x, first = (size_t)blockIdx.y * THREADS * PER_THREAD + threadIdx.x;
    float v[PER_THREAD];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const size_t col = first + (size_t)k * THREADS;
        v[k] = col < (size_t)cols ? from[row * ldfrom + col] : 0.0f;
    }
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const size_t col = first + (size_t)k * THREADS;
        if (col < ld)
            to[row * ld + col] = __float2bfloat16(v[k]);
    }
}

void cu_narrow(struct backend *be, const float *from, size_t ldfrom, __nv_bfloat16 *to, size_t ld,
               size_t rows, int cols)
{
    CU_LAUNCH(be, narrow_kernel, dim3((unsigned)rows, cu_blocks(ld, THREADS * PER_THREAD)), THREADS,
              0, from, ldfrom, to, ld, cols);
}

/* x in bf16, in scratch. */
static bool narrow_input(struct backend *be, struct product *p)
{
    const size_t ld = round_up((size_t)p->ins, BF16_PAD), count = (size_t)p->rows * ld;
    __nv_bfloat16 *to = (__nv_bfloat16 *)cu_scratch(be, SLOT_GEMM, count * sizeof(__nv_bfloat16));
    if (to == NULL)
        return false;
    cu_narrow(be, (const float *)p->x, p->ldx, to, ld, (size_t)p->rows, p->ins);
    p->x = to;
    p->ldx = ld;
    return true;
}

/* The library wants a bias of y's type: in scratch, too. */
static bool narrow_bias(struct backend *be, struct product *p)
{
    const size_t outs = (size_t)p->outs;
    __nv_bfloat16 *to = (__nv_bfloat16 *)cu_scratch(be, SLOT_BIAS, outs * sizeof(__nv_bfloat16));
    if (to == NULL)
        return false;
    cu_narrow(be, (const float *)p->bias, outs, to, outs, 1, p->outs);
    p->bias = to;
    return true;
}

bool cu_lt_run(struct backend *be, const struct product *given)
{
    struct product p = *given;
    if (be->precision == PRECISION_BF16 && !p.narrow_x && !narrow_input(be, &p))
        return false;
    if (p.narrow_y && p.bias != NULL && !narrow_bias(be, &p))
        return false;
    struct lt_plan *plan = plan_for(be, &p);
    if (plan == NULL || plan->none)
        return false;
    const float alpha = 1, beta = p.accumulate;
    if (p.bias != NULL && !set_desc(be, plan->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias))
        return false;
    struct cu *cu = cu_of(be);
    return CU_TRY_BLAS(be, cublasLtMatmul(cu->lt, plan->desc, &alpha, p.w, plan->w, p.x, plan->x,
                                          &beta, p.y, plan->y, p.y, plan->y, &plan->algo,
                                          cu->workspace, CU_WORKSPACE, cu->stream));
}
