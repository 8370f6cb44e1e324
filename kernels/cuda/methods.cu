/* What further explanation methods need: gradients at the pixels, noise, sums of images, AttnLRP's
 * rule, influence through a scan. */
#include "draw.h"
#include "scan.h"

enum { THREADS = 256 };

/* ---- pixels and patches ---- */

/* A thread makes a pixel: the sum over the patches that hold it. */
template <typename T> static __global__ void fold_kernel(const __grid_constant__ struct fold_args a)
{
    const size_t pixels = (size_t)a.side * a.side, at = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (at >= a.n * pixels)
        return;
    const int plane = a.patch * a.patch;
    const int y = (int)(at % pixels) / a.side, x = (int)(at % pixels) % a.side;
    const T *from = rd<T>(a.patches) + at / pixels * a.grid * a.grid * 3 * plane;
    T sum[3] = { 0, 0, 0 };
    const int top = max(0, (y - a.patch) / a.stride), left = max(0, (x - a.patch) / a.stride);
    for (int gy = top; gy < a.grid && gy * a.stride <= y; gy++)
        for (int gx = left; gx < a.grid && gx * a.stride <= x; gx++) {
            const int dy = y - gy * a.stride, dx = x - gx * a.stride;
            if (dy >= a.patch || dx >= a.patch)
                continue;
            const T *p = from + (size_t)(gy * a.grid + gx) * 3 * plane + dy * a.patch + dx;
            for (int c = 0; c < 3; c++)
                sum[c] += p[c * plane];
        }
    for (int c = 0; c < 3; c++)
        wr<T>(a.out)[3 * at + c] = sum[c];
}

template <typename T> static void fold(struct backend *be, const struct fold_args *a)
{
    const size_t pixels = (size_t)a->n * a->side * a->side;
    if (pixels != 0 && cu_begin(be))
        CU_LAUNCH(be, fold_kernel<T>, cu_blocks(pixels, THREADS), THREADS, 0, *a);
}

/* As many images as travel in a kernel's arguments (4 KiB). */
enum { ITEMS = 64 };

struct noise_items {
    uint64_t stream[ITEMS];
    double sigma[ITEMS];
};

/* Grid: (patches, images). */
template <typename T>
static __global__ void noise_kernel(const __grid_constant__ struct noise_args a,
                                    const __grid_constant__ struct noise_items items)
{
    const int size = a.patch, cols = 3 * size * size;
    const int top = blockIdx.x / a.grid * a.stride, left = blockIdx.x % a.grid * a.stride;
    T *out = wr<T>(a.patches) + ((size_t)blockIdx.y * gridDim.x + blockIdx.x) * cols;
    for (int col = threadIdx.x; col < cols; col += THREADS) {
        const int line = col / size, c = line / size;
        const uint64_t row = (uint64_t)c * a.side + top + line % size;
        const uint64_t value = row * a.side + left + col % size;
        const double draw = draw_normal(items.stream[blockIdx.y], value);
        out[col] = (T)(out[col] + items.sigma[blockIdx.y] * draw);
    }
}

template <typename T> static void noise(struct backend *be, const struct noise_args *args)
{
    if (!cu_begin(be))
        return;
    struct noise_args a = *args;
    const size_t count = (size_t)3 * a.patch * a.patch * a.grid * a.grid;
    for (int at = 0; at < args->n; at += ITEMS) {
        struct noise_items items = {};
        a.n = args->n - at < ITEMS ? args->n - at : ITEMS;
        for (int i = 0; i < a.n; i++) {
            items.stream[i] = args->stream[at + i];
            items.sigma[i] = args->sigma[at + i];
        }
        a.patches = be_at(be, args->patches, at * count);
        CU_LAUNCH(be, noise_kernel<T>, dim3(a.grid * a.grid, a.n), THREADS, 0, a, items);
    }
}

struct mix_items {
    double x[ITEMS], y[ITEMS];
};

/* Grid: (blocks of elements, images). */
template <typename T>
static __global__ void mix_kernel(const __grid_constant__ struct mix_args a,
                                  const __grid_constant__ struct mix_items w)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.count)
        return;
    const size_t at = blockIdx.y * a.count + i;
    T v = (T)w.x[blockIdx.y] * rd<T>(a.x)[at];
    if (a.y != NULL)
        v += (T)w.y[blockIdx.y] * rd<T>(a.y)[at];
    wr<T>(a.out)[at] = a.accumulate ? rd<T>(a.out)[at] + v : v;
}

template <typename T> static void mix(struct backend *be, const struct mix_args *args)
{
    if (args->count == 0 || !cu_begin(be))
        return;
    struct mix_args a = *args;
    for (int at = 0; at < args->n; at += ITEMS) {
        struct mix_items w = {};
        a.n = args->n - at < ITEMS ? args->n - at : ITEMS;
        for (int i = 0; i < a.n; i++) {
            w.x[i] = args->wx[at + i];
            w.y[i] = a.y != NULL ? args->wy[at + i] : 0;
        }
        a.x = be_at(be, args->x, at * a.count);
        a.y = a.y != NULL ? be_at(be, args->y, at * a.count) : NULL;
        a.out = be_at(be, args->out, at * a.count);
        CU_LAUNCH(be, mix_kernel<T>, dim3(cu_blocks(a.count, THREADS), a.n), THREADS, 0, a, w);
    }
}

/* ---- the gamma rule ---- */

template <typename T>
static __global__ void gamma_split_kernel(const __grid_constant__ struct gamma_split_args a)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= (size_t)a.rows * a.cols)
        return;
    const T y = rd<T>(a.y)[i], t = rd<T>(a.t)[i], b = rd<T>(a.b)[i % a.cols];
    const T more = y > 0 ? (y - b + t) / 2 + fmax(b, T(0)) : (y - b - t) / 2 + fmin(b, T(0));
    const T d = y + (T)a.gamma * more;
    const T s = y == 0 ? T(0) : rd<T>(a.g)[i] * y / (d + (d < 0 ? T(-1e-6) : T(1e-6)));
    wr<T>(a.s)[i] = s;
    wr<T>(a.s_abs)[i] = y > 0 ? s : -s;
}

template <typename T> static void gamma_split(struct backend *be, const struct gamma_split_args *a)
{
    const size_t count = (size_t)a->rows * a->cols;
    if (count != 0 && cu_begin(be))
        CU_LAUNCH(be, gamma_split_kernel<T>, cu_blocks(count, THREADS), THREADS, 0, *a);
}

template <typename T>
static __global__ void gamma_join_kernel(const __grid_constant__ struct gamma_join_args a)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.count)
        return;
    const T half = (T)(a.gamma / 2), w = rd<T>(a.x)[i] > 0 ? half : -half;
    wr<T>(a.gx)[i] = (T(1) + half) * rd<T>(a.a)[i] + w * rd<T>(a.b)[i];
}

template <typename T> static void gamma_join(struct backend *be, const struct gamma_join_args *a)
{
    if (a->count != 0 && cu_begin(be))
        CU_LAUNCH(be, gamma_join_kernel<T>, cu_blocks(a->count, THREADS), THREADS, 0, *a);
}

/* ---- influence through a scan ---- */

enum { INFLUENCE_THREADS = 64 };

/* Σ_n of one token: the Jacobian's, where q holds what later tokens make of its state, or the
 * Gramian's. rate: A log2(e); bc: B, then C. */
template <typename T, int N>
static __device__ __forceinline__ double influence_at(bool gramian, int state, const T *bc, T delta,
                                                      T (&q)[N], const T (&rate)[N])
{
    double sum = 0;
    for (int n = 0; n < N; n++) {
        const T b = n < state ? bc[n] : T(0), c = n < state ? bc[state + n] : T(0);
        if (gramian) {
            const double push = (double)delta * b * c;
            const double lost = -expm1(2 / LOG2E * (double)delta * (double)rate[n]);
            sum += push * push / (lost + 1e-8);
            continue;
        }
        q[n] += fabs(c);
        sum += (double)(fabs(b) * delta * q[n]);
        q[n] *= exp2_of(delta * rate[n]);
    }
    return sum;
}

/* Grid: (blocks of channels, directions, images). A thread walks a channel from the direction's
 * last token on; part [n, 2, warps, L] has the sums of each warp. */
template <typename T, int N>
static __global__ void influence_kernel(const __grid_constant__ struct scan_influence_args a,
                                        double *part)
{
    const int chan = blockIdx.x * INFLUENCE_THREADS + threadIdx.x, dir = blockIdx.y;
    const bool live = chan < a.chan;
    const int cols = a.rank + 2 * a.state, warps = gridDim.x * (INFLUENCE_THREADS / 32);
    const size_t image = blockIdx.z, row = image * a.len;
    T q[N], rate[N];
    load_rates(rd<T>(a.dir[dir].a), a.state, a.chan, live ? chan : a.chan - 1, rate);
    for (int n = 0; n < N; n++)
        q[n] = 0;
    part += ((image * 2 + dir) * warps + blockIdx.x * (INFLUENCE_THREADS / 32) + threadIdx.x / 32) *
            a.len;
    for (int step = 0; step < a.len; step++) {
        const int t = scan_token(dir, a.len, a.len - 1 - step);
        const T *bc = rd<T>(a.dir[dir].xdbl) + (row + t) * cols + a.rank;
        const T delta = live ? rd<T>(a.dir[dir].delta)[(row + t) * a.chan + chan] : T(0);
        const double sum = influence_at<T, N>(a.gramian, a.state, bc, delta, q, rate);
        const double all = warp_reduce(live ? sum : 0.0, add_op());
        if (threadIdx.x % 32 == 0)
            part[t] = all;
    }
}

/* Grid: (tokens, images). */
template <typename T>
static __global__ void influence_join_kernel(const double *part, int parts, int len, int chan,
                                             real *out)
{
    double sum = 0;
    for (int i = threadIdx.x; i < parts; i += 32)
        sum += part[((size_t)blockIdx.y * parts + i) * len + blockIdx.x];
    sum = warp_reduce(sum, add_op());
    if (threadIdx.x == 0)
        wr<T>(out)[(size_t)blockIdx.y * len + blockIdx.x] = (T)(sum / (2.0 * chan));
}

template <typename T, int N>
static void run_influence(struct backend *be, const struct scan_influence_args *a)
{
    const unsigned blocks = cu_blocks(a->chan, INFLUENCE_THREADS);
    const int parts = 2 * (int)blocks * (INFLUENCE_THREADS / 32);
    double *part = (double *)cu_scratch(be, SLOT_OP, (size_t)a->n * parts * a->len * sizeof *part);
    if (part == NULL)
        return;
    const auto kernel = influence_kernel<T, N>;
    CU_LAUNCH(be, kernel, dim3(blocks, 2, a->n), INFLUENCE_THREADS, 0, *a, part);
    CU_LAUNCH(be, influence_join_kernel<T>, dim3(a->len, a->n), 32, 0, part, parts, a->len, a->chan,
              a->out);
}

template <typename T>
static void scan_influence(struct backend *be, const struct scan_influence_args *a)
{
    if (a->n > 0 && a->len > 0 && a->chan > 0 && cu_begin(be) && scan_state_fits(be, a->state))
        SCAN_DISPATCH(T, run_influence, be, a->state, a);
}

template <typename T> void cu_fill_methods(struct ops *op)
{
    op->fold = fold<T>;
    op->noise = noise<T>;
    op->mix = mix<T>;
    op->gamma_split = gamma_split<T>;
    op->gamma_join = gamma_join<T>;
    op->scan_influence = scan_influence<T>;
}

template void cu_fill_methods<float>(struct ops *);
template void cu_fill_methods<double>(struct ops *);
