/* Reductions over channels: of a row of hidden attention, and of SPEC 4's identity. */
#include "sign_reduce.h"

enum { THREADS = 128 };

/* Grid: (images). A block joins its image's ranges. */
template <typename T> static __global__ void join_kernel(const double *ranges, int count, real *out)
{
    const double *r = ranges + (size_t)blockIdx.x * count * 2;
    double min = INFINITY, max = -INFINITY;
    for (int i = threadIdx.x; i < count; i += THREADS) {
        min = fmin(min, r[2 * i]);
        max = fmax(max, r[2 * i + 1]);
    }
    min = block_reduce(min, min_op());
    max = block_reduce(max, max_op());
    if (threadIdx.x == 0) {
        wr<T>(out)[2 * blockIdx.x] = (T)min;
        wr<T>(out)[2 * blockIdx.x + 1] = (T)max;
    }
}

template <typename T>
void cu_join_ranges(struct backend *be, const double *ranges, int n, int count, real *out)
{
    CU_LAUNCH(be, join_kernel<T>, n, THREADS, 0, ranges, count, out);
}

template void cu_join_ranges<float>(struct backend *, const double *, int, int, real *);
template void cu_join_ranges<double>(struct backend *, const double *, int, int, real *);

/* Grid: (tokens, images). ranges [n, L, 2]. */
template <typename T>
static __global__ void channel_reduce_kernel(const __grid_constant__ struct channel_reduce_args a,
                                             double *ranges)
{
    const size_t row = (size_t)blockIdx.y * a.len + blockIdx.x;
    const T *v = rd<T>(a.v) + row * a.chan;
    const struct reduce_op op = { a.reduce };
    double sum = reduce_start(a.reduce), min = INFINITY, max = -INFINITY;
    for (int c = threadIdx.x; c < a.chan; c += THREADS) {
        const double x = apply_sign(a.sign, v[c]);
        min = fmin(min, x);
        max = fmax(max, x);
        sum = op(sum, x);
    }
    sum = block_reduce(sum, op);
    min = block_reduce(min, min_op());
    max = block_reduce(max, max_op());
    if (threadIdx.x == 0) {
        wr<T>(a.out)[row] = (T)(a.reduce == REDUCE_MEAN ? sum / a.chan : sum);
        ranges[2 * row] = min;
        ranges[2 * row + 1] = max;
    }
}

template <typename T>
static void channel_reduce(struct backend *be, const struct channel_reduce_args *a)
{
    if (a->n <= 0 || a->len <= 0 || a->chan <= 0 || !cu_begin(be))
        return;
    double *ranges = (double *)cu_scratch(be, SLOT_OP, (size_t)a->n * a->len * 2 * sizeof(double));
    if (ranges == NULL)
        return;
    CU_LAUNCH(be, channel_reduce_kernel<T>, dim3(a->len, a->n), THREADS, 0, *a, ranges);
    if (a->range != NULL)
        cu_join_ranges<T>(be, ranges, a->n, a->len, a->range);
}

/* Grid: (blocks of channels, images). largest [n, blocks, 2]: both maxima of each block. */
template <typename T>
static __global__ void identity_kernel(const __grid_constant__ struct hidden_identity_args a,
                                       double *largest)
{
    const int c = blockIdx.x * THREADS + threadIdx.x;
    const size_t first = (size_t)blockIdx.y * a.len * a.chan + c;
    double error = 0, size = 0;
    if (c < a.chan) {
        const T *v = rd<T>(a.v) + first, *u = rd<T>(a.u) + first, *y = rd<T>(a.y) + first;
        const size_t row = (size_t)a.row * a.chan;
        const double want = (double)y[row] - (double)rd<T>(a.d)[c] * (double)u[row];
        double sum = 0;
        for (int j = 0; j < a.len; j++)
            sum += (double)v[(size_t)j * a.chan] * (double)u[(size_t)j * a.chan];
        error = fabs(sum - want);
        size = fabs(want);
    }
    error = block_reduce(error, max_op());
    size = block_reduce(size, max_op());
    if (threadIdx.x == 0) {
        double *to = largest + 2 * ((size_t)blockIdx.y * gridDim.x + blockIdx.x);
        to[0] = error;
        to[1] = size;
    }
}

/* Grid: (images). */
template <typename T>
static __global__ void identity_join_kernel(const double *largest, int count, real *out)
{
    const double *l = largest + (size_t)blockIdx.x * count * 2;
    double error = 0, size = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) {
        error = fmax(error, l[2 * i]);
        size = fmax(size, l[2 * i + 1]);
    }
    error = block_reduce(error, max_op());
    size = block_reduce(size, max_op());
    if (threadIdx.x == 0) {
        wr<T>(out)[2 * blockIdx.x] = (T)error;
        wr<T>(out)[2 * blockIdx.x + 1] = (T)size;
    }
}

template <typename T>
static void hidden_identity(struct backend *be, const struct hidden_identity_args *a)
{
    if (a->n <= 0 || a->chan <= 0 || !cu_begin(be))
        return;
    const unsigned blocks = cu_blocks(a->chan, THREADS);
    double *largest = (double *)cu_scratch(be, SLOT_OP, (size_t)a->n * blocks * 2 * sizeof(double));
    if (largest == NULL)
        return;
    CU_LAUNCH(be, identity_kernel<T>, dim3(blocks, a->n), THREADS, 0, *a, largest);
    CU_LAUNCH(be, identity_join_kernel<T>, a->n, THREADS, 0, largest, (int)blocks, a->out);
}

template <typename T> void cu_fill_reduce(struct ops *op)
{
    op->channel_reduce = channel_reduce<T>;
    op->hidden_identity = hidden_identity<T>;
}

template void cu_fill_reduce<float>(struct ops *);
template void cu_fill_reduce<double>(struct ops *);
