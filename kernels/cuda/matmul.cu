/* Batched products through cuBLAS, whose matrices are column-major: a row-major C = A B is the
 * column-major Cᵀ = Bᵀ Aᵀ, with the same memory and the same leading dimensions. */
#include "num.h"

/* Pointers to every matrix of a batch, for strides that are not one step: A, then B, then C. */
struct pointers_args {
    const char *a, *b, *c;
    size_t a0, a1, b0, b1, c0, c1; /* strides in bytes */
    int inner, count;
};

static __global__ void pointers_kernel(struct pointers_args p, const void **out)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= p.count)
        return;
    const size_t outer = i / p.inner, inner = i % p.inner;
    out[i] = p.a + outer * p.a0 + inner * p.a1;
    out[p.count + i] = p.b + outer * p.b0 + inner * p.b1;
    out[2 * p.count + i] = p.c + outer * p.c0 + inner * p.c1;
}

static const void **make_pointers(struct backend *be, const struct matmul_args *a, size_t size)
{
    struct pointers_args p = { (const char *)a->a.p, (const char *)a->b.p,
                               (const char *)a->c.p, a->a.s0 * size,
                               a->a.s1 * size,       a->b.s0 * size,
                               a->b.s1 * size,       a->c.s0 * size,
                               a->c.s1 * size,       a->b1,
                               a->b0 * a->b1 };
    const void **out =
        (const void **)cu_scratch(be, SLOT_POINTERS, 3 * sizeof(void *) * (size_t)p.count);
    if (out != NULL)
        CU_LAUNCH(be, pointers_kernel, cu_blocks((size_t)p.count, 128), 128, 0, p, out);
    return out;
}

/* Types and scalars as cuBLAS wants them. */
struct gemm_scalars {
    cudaDataType type;
    cublasComputeType_t compute;
    union {
        float f;
        double d;
    } alpha, beta;
};

template <typename T>
static struct gemm_scalars scalars(const struct backend *be, double alpha, double beta, bool exact)
{
    struct gemm_scalars s;
    if (sizeof(T) == sizeof(double)) {
        s.type = CUDA_R_64F;
        s.compute = CUBLAS_COMPUTE_64F;
        s.alpha.d = alpha;
        s.beta.d = beta;
    } else {
        const bool coarse = !exact && be->precision != PRECISION_FP32;
        s.type = CUDA_R_32F;
        s.compute = coarse ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
        s.alpha.f = (float)alpha;
        s.beta.f = (float)beta;
    }
    return s;
}

/* True when entry (i, j) of the batch lies at (i * b1 + j) * s1: one stride covers it. */
static bool one_stride(const struct matmul_args *a, const struct matrix *m)
{
    return a->b0 == 1 || a->b1 == 1 || m->s0 == (size_t)a->b1 * m->s1;
}

static size_t stride_of(const struct matmul_args *a, const struct matrix *m)
{
    return a->b1 == 1 ? m->s0 : m->s1;
}

/* All of a batch at once. No two of its C overlap. */
template <typename T>
static void run_batch(struct backend *be, const struct matmul_args *a, bool exact)
{
    struct cu *cu = cu_of(be);
    const struct gemm_scalars s = scalars<T>(be, a->alpha, a->beta, exact);
    const cublasOperation_t op_a = a->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t op_b = a->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int batch = a->b0 * a->b1;
    void *c = (void *)(uintptr_t)a->c.p; /* struct matrix says const; C is the one written */
    if (one_stride(a, &a->a) && one_stride(a, &a->b) && one_stride(a, &a->c)) {
        CU_TRY_BLAS(be,
                    cublasGemmStridedBatchedEx(
                        cu->blas, op_b, op_a, a->n, a->m, a->k, &s.alpha, a->b.p, s.type,
                        (int)a->b.ld, (long long)stride_of(a, &a->b), a->a.p, s.type, (int)a->a.ld,
                        (long long)stride_of(a, &a->a), &s.beta, c, s.type, (int)a->c.ld,
                        (long long)stride_of(a, &a->c), batch, s.compute, CUBLAS_GEMM_DEFAULT));
        return;
    }
    const void **p = make_pointers(be, a, sizeof(T));
    if (p != NULL)
        CU_TRY_BLAS(be,
                    cublasGemmBatchedEx(cu->blas, op_b, op_a, a->n, a->m, a->k, &s.alpha, p + batch,
                                        s.type, (int)a->b.ld, p, s.type, (int)a->a.ld, &s.beta,
                                        (void *const *)(p + 2 * batch), s.type, (int)a->c.ld, batch,
                                        s.compute, CUBLAS_GEMM_DEFAULT));
}

template <typename T> void cu_matmul(struct backend *be, const struct matmul_args *args, bool exact)
{
    struct matmul_args a = *args;
    if (a.b0 <= 0 || a.b1 <= 0 || a.m <= 0 || a.n <= 0 || !cu_begin(be))
        return;
    /* batches that share a C add up in order */
    const bool shared0 = a.b0 > 1 && a.c.s0 == 0, shared1 = a.b1 > 1 && a.c.s1 == 0;
    const int turns0 = shared0 ? a.b0 : 1, turns1 = shared1 ? a.b1 : 1;
    a.b0 = shared0 ? 1 : a.b0;
    a.b1 = shared1 ? 1 : a.b1;
    for (int i = 0; i < turns0; i++)
        for (int j = 0; j < turns1; j++) {
            a.a.p = be_at(be, args->a.p, i * args->a.s0 + j * args->a.s1);
            a.b.p = be_at(be, args->b.p, i * args->b.s0 + j * args->b.s1);
            run_batch<T>(be, &a, exact);
        }
}

template void cu_matmul<float>(struct backend *, const struct matmul_args *, bool);
template void cu_matmul<double>(struct backend *, const struct matmul_args *, bool);

template <typename T> static void matmul(struct backend *be, const struct matmul_args *a)
{
    cu_matmul<T>(be, a, false);
}

template <typename T> void cu_fill_matmul(struct ops *op)
{
    op->matmul = matmul<T>;
}

template void cu_fill_matmul<float>(struct ops *);
template void cu_fill_matmul<double>(struct ops *);
