/* Shared by the files of the CPU backends. */
#pragma once

#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backend.h"

/* Instruction sets that our own kernels are compiled for; each includes the ones before it. */
enum cpu_simd { CPU_SIMD_C, CPU_SIMD_AVX2, CPU_SIMD_AVX512 };

struct cpu {
    enum cpu_simd simd;
    bool bf16; /* matrix products of weights in bf16, accumulated in fp32 */
    const struct panel_kernel *product; /* our own of them (panels.h); NULL: a library's */
    /* what `attention` is for arrays that are not narrow, where another one takes those that are */
    void (*wide_attention)(struct backend *, const struct attention_args *);
    atomic_flag failing; /* guards backend.failed: lanes may fail at the same time */
};

static inline struct cpu *cpu_of(struct backend *be)
{
    return be->impl;
}

/* Threads for one operation: all of them, or one inside a lane. Operations split their work over
 * rows, heads or channel blocks, never over a sum, in parts that do not depend on this number: the
 * results are the same bits either way. */
static inline int cpu_team(const struct backend *be)
{
    return omp_in_parallel() ? 1 : be->threads;
}

/* Records the first failure, for sync to report. */
void cpu_fail(struct backend *be, enum status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory of the calling thread that lives until its next call of this function, 64-byte aligned. It
 * grows to the largest request and is freed with the thread. NULL (and the failure recorded) when
 * memory ran out. */
void *cpu_scratch(struct backend *be, size_t bytes);

/* W for linear_lrp, in panels of columns that stay in cache, 0 in the columns that the last one
 * lacks. Every struct weight of these backends begins with one; NULL unless WEIGHT_LRP asked for
 * them. */
enum { LRP_WIDE = 48, LRP_NARROW = 16 }; /* whole vectors of every instruction set */

struct lrp_panels {
    int out, in;
    void *both;  /* |W|ᵀ: panels [in][LRP_WIDE], 64-byte aligned as all */
    void *split; /* W⁺ beside W⁻: panels [out][2][LRP_NARROW] */
};

static inline const struct lrp_panels *cpu_lrp_panels(const struct weight *w)
{
    return (const struct lrp_panels *)(const void *)w;
}

/* Makes it from host [out, in]. False when memory ran out; lrp_free frees it in either case.
 */
bool cpu_lrp_pack(struct lrp_panels *, const float *host);
bool cpu_lrp_pack64(struct lrp_panels *, const float *host);
void cpu_lrp_free(struct lrp_panels *);

/* The tables. Each overrides the slots that it has a faster operation for. */
void cpu_linear_ops(struct ops *);   /* float: oneDNN */
void cpu_linear64_ops(struct ops *); /* double: OpenBLAS */
void cpu_matmul_ops(struct ops *);   /* float and double: OpenBLAS */
void cpu_matmul64_ops(struct ops *);
void cpu_input_ops(struct ops *); /* patchify, embed */
void cpu_input64_ops(struct ops *);
void cpu_heat_ops(struct ops *);   /* heat, rank */
void cpu_impute_ops(struct ops *); /* impute */

/* Our own vector kernels, one table per instruction set and element type (kernels/cpu/vec). */
void cpu_vec_ops_c(struct ops *);
void cpu_vec_ops_c_64(struct ops *);
void cpu_vec_ops_avx2(struct ops *);
void cpu_vec_ops_avx2_64(struct ops *);
void cpu_vec_ops_avx512(struct ops *);
void cpu_vec_ops_avx512_64(struct ops *);

/* Products with weights, where the instruction set has ours. */
extern const struct panel_kernel cpu_vec_product_avx2, cpu_vec_product_avx2_64;
extern const struct panel_kernel cpu_vec_product_avx512, cpu_vec_product_avx512_64;
extern const struct panel_kernel cpu_vec_product_bf16;

/* These take narrow arrays, too. */
void cpu_vec_attention_ops_bf16(struct ops *);
void cpu_vec_norm_ops_bf16(struct ops *);
