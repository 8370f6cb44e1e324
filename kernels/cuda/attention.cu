/* softmax(scale q kᵀ) v, per head: two batched products with a softmax between them. The maps go to
 * `probs`, or to scratch for as many images at a time as SCRATCH allows. Narrow arrays go through
 * flash.h where it has a kernel for heads of this width. */
#include "flash_head.h"
#include "linear.h"

enum { WARPS = 4, THREADS = 32 * WARPS };
enum : size_t { SCRATCH = (size_t)256 << 20 };

/* One warp a row, in place, around the row's maximum. */
template <typename T> static __global__ void softmax_kernel(T *p, size_t rows, int cols)
{
    const size_t row = (size_t)blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= rows)
        return;
    const int lane = threadIdx.x % 32;
    T *x = p + row * cols, top = -INFINITY, sum = 0;
    for (int j = lane; j < cols; j += 32)
        top = fmax(top, x[j]);
    top = warp_reduce(top, max_op());
    for (int j = lane; j < cols; j += 32) {
        const T e = exp(x[j] - top);
        x[j] = e;
        sum += e;
    }
    sum = warp_reduce(sum, add_op());
    for (int j = lane; j < cols; j += 32)
        x[j] /= sum;
}

/* Part 0, 1, 2 (q, k, v) of qkv [n, L, 3, H, dim] as one [L, dim] matrix per image and head. */
static struct matrix part_of(const struct backend *be, const struct attention_args *a,
                             const real *qkv, int part)
{
    const size_t width = (size_t)a->heads * a->dim;
    struct matrix m = { be_at(be, qkv, part * width), 3 * width, a->len * 3 * width,
                        (size_t)a->dim };
    return m;
}

/* `n` images, their maps to `probs` [n, H, L, L]. */
template <typename T>
static void attend(struct backend *be, const struct attention_args *a, int n, const real *qkv,
                   real *probs, real *out)
{
    const size_t len = (size_t)a->len, width = (size_t)a->heads * a->dim;
    const size_t rows = (size_t)n * a->heads * len;
    struct matmul_args m = {};
    m.b0 = n;
    m.b1 = a->heads;
    m.m = m.n = a->len;
    m.k = a->dim;
    m.a = part_of(be, a, qkv, 0);
    m.b = part_of(be, a, qkv, 1);
    m.tb = true;
    m.c.p = probs;
    m.c.ld = len;
    m.c.s0 = a->heads * len * len;
    m.c.s1 = len * len;
    m.alpha = a->scale;
    cu_matmul<T>(be, &m, false);
    CU_LAUNCH(be, softmax_kernel<T>, cu_blocks(rows, WARPS), THREADS, 0, wr<T>(probs), rows,
              a->len);
    const struct matrix maps = m.c;
    m.a = maps;
    m.b = part_of(be, a, qkv, 2);
    m.tb = false;
    m.n = a->dim;
    m.k = a->len;
    m.c.p = out;
    m.c.ld = width;
    m.c.s0 = len * width;
    m.c.s1 = (size_t)a->dim;
    m.alpha = 1;
    cu_matmul<T>(be, &m, false);
}

template <typename T> static void attend_all(struct backend *be, const struct attention_args *a)
{
    const size_t len = (size_t)a->len, width = (size_t)a->heads * a->dim;
    const size_t map = a->heads * len * len;
    int group = a->n;
    real *probs = a->probs;
    if (probs == NULL) {
        const size_t fit = SCRATCH / (map * sizeof(T));
        group = fit < 1 ? 1 : fit < (size_t)a->n ? (int)fit : a->n;
        probs = (real *)cu_scratch(be, SLOT_OP, group * map * sizeof(T));
        if (probs == NULL)
            return;
    }
    for (int at = 0; at < a->n; at += group)
        attend<T>(be, a, a->n - at < group ? a->n - at : group,
                  be_at(be, a->qkv, at * len * 3 * width), probs,
                  be_at(be, a->out, at * len * width));
}

#define FLASH_OF(kernel, dim)                                                                      \
    ((dim) == 16 ? kernel<16> : (dim) == 32 ? kernel<32> : (dim) == 64 ? kernel<64> : NULL)

/* False: no kernel for heads of this width. */
static bool flash(struct backend *be, const struct attention_args *a)
{
    typedef void (*flash_fn)(const struct attention_args);
    const size_t shared = head_shared(a->len, a->dim);
    const flash_fn flash_tiles = FLASH_OF(flash_kernel, a->dim),
                   flash_head = FLASH_OF(flash_head_kernel, a->dim);
    if (flash_tiles == NULL || (uintptr_t)a->qkv % 16 != 0)
        return false;
    if (cu_of(be)->choice[CHOICE_ATTENTION] != 0 || shared > HEAD_SHARED)
        CU_LAUNCH(be, flash_tiles, dim3(cu_blocks(a->len, FLASH_QUERIES), a->heads, a->n),
                  FLASH_THREADS, 0, *a);
    else if (CU_TRY(be, cudaFuncSetAttribute(
                            flash_head, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared)))
        CU_LAUNCH(be, flash_head, dim3(1, a->heads, a->n), HEAD_THREADS, shared, *a);
    return true;
}

static __global__ void widen_qkv_kernel(const __nv_bfloat16 *from, float *to, size_t count)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = __bfloat162float(from[i]);
}

/* Through wide copies in scratch. */
static void attend_widened(struct backend *be, const struct attention_args *given)
{
    struct attention_args a = *given;
    const size_t rows = (size_t)a.n * a.len, width = (size_t)a.heads * a.dim,
                 count = rows * 3 * width;
    float *wide = (float *)cu_scratch(be, SLOT_WIDE, (count + rows * width) * sizeof(float));
    if (wide == NULL)
        return;
    CU_LAUNCH(be, widen_qkv_kernel, cu_blocks(count, THREADS), THREADS, 0, rd<__nv_bfloat16>(a.qkv),
              wide, count);
    a.qkv = (const real *)wide;
    a.out = (real *)(wide + count);
    attend_all<float>(be, &a);
    cu_narrow(be, wide + count, width, wr<__nv_bfloat16>(given->out), width, rows, (int)width);
}

template <typename T> static void attention(struct backend *be, const struct attention_args *a)
{
    if (a->n <= 0 || a->len <= 0 || a->heads <= 0 || a->dim <= 0 || !cu_begin(be))
        return;
    if (!a->narrow)
        attend_all<T>(be, a);
    else if (!flash(be, a))
        attend_widened(be, a);
}

template <typename T> void cu_fill_attention(struct ops *op)
{
    op->attention = attention<T>;
}

template void cu_fill_attention<float>(struct ops *);
template void cu_fill_attention<double>(struct ops *);
