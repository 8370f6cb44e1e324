/* The linear rule of LRP around its products, and the join of a tensor used twice (SPEC 5.4). */
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

/* Z in double: its terms nearly cancel. */
template <typename T>
static __global__ void lrp_ratio_kernel(const __grid_constant__ struct lrp_ratio_args a)
{
    each((size_t)a.rows * a.cols, [&](size_t i) {
        const double z =
            ((double)rd<T>(a.y)[i] - (double)rd<T>(a.b)[i % a.cols] + (double)rd<T>(a.z)[i]) / 2;
        wr<T>(a.q)[i] = (T)safe_ratio(rd<T>(a.r)[i], z);
    });
}

template <typename T>
static __global__ void lrp_combine_kernel(const __grid_constant__ struct lrp_combine_args a)
{
    each(a.count, [&](size_t i) {
        const T x = rd<T>(a.x)[i];
        wr<T>(a.rx)[i] = T(0.5) * (x * rd<T>(a.a)[i] + fabs(x) * rd<T>(a.b)[i]);
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

template <typename T> static void lrp_ratio(struct backend *be, const struct lrp_ratio_args *a)
{
    const size_t count = (size_t)a->rows * (size_t)a->cols;
    if (count != 0 && cu_begin(be))
        CU_LAUNCH(be, lrp_ratio_kernel<T>, cu_blocks(count, THREADS * PER_THREAD), THREADS, 0, *a);
}

template <typename T> static void lrp_combine(struct backend *be, const struct lrp_combine_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, lrp_combine_kernel<T>, cu_blocks(a->count, THREADS * PER_THREAD), THREADS, 0,
                  *a);
}

template <typename T> static void lrp_join(struct backend *be, const struct lrp_join_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, lrp_join_kernel<T>, cu_blocks(a->count, THREADS * PER_THREAD), THREADS, 0,
                  *a);
}

template <typename T> void cu_fill_lrp(struct ops *op)
{
    op->lrp_ratio = lrp_ratio<T>;
    op->lrp_combine = lrp_combine<T>;
    op->lrp_join = lrp_join<T>;
}

template void cu_fill_lrp<float>(struct ops *);
template void cu_fill_lrp<double>(struct ops *);
