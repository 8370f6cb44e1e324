/* linear and linear_back: cuBLASLt with its bias epilogue in float, cuBLAS and an epilogue of our
 * own in double and wherever cuBLASLt has no algorithm. cuBLASLt's GELU is the tanh approximation,
 * off by 4.7e-4 at most. It can be chosen where arrays are narrow, but is not the default: its
 * effect on hits has not been measured. The exact GELU (SPEC 2.3) is a kernel of our own. */
#include "linear.h"

#include <cuda_bf16.h>
#include <stdlib.h>

#include "num.h"

enum { THREADS = 256 };

/* ---- weights ---- */

static size_t weight_ld(const struct backend *be, int in)
{
    return be->precision == PRECISION_BF16 ? round_up((size_t)in, BF16_PAD) : (size_t)in;
}

/* to [out, ld] = from [out, in], |from| where asked; the padding is 0. */
template <typename T, typename P>
static __global__ void pack_kernel(const T *from, P *to, int in, size_t ld, size_t count,
                                   bool absolute)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count)
        return;
    const size_t row = i / ld, col = i % ld;
    const T v = col < (size_t)in ? from[row * in + col] : T(0);
    to[i] = (P)(absolute ? fabs(v) : v);
}

template <typename T>
static void *pack(struct backend *be, const T *from, int out, int in, bool absolute)
{
    const bool bf16 = be->precision == PRECISION_BF16;
    const size_t ld = weight_ld(be, in), count = (size_t)out * ld;
    void *to = be->alloc(be, count * (bf16 ? sizeof(__nv_bfloat16) : sizeof(T)));
    const unsigned grid = cu_blocks(count, THREADS);
    if (to == NULL)
        return NULL;
    if (bf16)
        CU_LAUNCH(be, (pack_kernel<T, __nv_bfloat16>), grid, THREADS, 0, from, (__nv_bfloat16 *)to,
                  in, ld, count, absolute);
    else
        CU_LAUNCH(be, (pack_kernel<T, T>), grid, THREADS, 0, from, (T *)to, in, ld, count,
                  absolute);
    return to;
}

static void weight_free(struct backend *be, struct weight *w)
{
    if (w == NULL)
        return;
    be->free(be, w->plain);
    be->free(be, w->abs);
    free(w);
}

/* NULL also where the device has failed: sync reports that error. */
template <typename T>
static struct weight *weight_new(struct backend *be, const float *host, int out, int in,
                                 unsigned uses)
{
    struct weight *w = (struct weight *)calloc(1, sizeof *w);
    size_t count;
    if (w == NULL || !size_mul((size_t)out, (size_t)in, &count) || !cu_begin(be)) {
        free(w);
        return NULL;
    }
    real *given = be_upload_floats(be, host, count);
    w->out = out;
    w->in = in;
    w->ld = weight_ld(be, in);
    if (given != NULL) {
        w->plain = pack(be, rd<T>(given), out, in, false);
        w->abs = uses & WEIGHT_LRP ? pack(be, rd<T>(given), out, in, true) : NULL;
    }
    be->free(be, given);
    if (w->plain != NULL && (w->abs != NULL || !(uses & WEIGHT_LRP)))
        return w;
    weight_free(be, w);
    return NULL;
}

/* ---- products ---- */

/* y [rows, outs] = (y) + act(s + bias), where s [rows, outs] may be y. */
struct epilogue {
    size_t rows, outs;
    const real *s;
    size_t lds;
    const real *bias; /* [outs] of T, or NULL */
    bool gelu, accumulate;
    real *y;
    size_t ldy;
};

/* S, Y: the elements of s and y. */
template <typename T, typename S, typename Y>
static __global__ void epilogue_kernel(const __grid_constant__ struct epilogue e)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= e.rows * e.outs)
        return;
    const size_t row = i / e.outs, col = i % e.outs;
    T v = T(rd<S>(e.s)[row * e.lds + col]);
    if (e.bias != NULL)
        v += rd<T>(e.bias)[col];
    if (e.gelu)
        v = gelu(v);
    Y *y = wr<Y>(e.y) + row * e.ldy + col;
    *y = (Y)(e.accumulate ? T(*y) + v : v);
}

/* The same in place for rows of bf16 without gaps, 8 elements a thread. Of the bytes that the MLP
 * of a ViT moves, most are moved here. */
template <typename T>
static __global__ void narrow_gelu_kernel(__nv_bfloat16 *y, const T *bias, unsigned outs,
                                          size_t count)
{
    const size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * 8;
    if (i >= count)
        return;
    const unsigned col = (unsigned)(i % outs);
    uint4 words = *reinterpret_cast<const uint4 *>(y + i);
    __nv_bfloat16 v[8];
    memcpy(v, &words, sizeof v);
#pragma unroll
    for (int k = 0; k < 8; k++)
        v[k] = (__nv_bfloat16)gelu(T(v[k]) + (bias != NULL ? bias[col + k] : T(0)));
    memcpy(&words, v, sizeof v);
    *reinterpret_cast<uint4 *>(y + i) = words;
}

template <typename T>
static void run_epilogue(struct backend *be, const struct epilogue *e, bool narrow_s, bool narrow_y)
{
    typedef typename narrow_of<T>::type N;
    const unsigned grid = cu_blocks(e->rows * e->outs, THREADS);
    if (sizeof(T) == sizeof(float) && narrow_s && narrow_y && e->gelu && !e->accumulate &&
        e->s == e->y && e->ldy == e->outs && e->outs % 8 == 0 && (uintptr_t)e->y % 16 == 0)
        CU_LAUNCH(be, narrow_gelu_kernel<T>, cu_blocks(e->rows * e->outs, 8 * THREADS), THREADS, 0,
                  wr<__nv_bfloat16>(e->y), e->bias != NULL ? rd<T>(e->bias) : NULL,
                  (unsigned)e->outs, e->rows * e->outs);
    else if (narrow_s)
        CU_LAUNCH(be, (epilogue_kernel<T, N, N>), grid, THREADS, 0, *e); /* y is then narrow, too */
    else if (narrow_y)
        CU_LAUNCH(be, (epilogue_kernel<T, T, N>), grid, THREADS, 0, *e);
    else
        CU_LAUNCH(be, (epilogue_kernel<T, T, T>), grid, THREADS, 0, *e);
}

/* y (+)= x op(W), no bias. The column-major view: yᵀ = op(W) xᵀ with op(W) = W as stored,
 * transposed for x Wᵀ. bf16 weights: x is converted by cu_lt_run alone, so here W is converted
 * back. */
template <typename T> static void gemm(struct backend *be, const struct product *p)
{
    const bool wide = sizeof(T) == sizeof(double);
    const float one = 1, beta = p->accumulate;
    const double one64 = 1, beta64 = p->accumulate;
    const cudaDataType type = wide ? CUDA_R_64F : CUDA_R_32F;
    const cublasComputeType_t compute = wide ? CUBLAS_COMPUTE_64F
                                        : be->precision == PRECISION_FP32
                                            ? CUBLAS_COMPUTE_32F
                                            : CUBLAS_COMPUTE_32F_FAST_TF32;
    CU_TRY_BLAS(be, cublasGemmEx(cu_of(be)->blas, p->back ? CUBLAS_OP_N : CUBLAS_OP_T, CUBLAS_OP_N,
                                 p->outs, p->rows, p->ins,
                                 wide ? (const void *)&one64 : (const void *)&one, p->w, type,
                                 (int)p->ldw, p->x, type, (int)p->ldx,
                                 wide ? (const void *)&beta64 : (const void *)&beta, p->y, type,
                                 (int)p->ldy, compute, CUBLAS_GEMM_DEFAULT));
}

/* to [rows, cols] = from [rows, cols] with ld: bf16 -> float, for shapes that cuBLASLt has no bf16
 * algorithm for. */
static __global__ void widen_kernel(const __nv_bfloat16 *from, size_t ld, float *to, size_t cols,
                                    size_t count)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = __bfloat162float(from[i / cols * ld + i % cols]);
}

static const float *widen(struct backend *be, enum cu_slot slot, const void *from, size_t ld,
                          size_t rows, size_t cols)
{
    float *to = (float *)cu_scratch(be, slot, rows * cols * sizeof *to);
    if (to != NULL)
        CU_LAUNCH(be, widen_kernel, cu_blocks(rows * cols, THREADS), THREADS, 0,
                  (const __nv_bfloat16 *)from, ld, to, cols, rows * cols);
    return to;
}

/* The product in the arrays' type: W and a narrow x are widened, a narrow y is made from a wide
 * one. */
template <typename T> static void run_wide(struct backend *be, const struct product *given)
{
    struct product p = *given;
    if (be->precision == PRECISION_BF16) {
        p.w = widen(be, SLOT_GEMM, p.w, p.ldw, p.back ? p.ins : p.outs, p.back ? p.outs : p.ins);
        p.ldw = p.back ? p.outs : p.ins;
    }
    if (p.narrow_x) {
        p.x = widen(be, SLOT_WIDE, p.x, p.ldx, p.rows, p.ins);
        p.ldx = p.ins;
    }
    if (p.narrow_y) {
        p.y = cu_scratch(be, SLOT_POINTERS, (size_t)p.rows * p.outs * sizeof(T));
        p.ldy = p.outs;
    }
    if (p.w == NULL || p.x == NULL || p.y == NULL)
        return;
    gemm<T>(be, &p);
    if (p.bias == NULL && !p.narrow_y)
        return;
    const struct epilogue e = { (size_t)p.rows, (size_t)p.outs,       (const real *)p.y,
                                p.ldy,          (const real *)p.bias, false,
                                false,          (real *)given->y,     given->ldy };
    run_epilogue<T>(be, &e, false, p.narrow_y);
}

/* The product without an activation; the bias in the library's epilogue or in ours. */
template <typename T> void cu_run_product(struct backend *be, const struct product *given)
{
    struct product p = *given;
    if (sizeof(T) == sizeof(float)) {
        const int done = cu_split_run(be, given);
        p.rows -= done;
        p.x = (const T *)given->x + (size_t)done * given->ldx;
        p.y = (T *)given->y + (size_t)done * given->ldy;
        if (p.rows == 0 || cu_lt_run(be, done == 0 ? given : &p))
            return;
    }
    if (be->failed.code == OK)
        run_wide<T>(be, &p);
}

/* With an activation the product goes to y, or to scratch where y is added to, and the rest is one
 * kernel. */
template <typename T> static void linear(struct backend *be, const struct linear_args *a)
{
    const size_t outs = (size_t)a->w->out;
    if (a->rows <= 0 || !cu_begin(be))
        return;
    struct product p = { a->rows,     a->w->in,    a->w->out, false,         a->w->plain, a->w->ld,
                         a->x,        a->ldx,      a->bias,   a->accumulate, a->y,        a->ldy,
                         a->narrow_x, a->narrow_y, false,     false };
    if (a->act == ACT_NONE) {
        cu_run_product<T>(be, &p);
        return;
    }
    p.gelu = sizeof(T) == sizeof(float) && cu_of(be)->choice[CHOICE_GELU] == 1 && a->narrow_x &&
             a->narrow_y && !a->accumulate;
    if (p.gelu && cu_lt_run(be, &p))
        return;
    p.gelu = false;
    p.bias = NULL;
    p.accumulate = false;
    if (a->accumulate) {
        p.ldy = outs;
        p.y = cu_scratch(be, SLOT_OP, (size_t)a->rows * outs * sizeof(T));
        if (p.y == NULL)
            return;
    }
    cu_run_product<T>(be, &p);
    const struct epilogue e = { (size_t)a->rows, outs,    (const real *)p.y,
                                p.ldy,           a->bias, true,
                                a->accumulate,   a->y,    a->ldy };
    run_epilogue<T>(be, &e, a->narrow_y, a->narrow_y);
}

template <typename T> static void linear_back(struct backend *be, const struct linear_back_args *a)
{
    if (a->rows <= 0 || !cu_begin(be))
        return;
    const struct product p = { a->rows, a->w->out, a->w->in, true,          a->w->plain, a->w->ld,
                               a->gy,   a->ldgy,   NULL,     a->accumulate, a->gx,       a->ldgx,
                               false,   false,     false,    false };
    cu_run_product<T>(be, &p);
}

template <typename T> void cu_fill_linear(struct ops *op)
{
    op->weight_new = weight_new<T>;
    op->weight_free = weight_free;
    op->linear = linear<T>;
    op->linear_back = linear_back<T>;
}

template void cu_run_product<float>(struct backend *, const struct product *);
template void cu_run_product<double>(struct backend *, const struct product *);
template void cu_fill_linear<float>(struct ops *);
template void cu_fill_linear<double>(struct ops *);
