/* fp32 products on tensor cores. Every factor is high + low, high being the nearest tf32 (11 bits)
 * and low the rest, which tf32 holds but for its last bit; then
 *     x w = high high' + low high' + high low' + low low',
 * the last of which is 2^-24 of it at most and left out. So x [rows, K] becomes [rows, 3 K] = high
 * | low | high, W becomes high | high | low along the same sum, and cuBLASLt makes one tf32 product
 * of them: the sum stays in its float accumulators.
 *
 * By the rates measured on an H100 (fp32 41 TFLOP/s, tf32 250, copies 3.0 TB/s): for a row,
 * 2 K N / 41e12 against 6 K N / 250e12 + 16 K / 3e12 seconds, 16 being the bytes that an element's
 * split reads and writes. Equal at N = 215. */
#include "linear.h"
#include "mma.h"

enum { THREADS = 256, PARTS = 3, LEAST_OUTS = 256, LEAST_ROWS = 512 };
#ifdef __CUDACC__
enum : size_t { SCRATCH = (size_t)256 << 20 };
#else
enum : size_t { SCRATCH = (size_t)1 << 20 }; /* so that tests come to a second part */
#endif

/* Which part is the low one: the second of x, the third of W. */
enum low { LOW_X = 1, LOW_W = 2 };

/* from [rows, cols] with ld -> to [rows, 3, cols] (along a row), or [3, rows, cols]. Grid: (blocks
 * of columns, rows). */
static __global__ void split_kernel(const float *from, size_t ld, float *to, size_t rows, int cols,
                                    bool along_row, int low)
{
    const int col = blockIdx.x * THREADS + threadIdx.x;
    const size_t row = blockIdx.y + (size_t)blockIdx.z * gridDim.y;
    if (col >= cols || row >= rows)
        return;
    const float v = from[row * ld + col], high = tf32_of(v);
    const size_t step = along_row ? (size_t)cols : rows * cols;
    float *at = to + row * cols * (along_row ? PARTS : 1) + col;
#pragma unroll
    for (int k = 0; k < PARTS; k++)
        at[k * step] = k == low ? v - high : high;
}

static void split(struct backend *be, const void *from, size_t ld, float *to, size_t rows, int cols,
                  bool along_row, enum low low)
{
    const unsigned deep = cu_blocks(rows, 32768), high = cu_blocks(rows, deep);
    CU_LAUNCH(be, split_kernel, dim3(cu_blocks((size_t)cols, THREADS), high, deep), THREADS, 0,
              (const float *)from, ld, to, rows, cols, along_row, (int)low);
}

static bool serves(const struct backend *be, const struct product *p)
{
    return be->precision == PRECISION_FP32 && cu_of(be)->choice[CHOICE_PRODUCTS] == 0 &&
           p->outs >= LEAST_OUTS && p->rows >= LEAST_ROWS;
}

int cu_split_run(struct backend *be, const struct product *given)
{
    if (!serves(be, given))
        return 0;
    struct product p = *given;
    const size_t ins = (size_t)given->ins, outs = (size_t)given->outs, row = PARTS * ins;
    const size_t fit = SCRATCH / (row * sizeof(float)), all = (size_t)given->rows;
    const size_t most = fit < LEAST_ROWS ? (size_t)LEAST_ROWS : fit < all ? fit : all;
    float *w = (float *)cu_scratch(be, SLOT_BIAS, PARTS * ins * outs * sizeof *w);
    float *x = (float *)cu_scratch(be, SLOT_GEMM, most * row * sizeof *x);
    if (w == NULL || x == NULL)
        return 0;
    split(be, given->w, given->ldw, w, given->back ? ins : outs, given->back ? (int)outs : (int)ins,
          !given->back, LOW_W);
    p.tf32 = true;
    p.w = w;
    p.ldw = given->back ? outs : row;
    p.ins = (int)row;
    p.x = x;
    p.ldx = row;
    for (size_t at = 0; at < all; at += most) {
        const size_t rows = all - at < most ? all - at : most;
        split(be, (const float *)given->x + at * given->ldx, given->ldx, x, rows, (int)ins, true,
              LOW_X);
        p.rows = (int)rows;
        p.y = (float *)given->y + at * given->ldy;
        if (!cu_lt_run(be, &p))
            return (int)at;
    }
    return given->rows;
}
