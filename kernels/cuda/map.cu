/* Elementwise functions. */
#include "num.h"

enum { THREADS = 256, PER_THREAD = 4 };

template <typename T> static __device__ __forceinline__ T map2_at(enum map2 f, T a, T b)
{
    switch (f) {
    case MAP_ADD:
        return a + b;
    case MAP_MUL:
        return a * b;
    case MAP_RATIO:
        return (T)safe_ratio(a, b);
    case MAP_ABS:
        return fabs(a);
    case MAP_GELU:
        return gelu(a);
    case MAP_GELU_BACK:
        return b * gelu_slope(a);
    case MAP_GELU_GATE:
        return b * normal_share(a);
    case MAP_TANH_GELU:
        return a * curved_gate(a, T(TANH_GELU_C), T(TANH_GELU_D));
    case MAP_TANH_GELU_BACK:
        return b * curved_slope(a, T(TANH_GELU_C), T(TANH_GELU_D));
    case MAP_TANH_GELU_GATE:
        return b * curved_gate(a, T(TANH_GELU_C), T(TANH_GELU_D));
    case MAP_QUICK_GELU:
        return a * curved_gate(a, T(QUICK_GELU_C), T(0));
    case MAP_QUICK_GELU_BACK:
        return b * curved_slope(a, T(QUICK_GELU_C), T(0));
    case MAP_QUICK_GELU_GATE:
        return b * curved_gate(a, T(QUICK_GELU_C), T(0));
    case MAP_SILU:
        return silu(a);
    case MAP_SILU_BACK:
        return b * silu_slope(a, false);
    case MAP_SILU_GATE:
        return b * sigmoid(a);
    case MAP_TANH:
        return tanh(a);
    case MAP_TANH_BACK:
        return b / (cosh(a) * cosh(a));
    case MAP_TANH_GATE:
        return a == T(0) ? b : b * (tanh(a) / a);
    case MAP_POSITIVE:
        return fmax(a, T(0));
    case MAP_NEGATIVE:
        return fmin(a, T(0));
    case MAP_COPY:
    case MAP2_COUNT:
        break;
    }
    return a;
}

/* Each element is read before it is written, by the thread that writes it: out may be a or b. */
template <typename T> static __global__ void map2_kernel(const __grid_constant__ struct map2_args a)
{
    const size_t first = (size_t)blockIdx.x * THREADS * PER_THREAD + threadIdx.x;
    const T scale = (T)a.scale;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const size_t i = first + (size_t)k * THREADS;
        if (i < a.count) {
            const T x = rd<T>(a.a)[i], y = a.b != NULL ? rd<T>(a.b)[i] : T(0);
            wr<T>(a.out)[i] = scale * map2_at(a.f, x, y);
        }
    }
}

template <typename T> static void map2(struct backend *be, const struct map2_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, map2_kernel<T>, cu_blocks(a->count, THREADS * PER_THREAD), THREADS, 0, *a);
}

template <typename T>
static __global__ void to_single_kernel(const __grid_constant__ struct to_single_args a)
{
    const size_t first = (size_t)blockIdx.x * THREADS * PER_THREAD + threadIdx.x;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const size_t i = first + (size_t)k * THREADS;
        if (i < a.count)
            wr<float>(a.out)[i] = (float)rd<T>(a.x)[i];
    }
}

template <typename T> static void to_single(struct backend *be, const struct to_single_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, to_single_kernel<T>, cu_blocks(a->count, THREADS * PER_THREAD), THREADS, 0,
                  *a);
}

template <typename T> void cu_fill_map(struct ops *op)
{
    op->to_single = to_single<T>;
    op->map2 = map2<T>;
}

template void cu_fill_map<float>(struct ops *);
template void cu_fill_map<double>(struct ops *);
