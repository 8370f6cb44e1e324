/* Weights and their products: what linear.cu (any type, cuBLAS) and linear_lt.cu (float, cuBLASLt)
 * share. */
#pragma once

#include <cuda_bf16.h>

#include "cu.h"

/* W [out, in] on the device, rows `ld` apart: in the arrays' type, or bf16 under PRECISION_BF16.
 * Both x Wᵀ and g W read the same copy. */
struct weight {
    int out, in;
    size_t ld;
    void *plain, *abs; /* abs: |W|; NULL without WEIGHT_LRP */
};

/* bf16 rows are padded to this many elements: 16 bytes, what tensor cores load at once. */
enum { BF16_PAD = 8 };

/* One product of a weight, either way: y [rows, outs] (+)= x [rows, ins] op(W) (+ bias). */
struct product {
    int rows, ins, outs;
    bool back; /* g W rather than x Wᵀ */
    const void *w;
    size_t ldw;
    const void *x;
    size_t ldx;
    const void *bias; /* [outs] or NULL */
    bool accumulate;
    void *y;
    size_t ldy;
    bool narrow_x, narrow_y; /* bf16; a narrow y is not accumulated to */
    bool gelu;               /* of the sum, in tanh's form; narrow arrays alone */
    bool tf32;               /* float operands may be rounded to tf32 */
};

/* to [rows, ld] = from [rows, cols] with ldfrom, rounded to bf16; the padding is 0. */
void cu_narrow(struct backend *, const float *from, size_t ldfrom, __nv_bfloat16 *to, size_t ld,
               size_t rows, int cols);

/* Runs a product of arrays of T in the first way that can do it. */
template <typename T> void cu_run_product(struct backend *, const struct product *);

/* Runs a product of float arrays in fp32 as one of tf32 with the sum three times as long
 * (linear_split.cu), where that is expected to be faster. Returns the rows that are done: all; 0
 * where it is not, or failed (then recorded); or the first ones, after which the library had no
 * algorithm. */
int cu_split_run(struct backend *, const struct product *);

/* Runs a product of float arrays through cuBLASLt, x and W in bf16 under PRECISION_BF16. False when
 * the library has no algorithm for it (nothing is recorded then). */
bool cu_lt_run(struct backend *, const struct product *);
