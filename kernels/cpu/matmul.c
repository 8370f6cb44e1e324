/* Batched small products through OpenBLAS, compiled for float and for double (CPU_DOUBLE). */
#include <cblas.h>

#include "cpu.h"

#ifdef CPU_DOUBLE
typedef double scalar;
#define GEMM cblas_dgemm
#define FILL cpu_matmul64_ops
#else
typedef float scalar;
#define GEMM cblas_sgemm
#define FILL cpu_matmul_ops
#endif

/* Rows of C per call of GEMM. Fixed, so that a product is cut the same way for any number of
 * threads. */
enum { BLOCK = 256 };

static void part(const struct matmul_args *a, size_t i, size_t j, int row)
{
    int rows = a->m - row < BLOCK ? a->m - row : BLOCK;
    size_t step = a->ta ? (size_t)row : (size_t)row * a->a.ld;
    const scalar *x = (const scalar *)(const void *)a->a.p + i * a->a.s0 + j * a->a.s1 + step;
    const scalar *y = (const scalar *)(const void *)a->b.p + i * a->b.s0 + j * a->b.s1;
    /* struct matrix says const; C is the one that is written */
    scalar *z = (scalar *)(uintptr_t)a->c.p + i * a->c.s0 + j * a->c.s1 + (size_t)row * a->c.ld;
    GEMM(CblasRowMajor, a->ta ? CblasTrans : CblasNoTrans, a->tb ? CblasTrans : CblasNoTrans, rows,
         a->n, a->k, (scalar)a->alpha, x, (int)a->a.ld, y, (int)a->b.ld, (scalar)a->beta, z,
         (int)a->c.ld);
}

static void matmul(struct backend *be, const struct matmul_args *a)
{
    if (a->b0 <= 0 || a->b1 <= 0 || a->m <= 0 || a->n <= 0)
        return;
    int blocks = (a->m + BLOCK - 1) / BLOCK;
    /* batches that share a C add up in order: they stay on one thread */
    bool shared0 = a->b0 > 1 && a->c.s0 == 0, shared1 = a->b1 > 1 && a->c.s1 == 0;
    int apart0 = shared0 ? 1 : a->b0, inner0 = shared0 ? a->b0 : 1;
    int apart1 = shared1 ? 1 : a->b1, inner1 = shared1 ? a->b1 : 1;
    int items = apart0 * apart1 * blocks;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        int block = item % blocks, j = item / blocks % apart1, i = item / blocks / apart1;
        for (int p = 0; p < inner0; p++)
            for (int q = 0; q < inner1; q++)
                part(a, (size_t)(i + p), (size_t)(j + q), block * BLOCK);
    }
}

void FILL(struct ops *op)
{
    /* We distribute the work over threads ourselves; OpenBLAS' threads would compete with the
     * lanes. The setting is process-wide; nothing else in evalh uses the library. */
    openblas_set_num_threads(1);
    op->matmul = matmul;
}
