/* Normalisations and reductions over columns: one warp a row. */
#include "norm_row.h"

enum { WARPS = 4, THREADS = 32 * WARPS };

/* This warp's row; for warps past the last row, a number of at least `rows`. */
static __device__ __forceinline__ size_t row_of_warp(void)
{
    return (size_t)blockIdx.x * WARPS + threadIdx.x / 32;
}

/* x (+ h) at i, as the stream holds it. */
template <typename T> static __device__ __forceinline__ T residual(const T *x, const T *h, size_t i)
{
    return h != NULL ? x[i] + h[i] : x[i];
}

/* The second pass finds the row in the cache. Only that pass writes r, which may be x: each lane
 * has by then read the element for the last time. */
template <typename T, typename Y>
static __global__ void rmsnorm_kernel(const __grid_constant__ struct rmsnorm_args a)
{
    const size_t row = row_of_warp(), at = row * a.width;
    if (row >= (size_t)a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *x = rd<T>(a.x) + at, *h = a.h != NULL ? rd<T>(a.h) + at : NULL, *w = rd<T>(a.w);
    T *r = a.r != NULL ? wr<T>(a.r) + at : NULL, square = 0;
    Y *y = wr<Y>(a.y) + at;
#pragma unroll 4
    for (int i = lane; i < a.width; i += 32) {
        const T v = residual(x, h, i);
        square += v * v;
    }
    const T inv = T(1) / sqrt(warp_reduce(square, add_op()) / T(a.width) + T(a.eps));
#pragma unroll 4
    for (int i = lane; i < a.width; i += 32) {
        const T v = residual(x, h, i);
        if (r != NULL)
            r[i] = v;
        y[i] = (Y)(v * inv * w[i]);
    }
}

/* y = x w / s, s = sqrt(mean x² + eps):  gx_i = g_i w_i / s - x_i Σ(g w x) / (width s³). */
template <typename T>
static __global__ void rmsnorm_back_kernel(const __grid_constant__ struct rmsnorm_back_args a)
{
    const size_t row = row_of_warp(), at = row * a.width;
    if (row >= (size_t)a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *x = rd<T>(a.x) + at, *gy = rd<T>(a.gy) + at, *w = rd<T>(a.w);
    T *gx = wr<T>(a.gx) + at, square = 0, dot = 0;
#pragma unroll 4
    for (int i = lane; i < a.width; i += 32) {
        square += x[i] * x[i];
        dot += gy[i] * w[i] * x[i];
    }
    square = warp_reduce(square, add_op());
    dot = warp_reduce(dot, add_op());
    const T inv = T(1) / sqrt(square / T(a.width) + T(a.eps));
    const T pull = a.detach ? T(0) : dot * inv * inv * inv / T(a.width);
    for (int i = lane; i < a.width; i += 32) {
        const T g = gy[i] * w[i] * inv - x[i] * pull;
        gx[i] = a.accumulate ? gx[i] + g : g;
    }
}

/* Mean and 1 / sqrt(biased variance + eps) of a row x (+ h), by the warp. */
template <typename T>
static __device__ __forceinline__ void row_moments(const T *x, const T *h, int width, double eps,
                                                   T *mean, T *inv)
{
    const int lane = threadIdx.x % 32;
    T sum = 0, square = 0;
#pragma unroll 4
    for (int i = lane; i < width; i += 32)
        sum += residual(x, h, i);
    const T m = warp_reduce(sum, add_op()) / T(width);
#pragma unroll 4
    for (int i = lane; i < width; i += 32) {
        const T v = residual(x, h, i) - m;
        square += v * v;
    }
    *mean = m;
    *inv = T(1) / sqrt(warp_reduce(square, add_op()) / T(width) + T(eps));
}

static __device__ __forceinline__ size_t row_at(const struct row_runs &r, size_t row, int width)
{
    return r.run == 0 ? row * width : row / r.run * r.jump + row % r.run * width;
}

template <typename T, typename Y>
static __global__ void layernorm_kernel(const __grid_constant__ struct layernorm_args a)
{
    const size_t row = row_of_warp(), at = row_at(a.at, row, a.width);
    if (row >= (size_t)a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *x = rd<T>(a.x) + at, *h = a.h != NULL ? rd<T>(a.h) + at : NULL;
    const T *w = rd<T>(a.w), *b = rd<T>(a.b);
    T *r = a.r != NULL ? wr<T>(a.r) + at : NULL, mean, inv;
    Y *y = wr<Y>(a.y) + at;
    row_moments(x, h, a.width, a.eps, &mean, &inv);
#pragma unroll 4
    for (int i = lane; i < a.width; i += 32) {
        const T v = residual(x, h, i);
        if (r != NULL)
            r[i] = v;
        y[i] = (Y)((v - mean) * inv * w[i] + b[i]);
    }
}

/* With x^ = (x - mean) / s and g = gy w:  gx = (g - mean g - x^ mean(g x^)) / s. */
template <typename T>
static __global__ void layernorm_back_kernel(const __grid_constant__ struct layernorm_back_args a)
{
    const size_t row = row_of_warp(), at = row_at(a.at, row, a.width);
    if (row >= (size_t)a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *x = rd<T>(a.x) + at, *gy = rd<T>(a.gy) + at, *w = rd<T>(a.w);
    T *gx = wr<T>(a.gx) + at, mean, inv, mean_g = 0, mean_gx = 0;
    row_moments(x, (const T *)NULL, a.width, a.eps, &mean, &inv);
    for (int i = lane; i < a.width; i += 32) {
        const T g = gy[i] * w[i];
        mean_g += g;
        mean_gx += g * (x[i] - mean) * inv;
    }
    mean_g = warp_reduce(mean_g, add_op()) / T(a.width);
    mean_gx = a.detach ? T(0) : warp_reduce(mean_gx, add_op()) / T(a.width);
    for (int i = lane; i < a.width; i += 32) {
        const T g = (gy[i] * w[i] - mean_g - (x[i] - mean) * inv * mean_gx) * inv;
        gx[i] = a.accumulate ? gx[i] + g : g;
    }
}

/* Sums in double: they may cancel. */
template <typename T>
static __global__ void row_reduce_kernel(const __grid_constant__ struct row_reduce_args a)
{
    const size_t row = row_of_warp(), at = row * a.cols;
    if (row >= a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *x = rd<T>(a.x) + at;
    double sum = 0;
    T top = 0;
    for (int i = lane; i < a.cols; i += 32) {
        sum += a.stat == ROW_DOT ? (double)x[i] * rd<T>(a.y)[at + i] : (double)x[i];
        top = fmax(top, x[i]);
    }
    sum = warp_reduce(sum, add_op());
    top = warp_reduce(top, max_op());
    if (a.stat == ROW_MEAN)
        sum /= a.cols;
    if (lane == 0)
        wr<T>(a.out)[row] = a.stat == ROW_MAX_POS ? top : (T)sum;
}

/* Operations that have a warp for each row and need no other argument. */
#define DEFINE_ROW_OP(name)                                                                        \
    template <typename T> static void name(struct backend *be, const struct name##_args *a)        \
    {                                                                                              \
        if (a->rows > 0 && cu_begin(be))                                                           \
            CU_LAUNCH(be, name##_kernel<T>, cu_blocks((size_t)a->rows, WARPS), THREADS, 0, *a);    \
    }
DEFINE_ROW_OP(rmsnorm_back)
DEFINE_ROW_OP(layernorm_back)
DEFINE_ROW_OP(row_reduce)

/* The kernel for rows of `width`. */
template <bool CENTRED, typename Y> static auto norm_row_of(int width)
{
    switch (cu_blocks((size_t)width, 128)) {
    case 1:
        return norm_row_kernel<CENTRED, 1, Y>;
    case 2:
        return norm_row_kernel<CENTRED, 2, Y>;
    case 3:
        return norm_row_kernel<CENTRED, 3, Y>;
    case 4:
        return norm_row_kernel<CENTRED, 4, Y>;
    case 5:
    case 6:
        return norm_row_kernel<CENTRED, 6, Y>;
    default:
        return norm_row_kernel<CENTRED, NORM_MOST, Y>;
    }
}

/* False where the rows need the kernel that takes any row. */
template <bool CENTRED, typename A>
static bool norm_rows(struct backend *be, const A *a, const real *bias)
{
    const struct norm_row_args row = { (size_t)a->rows, a->width,        rd<float>(a->x),
                                       rd<float>(a->h), rd<float>(a->w), rd<float>(bias),
                                       (float)a->eps,   wr<float>(a->r), a->y };
    if (cu_of(be)->choice[CHOICE_NORM] != 0 || !norm_row_fits(&row))
        return false;
    const auto norm_row = a->narrow_y ? norm_row_of<CENTRED, __nv_bfloat16>(a->width)
                                      : norm_row_of<CENTRED, float>(a->width);
    CU_LAUNCH(be, norm_row, cu_blocks(row.rows, WARPS), THREADS, 0, row);
    return true;
}

/* whole: the rows lie side by side. */
#define DEFINE_NORM(name, centred, bias, whole)                                                    \
    template <typename T> static void name(struct backend *be, const struct name##_args *a)        \
    {                                                                                              \
        const auto norm_any =                                                                      \
            a->narrow_y ? name##_kernel<T, typename narrow_of<T>::type> : name##_kernel<T, T>;     \
        if (a->rows <= 0 || !cu_begin(be) ||                                                       \
            (sizeof(T) == sizeof(float) && (whole) && norm_rows<centred>(be, a, bias)))            \
            return;                                                                                \
        CU_LAUNCH(be, norm_any, cu_blocks((size_t)a->rows, WARPS), THREADS, 0, *a);                \
    }
DEFINE_NORM(rmsnorm, false, (const real *)NULL, true)
DEFINE_NORM(layernorm, true, a->b, a->at.run == 0)

template <typename T> void cu_fill_norm(struct ops *op)
{
    op->rmsnorm = rmsnorm<T>;
    op->rmsnorm_back = rmsnorm_back<T>;
    op->layernorm = layernorm<T>;
    op->layernorm_back = layernorm_back<T>;
    op->row_reduce = row_reduce<T>;
}

template void cu_fill_norm<float>(struct ops *);
template void cu_fill_norm<double>(struct ops *);
