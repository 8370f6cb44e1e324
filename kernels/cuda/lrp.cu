/* The linear rule of LRP around its products, and the join of a tensor used twice (SPEC 5.4). */
#include "linear.h"
#include "num.h"

enum { THREADS = 256, PER_THREAD = 4 };

/* f(i) for this thread's elements of `count`. */
template <typename F> static __device__ __forceinline__ void each(size_t count, F f)
{
    const size_t first = (size_t)blockIdx.x * THREADS * PER_THREAD + threadIdx.x;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const size_t i = first + (size_t)k * THREADS;
        if (i < count)
            f(i);
    }
}

template <typename T> static __global__ void abs_kernel(const real *x, real *out, size_t count)
{
    each(count, [&](size_t i) { wr<T>(out)[i] = fabs(rd<T>(x)[i]); });
}

/* S(r, Z) in place of z = |x| |W|ᵀ; Z in double: its terms nearly cancel. */
template <typename T>
static __global__ void ratio_kernel(const __grid_constant__ struct linear_lrp_args a, real *z,
                                    size_t out)
{
    each((size_t)a.rows * out, [&](size_t i) {
        const double sum =
            (double)rd<T>(a.y)[i] - (double)rd<T>(a.b)[i % out] + (double)rd<T>(z)[i];
        wr<T>(z)[i] = (T)safe_ratio(rd<T>(a.r)[i], sum / 2);
    });
}

/* rx = (x ⊙ qw + |x| ⊙ rx) / 2 */
template <typename T>
static __global__ void share_kernel(const real *x, const real *qw, real *rx, size_t count)
{
    each(count, [&](size_t i) {
        const T v = rd<T>(x)[i];
        wr<T>(rx)[i] = T(0.5) * (v * rd<T>(qw)[i] + fabs(v) * rd<T>(rx)[i]);
    });
}

template <typename T>
static __global__ void lrp_join_kernel(const __grid_constant__ struct lrp_join_args a)
{
    each(a.count, [&](size_t i) {
        const double x = rd<T>(a.x)[i];
        wr<T>(a.r)[i] = (T)(x * (safe_ratio(rd<T>(a.r1)[i], x) + safe_ratio(rd<T>(a.r2)[i], x)));
    });
}

template <typename T> static void linear_lrp(struct backend *be, const struct linear_lrp_args *a)
{
    const struct weight *w = a->w;
    const size_t in = (size_t)w->in, out = (size_t)w->out, xs = a->rows * in, zs = a->rows * out;
    if (a->rows <= 0 || !cu_begin(be))
        return;
    real *z = a->scratch, *part = be_at(be, z, zs); /* |x|, then Q W */
    CU_LAUNCH(be, abs_kernel<T>, cu_blocks(xs, THREADS * PER_THREAD), THREADS, 0, a->x, part, xs);
    const struct product both = { a->rows, w->in, w->out, false, w->abs, w->ld, part,  in,
                                  NULL,    false, z,      out,   false,  false, false, false };
    cu_run_product<T>(be, &both);
    CU_LAUNCH(be, ratio_kernel<T>, cu_blocks(zs, THREADS * PER_THREAD), THREADS, 0, *a, z, out);
    struct product back = { a->rows, w->out, w->in, true, w->plain, w->ld, z,     out,
                            NULL,    false,  part,  in,   false,    false, false, false };
    cu_run_product<T>(be, &back);
    back.w = w->abs;
    back.y = a->rx; /* rx may be r, which is not read any more: Q has been made of it */
    cu_run_product<T>(be, &back);
    CU_LAUNCH(be, share_kernel<T>, cu_blocks(xs, THREADS * PER_THREAD), THREADS, 0, a->x, part,
              a->rx, xs);
}

template <typename T> static void lrp_join(struct backend *be, const struct lrp_join_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, lrp_join_kernel<T>, cu_blocks(a->count, THREADS * PER_THREAD), THREADS, 0,
                  *a);
}

template <typename T> void cu_fill_lrp(struct ops *op)
{
    op->linear_lrp = linear_lrp<T>;
    op->lrp_join = lrp_join<T>;
}

template void cu_fill_lrp<float>(struct ops *);
template void cu_fill_lrp<double>(struct ops *);
