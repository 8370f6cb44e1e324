/* Hidden attention (SPEC 4): rows and matrices. A thread walks away from row i in one channel and
 * sums the Δ of the tokens passed, i's own first: one exponential of the sum in place of a product
 * of exponentials, whose errors would add up. */
#include "scan.h"
#include "sign_reduce.h"

/* One channel of one direction of an image. */
template <typename T> struct walk {
    const T *delta; /* [L, E] at the channel */
    const T *xdbl;  /* [L, R+2N] */
    int chans, cols, rank, state;
    T passed; /* Σ Δ */
};

/* delta: not NULL. */
template <typename T>
static __device__ __forceinline__ struct walk<T>
walk_of(const struct attn_dir &d, int len, int chan, int chans, int rank, int state, size_t image) {
    const int cols = rank + 2 * state;
    return (struct walk<T>){ rd<T>(d.delta) + image * len * chans + chan,
                             rd<T>(d.xdbl) + image *len *cols,
                             chans,
                             cols,
                             rank,
                             state,
                             T(0) };
}

/* c = C_i */
template <typename T, int N>
static __device__ __forceinline__ void load_row(const struct walk<T> &k, int row, T (&c)[N])
{
    const T *from = k.xdbl + (size_t)row * k.cols + k.rank + k.state;
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++)
        c[n] = n < k.state ? from[n] : T(0);
}

/* α[i, j]; then token j's own decay is passed, where asked. */
template <typename T, int N>
static __device__ __forceinline__ T walk_step(struct walk<T> *k, int j, const T (&a2)[N],
                                              const T (&c)[N], bool decay)
{
    const T delta = k->delta[(size_t)j * k->chans], *b = k->xdbl + (size_t)j * k->cols + k->rank;
    T sum = 0;
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++)
        sum += c[n] * exp2_of(k->passed * a2[n]) * (n < k->state ? b[n] : T(0));
    k->passed += decay ? delta : T(0);
    return sum * delta;
}

enum { ROW_THREADS = 64 };

/* Grid: (blocks of channels, directions, images). Direction 0 writes the tokens up to i, direction
 * 1 those after it; at i itself both meet, and direction 0's thread adds them. */
template <typename T, int N>
static __global__ void __launch_bounds__(ROW_THREADS, 1)
    hidden_row_kernel(const __grid_constant__ struct hidden_row_args a)
{
    const int chan = blockIdx.x * ROW_THREADS + threadIdx.x, dir = blockIdx.y;
    if (chan >= a.chan)
        return;
    const size_t image = blockIdx.z;
    T *out = wr<T>(a.out) + image * a.len * a.chan + chan, c[N], a2[N], meeting = 0;
    if (dir == 0 && a.diagonal && a.dir[1].delta != NULL) {
        struct walk<T> other = walk_of<T>(a.dir[1], a.len, chan, a.chan, a.rank, a.state, image);
        load_rates(rd<T>(a.dir[1].a), a.state, a.chan, chan, a2);
        load_row(other, a.row, c);
        meeting = walk_step(&other, a.row, a2, c, false);
    }
    const bool present = a.dir[dir].delta != NULL;
    struct walk<T> own = {
    };
    if (present) {
        own = walk_of<T>(a.dir[dir], a.len, chan, a.chan, a.rank, a.state, image);
        load_rates(rd<T>(a.dir[dir].a), a.state, a.chan, chan, a2);
        load_row(own, a.row, c);
        const T first = walk_step(&own, a.row, a2, c, a.own_decay);
        if (a.diagonal && dir == 0)
            meeting += first;
    }
    if (dir == 0)
        out[(size_t)a.row * a.chan] = meeting;
    const int step = dir == 0 ? -1 : 1;
    for (int j = a.row + step; j >= 0 && j < a.len; j += step)
        out[(size_t)j * a.chan] = present ? walk_step(&own, j, a2, c, true) : T(0);
}

template <typename T, int N>
static void run_row(struct backend *be, const struct hidden_row_args *a)
{
    const auto kernel = hidden_row_kernel<T, N>;
    CU_LAUNCH(be, kernel, dim3(cu_blocks(a->chan, ROW_THREADS), 2, a->n), ROW_THREADS, 0, *a);
}

template <typename T> static void hidden_row(struct backend *be, const struct hidden_row_args *a)
{
    if (a->n > 0 && a->len > 0 && a->chan > 0 && cu_begin(be) && scan_state_fits(be, a->state))
        SCAN_DISPATCH(T, run_row, be, a->state, a);
}

/* ---- whole matrices ----
 * A block makes row i of an image. Its warps take 32 channels at a time, walk the row, and reduce
 * every entry over their lanes, in double as the reference does; partial [warps, L] in shared
 * memory holds what each warp has seen. */

/* Entry j of the warp's channels joins the warp's partial and the lane's range. Lanes without a
 * channel bring what changes nothing. */
static __device__ __forceinline__ void add_entry(const struct hidden_matrix_args &a, bool live,
                                                 double x, double *entry, struct range *r)
{
    const struct reduce_op op = { a.reduce };
    x = apply_sign(a.sign, x);
    if (live) {
        r->min = fmin(r->min, x);
        r->max = fmax(r->max, x);
    }
    x = warp_reduce(live ? x : reduce_start(a.reduce), op);
    if (threadIdx.x % 32 == 0)
        *entry = op(*entry, x);
}

/* The warp's 32 channels of row i; `chan` is valid also where not live. */
template <typename T, int N>
static __device__ __forceinline__ void add_channels(const struct hidden_matrix_args &a, int row,
                                                    size_t image, int chan, bool live,
                                                    double *partial, struct range *r)
{
    double meeting = 0;
#pragma unroll 1
    for (int dir = 0; dir < 2; dir++) {
        const int step = dir == 0 ? -1 : 1;
        T c[N], a2[N];
        if (a.dir[dir].delta == NULL) {
            for (int j = row + step; j >= 0 && j < a.len; j += step)
                add_entry(a, live, 0, partial + j, r);
            continue;
        }
        struct walk<T> k = walk_of<T>(a.dir[dir], a.len, chan, a.chan, a.rank, a.state, image);
        load_rates(rd<T>(a.dir[dir].a), a.state, a.chan, chan, a2);
        load_row(k, row, c);
        const T first = walk_step(&k, row, a2, c, a.own_decay);
        meeting += a.diagonal ? (double)first : 0;
        for (int j = row + step; j >= 0 && j < a.len; j += step)
            add_entry(a, live, walk_step(&k, j, a2, c, true), partial + j, r);
    }
    add_entry(a, live, meeting, partial + row, r);
}

/* Grid: (rows, images); ranges [n, L, 2], one of each block. */
template <typename T, int N>
static __global__ void hidden_matrix_kernel(const __grid_constant__ struct hidden_matrix_args a,
                                            double *ranges)
{
    CU_SHARED_DYNAMIC(double, partial);
    const int row = blockIdx.x, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const size_t image = blockIdx.y;
    const int first = a.chan_count != 0 ? a.chan_first : 0;
    const int count = a.chan_count != 0 ? a.chan_count : a.chan;
    struct range r = { INFINITY, -INFINITY };
    for (int j = threadIdx.x; j < warps * a.len; j += blockDim.x)
        partial[j] = reduce_start(a.reduce);
    __syncthreads();
    for (int at = warp * 32; at < count; at += warps * 32) {
        const int own = at + threadIdx.x % 32;
        const bool live = own < count;
        add_channels<T, N>(a, row, image, first + (live ? own : count - 1), live,
                           partial + warp * a.len, &r);
    }
    __syncthreads();
    const struct reduce_op op = { a.reduce };
    for (int j = threadIdx.x; j < a.len; j += blockDim.x) {
        double sum = partial[j];
        for (int i = 1; i < warps; i++)
            sum = op(sum, partial[i * a.len + j]);
        wr<T>(a.out)[(image * a.len + row) * a.len + j] =
            (T)(a.reduce == REDUCE_MEAN ? sum / count : sum);
    }
    r.min = block_reduce(r.min, min_op());
    r.max = block_reduce(r.max, max_op());
    if (threadIdx.x == 0) {
        ranges[2 * (image * a.len + row)] = r.min;
        ranges[2 * (image * a.len + row) + 1] = r.max;
    }
}

enum { MATRIX_WARPS = 8 };

template <typename T, int N>
static void run_matrix(struct backend *be, const struct hidden_matrix_args *a, double *ranges)
{
    /* fewer warps where rows are long: 48 KiB of shared memory are there without asking */
    int warps = MATRIX_WARPS;
    while (warps > 1 && (size_t)warps * a->len * sizeof(double) > 47 << 10)
        warps /= 2;
    const size_t shared = (size_t)warps * a->len * sizeof(double);
    const auto kernel = hidden_matrix_kernel<T, N>;
    if (shared > 47 << 10 &&
        !CU_TRY(be, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         (int)shared)))
        return;
    CU_LAUNCH(be, kernel, dim3(a->len, a->n), 32 * warps, shared, *a, ranges);
}

template <typename T>
static void hidden_matrix(struct backend *be, const struct hidden_matrix_args *a)
{
    if (a->n <= 0 || a->len <= 0 || a->chan <= 0 || !cu_begin(be) || !scan_state_fits(be, a->state))
        return;
    double *ranges = (double *)cu_scratch(be, SLOT_OP, (size_t)a->n * a->len * 2 * sizeof(double));
    if (ranges == NULL)
        return;
    SCAN_DISPATCH(T, run_matrix, be, a->state, a, ranges);
    if (a->range != NULL)
        cu_join_ranges<T>(be, ranges, a->n, a->len, a->range);
}

template <typename T> void cu_fill_hidden(struct ops *op)
{
    op->hidden_row = hidden_row<T>;
    op->hidden_matrix = hidden_matrix<T>;
}

template void cu_fill_hidden<float>(struct ops *);
template void cu_fill_hidden<double>(struct ops *);
