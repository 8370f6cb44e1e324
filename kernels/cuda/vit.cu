/* Backward pieces of attention, and the LRP of a residual sum (SPEC 2.3, 5.4). */
#include "num.h"

enum { WARPS = 4, THREADS = 32 * WARPS, MAP_THREADS = 256 };

/* One warp a row. The second pass reads gp before it writes gs, lane by lane: gs may be gp. */
template <typename T>
static __global__ void softmax_back_kernel(const __grid_constant__ struct softmax_back_args a)
{
    const size_t row = (size_t)blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= a.rows)
        return;
    const int lane = threadIdx.x % 32;
    const T *p = rd<T>(a.p) + row * a.cols, *gp = rd<T>(a.gp) + row * a.cols;
    T *gs = wr<T>(a.gs) + row * a.cols, dot = 0;
    for (int j = lane; j < a.cols; j += 32)
        dot += gp[j] * p[j];
    dot = warp_reduce(dot, add_op());
    for (int j = lane; j < a.cols; j += 32)
        gs[j] = T(a.scale) * p[j] * (gp[j] - dot);
}

template <typename T>
static void softmax_back(struct backend *be, const struct softmax_back_args *a)
{
    if (a->rows > 0 && cu_begin(be))
        CU_LAUNCH(be, softmax_back_kernel<T>, cu_blocks(a->rows, WARPS), THREADS, 0, *a);
}

/* Grid: (blocks of an image's map, images). */
template <typename T>
static __global__ void head_mean_kernel(const __grid_constant__ struct head_mean_args a)
{
    const size_t square = (size_t)a.len * a.len, image = blockIdx.y;
    const size_t i = (size_t)blockIdx.x * MAP_THREADS + threadIdx.x;
    if (i >= square)
        return;
    T sum = 0;
    for (int head = 0; head < a.heads; head++) {
        const size_t at = (image * a.heads + head) * square + i;
        const T x = rd<T>(a.a)[at];
        sum += a.b != NULL ? fmax(x * rd<T>(a.b)[at], T(0)) : x;
    }
    wr<T>(a.out)[image * square + i] = sum / T(a.heads);
}

template <typename T> static void head_mean(struct backend *be, const struct head_mean_args *a)
{
    const size_t square = (size_t)a->len * a->len;
    if (a->n > 0 && square > 0 && cu_begin(be))
        CU_LAUNCH(be, head_mean_kernel<T>, dim3(cu_blocks(square, MAP_THREADS), a->n), MAP_THREADS,
                  0, *a);
}

/* ---- the LRP of a + b, in double: its sums nearly cancel, and everything is divided by them ----
 */

enum { LRP_BLOCKS = 64 };

/* ΣR, Σ a Q and Σ b Q of a part of an image. */
struct lrp_sums {
    double r, a, b;
};

/* Grid: (LRP_BLOCKS, images). parts [n, LRP_BLOCKS]. R: what r, ra and rb hold. */
template <typename T, typename R>
static __global__ void lrp_sum_kernel(const __grid_constant__ struct lrp_add_args arg,
                                      struct lrp_sums *parts)
{
    const size_t first = (size_t)blockIdx.y * arg.count;
    const T *a = rd<T>(arg.a) + first, *b = rd<T>(arg.b) + first;
    const R *r = rd<R>(arg.r) + first;
    struct lrp_sums s = { 0, 0, 0 };
    for (size_t i = (size_t)blockIdx.x * MAP_THREADS + threadIdx.x; i < arg.count;
         i += (size_t)LRP_BLOCKS * MAP_THREADS) {
        const double q = safe_ratio(r[i], (double)a[i] + (double)b[i]);
        s.r += r[i];
        s.a += a[i] * q;
        s.b += b[i] * q;
    }
    s.r = block_reduce(s.r, add_op());
    s.a = block_reduce(s.a, add_op());
    s.b = block_reduce(s.b, add_op());
    if (threadIdx.x == 0)
        parts[(size_t)blockIdx.y * LRP_BLOCKS + blockIdx.x] = s;
}

/* What an image's shares are multiplied by. */
struct lrp_scales {
    double a, b;
};

/* A thread adds up an image's parts, in their order. */
static __global__ void lrp_scale_kernel(const struct lrp_sums *parts, struct lrp_scales *scales,
                                        int n)
{
    const int image = blockIdx.x * MAP_THREADS + threadIdx.x;
    if (image >= n)
        return;
    struct lrp_sums s = { 0, 0, 0 };
    for (int k = 0; k < LRP_BLOCKS; k++) {
        const struct lrp_sums part = parts[(size_t)image * LRP_BLOCKS + k];
        s.r += part.r;
        s.a += part.a;
        s.b += part.b;
    }
    const double both = fabs(s.a) + fabs(s.b);
    scales[image].a = safe_ratio(safe_ratio(fabs(s.a), both) * s.r, s.a);
    scales[image].b = safe_ratio(safe_ratio(fabs(s.b), both) * s.r, s.b);
}

/* Grid: (blocks of an image's tensor, images). */
template <typename T, typename R>
static __global__ void lrp_share_kernel(const __grid_constant__ struct lrp_add_args arg,
                                        const struct lrp_scales *scales)
{
    const size_t i = (size_t)blockIdx.x * MAP_THREADS + threadIdx.x;
    if (i >= arg.count)
        return;
    const struct lrp_scales scale = scales[blockIdx.y];
    const size_t at = (size_t)blockIdx.y * arg.count + i;
    const double a = rd<T>(arg.a)[at], b = rd<T>(arg.b)[at];
    const double q =
        safe_ratio(rd<R>(arg.r)[at], a + b); /* ra or rb may be r: q is taken already */
    wr<R>(arg.ra)[at] = (R)(a * q * scale.a);
    wr<R>(arg.rb)[at] = (R)(b * q * scale.b);
}

template <typename T, typename R>
static void lrp_add_of(struct backend *be, const struct lrp_add_args *a)
{
    if (a->n <= 0 || a->count == 0 || !cu_begin(be))
        return;
    const size_t n = (size_t)a->n, count = LRP_BLOCKS * n;
    struct lrp_sums *parts = (struct lrp_sums *)cu_scratch(
        be, SLOT_OP, count * sizeof(struct lrp_sums) + n * sizeof(struct lrp_scales));
    if (parts == NULL)
        return;
    struct lrp_scales *scales = (struct lrp_scales *)(parts + count);
    CU_LAUNCH(be, (lrp_sum_kernel<T, R>), dim3(LRP_BLOCKS, a->n), MAP_THREADS, 0, *a, parts);
    CU_LAUNCH(be, lrp_scale_kernel, cu_blocks(n, MAP_THREADS), MAP_THREADS, 0, parts, scales, a->n);
    CU_LAUNCH(be, (lrp_share_kernel<T, R>), dim3(cu_blocks(a->count, MAP_THREADS), a->n),
              MAP_THREADS, 0, *a, scales);
}

template <typename T> static void lrp_add(struct backend *be, const struct lrp_add_args *a)
{
    (a->single ? lrp_add_of<T, float> : lrp_add_of<T, T>)(be, a);
}

/* ---- rollout: the rows' weights, then the columns' sums ---- */

enum { ROLL_COLUMNS = 32, ROLL_PARTS = 8 }; /* of a block */

/* A warp takes a row of an image's map: weight = v_i / sum, and the sum itself. Grid: (rows,
 * images). */
template <typename T>
static __global__ void roll_rows_kernel(const __grid_constant__ struct rollout_args a,
                                        double *weights, double *sums)
{
    const int lane = threadIdx.x % 32, row = blockIdx.x * (MAP_THREADS / 32) + threadIdx.x / 32;
    if (row >= a.len)
        return;
    const size_t at = (size_t)blockIdx.y * a.len + row;
    const T *k = rd<T>(a.k) + at * a.len;
    double sum = 0;
    for (int j = lane; a.row_norm && j < a.len; j += 32)
        sum += (double)k[j];
    sum = 1 + warp_reduce(sum, add_op());
    if (lane == 0) {
        weights[at] = a.v[at] / (sum == 0 ? 1 : sum);
        sums[at] = sum;
    }
}

/* A block takes ROLL_COLUMNS columns, its warps every ROLL_PARTS-th row. Grid: (columns, images).
 */
template <typename T>
static __global__ void roll_columns_kernel(const __grid_constant__ struct rollout_args a,
                                           const double *weights, const double *sums)
{
    CU_SHARED_ARRAY(double, part, ROLL_PARTS *ROLL_COLUMNS);
    const int lane = threadIdx.x % ROLL_COLUMNS, own = threadIdx.x / ROLL_COLUMNS;
    const int column = blockIdx.x * ROLL_COLUMNS + lane;
    const size_t first = (size_t)blockIdx.y * a.len;
    double sum = 0;
    for (int i = own; i < a.len && column < a.len; i += ROLL_PARTS)
        sum += weights[first + i] * (double)rd<T>(a.k)[(first + i) * a.len + column];
    part[threadIdx.x] = sum;
    double zeros = 0;
    for (int i = threadIdx.x; blockIdx.x == 0 && i < a.len; i += ROLL_PARTS * ROLL_COLUMNS)
        zeros += sums[first + i] == 0;
    zeros = block_reduce(zeros, add_op()); /* its barrier also waits until `part` is whole */
    if (blockIdx.x == 0 && threadIdx.x == 0 && zeros > 0)
        a.zero[blockIdx.y] = 1;
    if (own != 0 || column >= a.len)
        return;
    sum = weights[first + column];
    for (int k = 0; k < ROLL_PARTS; k++)
        sum += part[k * ROLL_COLUMNS + lane];
    a.v[first + column] = sum;
}

template <typename T> static void rollout(struct backend *be, const struct rollout_args *a)
{
    const size_t rows = (size_t)a->n * (size_t)a->len;
    if (a->n <= 0 || a->len <= 0 || !cu_begin(be))
        return;
    double *weights = (double *)cu_scratch(be, SLOT_OP, 2 * rows * sizeof *weights);
    if (weights == NULL)
        return;
    CU_LAUNCH(be, roll_rows_kernel<T>, dim3(cu_blocks(a->len, MAP_THREADS / 32), a->n), MAP_THREADS,
              0, *a, weights, weights + rows);
    CU_LAUNCH(be, roll_columns_kernel<T>, dim3(cu_blocks(a->len, ROLL_COLUMNS), a->n),
              ROLL_COLUMNS * ROLL_PARTS, 0, *a, weights, weights + rows);
}

template <typename T> void cu_fill_vit(struct ops *op)
{
    op->rollout = rollout<T>;
    op->softmax_back = softmax_back<T>;
    op->head_mean = head_mean<T>;
    op->lrp_add = lrp_add<T>;
}

template void cu_fill_vit<float>(struct ops *);
template void cu_fill_vit<double>(struct ops *);
