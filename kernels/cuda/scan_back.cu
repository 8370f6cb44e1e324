/* Gradients of the selective scan and its gate (SPEC 2.2), with MambaLRP's changes (SPEC 5.5).
 *
 * 1. states_kernel runs the recurrence again, each direction by itself, and keeps its states and y;
 * 2. gate_kernel makes gz, and the gradient of y;
 * 3. walk_kernel walks each direction backwards and makes gu, the gradient before the softplus, and
 *    for every warp of channels its sums for the columns B and C of gxdbl;
 * 4. columns_kernel adds up those sums, and a matrix product makes the columns δ.
 * Scratch is taken for as many images as SCRATCH allows, and the images are done in such groups. */
#include "scan.h"

enum { WALK_WARPS = 2, WALK_CHANNELS = 32 * WALK_WARPS };
enum { SUMS = 8 }; /* states whose sums over a warp are made together: more would spill in double */
enum : size_t { SCRATCH = (size_t)1 << 30 };

/* Scratch of one group of images. E channels, W = ceil(E / 32) warps of channels, room for N
 * states. */
template <typename T> struct work {
    T *states; /* [n, 2, L, N, E]  s after each token */
    T *y;      /* [n, 2, L, E]     scan output with D u; then gpre, the gradient before softplus */
    T *pre;    /* [n, 2, L, E]     δ W_Δᵀ + b_Δ */
    T *gy;     /* [n, L, E]        gradient of y, the same for both directions */
    T *sums;   /* [n, 2, W, L, 2N] of B and C over a warp's channels */
    int warps;
};

/* Elements of each array for one image, in the order of struct work. */
struct work_size {
    size_t states, y, gy, sums;
};

static struct work_size size_of_image(const struct scan_back_args *a, int room)
{
    const size_t dense = (size_t)a->len * a->chan;
    return (struct work_size){ 2 * dense * room, 2 * dense, dense,
                               (size_t)2 * cu_blocks(a->chan, 32) * a->len * 2 * room };
}

/* Grid: (blocks of channels, directions, images). */
template <typename T, int N>
static __global__ void __launch_bounds__(SCAN_CHANNELS, 1)
    states_kernel(const __grid_constant__ struct scan_back_args a,
                  const __grid_constant__ struct work<T> w)
{
    CU_SHARED_DYNAMIC(T, tile);
    const int dir = blockIdx.y, size = tile_size(a.rank, N);
    const int own = blockIdx.x * SCAN_CHANNELS + threadIdx.x;
    const bool live = own < a.chan;
    const int chan = live ? own : a.chan - 1;
    const size_t row = (size_t)blockIdx.z * a.len, side = ((size_t)blockIdx.z * 2 + dir) * a.len;
    const struct scan_dir &d = a.dir[dir];
    const T *xdbl = rd<T>(d.xdbl) + row * (a.rank + 2 * a.state);
    const T *w_dt = rd<T>(d.w_dt) + chan, *u_in = rd<T>(d.u) + row * a.chan + chan;
    const T bias = rd<T>(d.b_dt)[chan], skip = rd<T>(d.d)[chan];
    T s[N], a2[N];
    load_rates(rd<T>(d.a), a.state, a.chan, chan, a2);
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++)
        s[n] = 0;
    clear_tile(tile, size, threadIdx.x, SCAN_CHANNELS);
    for (int start = 0; start < a.len; start += SCAN_TILE) {
        const int count = min((int)SCAN_TILE, a.len - start);
        __syncthreads();
        load_tile(tile, xdbl, dir, a.len, a.rank, a.state, N, start, count, threadIdx.x,
                  SCAN_CHANNELS);
        __syncthreads();
        T pre[SCAN_TILE];
        project(tile, w_dt, bias, a.rank, a.chan, pre);
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++) {
            if (k >= count)
                break;
            const int token = scan_token(dir, a.len, start + k);
            const T y = scan_step<T, N>(s, a2, tile + SCAN_TILE * a.rank + k * 2 * N,
                                        softplus(pre[k]), u_in[(size_t)token * a.chan], skip);
            if (!live)
                continue;
            w.y[(side + token) * a.chan + chan] = y;
            w.pre[(side + token) * a.chan + chan] = pre[k];
#pragma unroll scan_unroll(N)
            for (int n = 0; n < N; n++)
                w.states[((side + token) * N + n) * a.chan + chan] = s[n];
        }
    }
}

/* out = ybar SiLU(z), ybar = (y_0 + y_1) / 2: fills gz and gy. */
template <typename T>
static __global__ void gate_kernel(const __grid_constant__ struct scan_back_args a,
                                   const __grid_constant__ struct work<T> w)
{
    const size_t dense = (size_t)a.len * a.chan;
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= dense)
        return;
    const size_t image = blockIdx.y, token = image * a.len + i / a.chan;
    const int chan = i % a.chan;
    const T share = a.half_gate ? T(0.5) : T(1);
    const T g = share * rd<T>(a.gout)[image * dense + i];
    const T z = rd<T>(a.z)[token * a.ldz + chan];
    const T *y = w.y + image * 2 * dense + i;
    wr<T>(a.gz)[token * a.ldgz + chan] =
        g * ((y[0] + y[dense]) * T(0.5)) * silu_slope(z, a.silu_ratio);
    w.gy[image * dense + i] = g * silu(z) * T(0.5);
}

/* Sums of v over the warp's channels, to `to` [N]. */
template <typename T, int N>
static __device__ __forceinline__ void store_sums(T (&v)[N], T *to, int lane)
{
    const T sum = warp_scatter_sum<T, N>(v, lane);
    if (lane % (32 / N) == 0)
        to[scatter_index(lane, N)] = sum;
}

/* Grid: (blocks of channels, directions, images). gs holds ∂/∂s_t when token t is reached. Idle
 * threads take part in the warps' sums with zeros. */
template <typename T, int N>
static __global__ void __launch_bounds__(WALK_CHANNELS, 1)
    walk_kernel(const __grid_constant__ struct scan_back_args a,
                const __grid_constant__ struct work<T> w)
{
    const int dir = blockIdx.y, lane = threadIdx.x % 32;
    const int own = blockIdx.x * WALK_CHANNELS + threadIdx.x;
    const bool live = own < a.chan;
    const int chan = live ? own : a.chan - 1;
    const size_t row = (size_t)blockIdx.z * a.len, side = ((size_t)blockIdx.z * 2 + dir) * a.len;
    const int warp = own / 32; /* may be past the last: all of its threads are idle */
    const struct scan_dir &d = a.dir[dir];
    const int cols = a.rank + 2 * a.state;
    const T *xdbl = rd<T>(d.xdbl) + row * cols;
    const T *u_in = rd<T>(d.u) + row * a.chan + chan;
    const T skip = rd<T>(d.d)[chan];
    T *gu_out = wr<T>(a.gu[dir]) + row * a.chan + chan;
    T *gpre_out = w.y + side * a.chan + chan;
    T *sums = w.sums + (((size_t)blockIdx.z * 2 + dir) * w.warps + warp) * a.len * 2 * N;
    T gs[N], s[N], a2[N];
    load_rates(rd<T>(d.a), a.state, a.chan, chan, a2);
    const T *states = w.states + side * N * a.chan + chan;
    const int last = scan_token(dir, a.len, a.len - 1);
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++) {
        gs[n] = 0;
        s[n] = states[((size_t)last * N + n) * a.chan];
    }
    for (int step = a.len - 1; step >= 0; step--) {
        const int t = scan_token(dir, a.len, step), prev = scan_token(dir, a.len, step - 1);
        const T *b = xdbl + (size_t)t * cols + a.rank, *c = b + a.state;
        const T u = u_in[(size_t)t * a.chan], pre = w.pre[(side + t) * a.chan + chan];
        const T gy = live ? w.gy[(row + t) * a.chan + chan] : T(0);
        const T delta = softplus(pre);
        T gu = gy * skip, gdelta = 0;
#pragma unroll scan_unroll(N / SUMS)
        for (int first = 0; first < N; first += SUMS) {
            T gb[SUMS], gc[SUMS];
#pragma unroll
            for (int i = 0; i < SUMS; i++) {
                const int n = first + i;
                const T bn = n < a.state ? b[n] : T(0), cn = n < a.state ? c[n] : T(0);
                const T before = step > 0 ? states[((size_t)prev * N + n) * a.chan] : T(0);
                const T decay = exp2_of(delta * a2[n]), g = gs[n] + gy * cn;
                gu += g * delta * bn;
                gdelta += g * (bn * u + a2[n] * T(1 / LOG2E) * decay * before);
                gb[i] = g * delta * u;
                gc[i] = gy * s[n];
                gs[n] = g * decay;
                s[n] = before;
            }
            if (!a.detach && warp < w.warps) {
                store_sums(gb, sums + (size_t)t * 2 * N + first, lane);
                store_sums(gc, sums + (size_t)t * 2 * N + N + first, lane);
            }
        }
        if (live)
            gu_out[(size_t)t * a.chan] = gu;
        if (live && !a.detach) /* else Δ, B and C are constants: nothing flows back through xdbl */
            gpre_out[(size_t)t * a.chan] = gdelta * softplus_slope(pre);
    }
}

/* The columns B and C of gxdbl: a thread adds up one of them over the warps. */
template <typename T, int N>
static __global__ void columns_kernel(const __grid_constant__ struct scan_back_args a,
                                      const __grid_constant__ struct work<T> w)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, dir = blockIdx.y;
    if (i >= a.len * 2 * a.state)
        return;
    const int t = i / (2 * a.state), col = i % (2 * a.state);
    const int from = col < a.state ? col : N + (col - a.state);
    const T *sums = w.sums + ((size_t)blockIdx.z * 2 + dir) * w.warps * a.len * 2 * N;
    T sum = 0;
    for (int warp = 0; warp < w.warps; warp++)
        sum += sums[((size_t)warp * a.len + t) * 2 * N + from];
    const size_t row = (size_t)blockIdx.z * a.len + t;
    wr<T>(a.gxdbl[dir])[row * (a.rank + 2 * a.state) + a.rank + col] = sum;
}

/* The columns δ of gxdbl: gpre W_Δ for every image of the group, one product a direction. */
template <typename T>
static void rank_columns(struct backend *be, const struct scan_back_args *a,
                         const struct work<T> *w)
{
    const size_t cols = (size_t)a->rank + 2 * a->state, dense = (size_t)a->len * a->chan;
    for (int dir = 0; dir < 2; dir++) {
        struct matmul_args m = {};
        m.b0 = a->n;
        m.b1 = 1;
        m.m = a->len;
        m.n = a->rank;
        m.k = a->chan;
        m.a.p = (const real *)(w->y + dir * dense);
        m.a.ld = a->chan;
        m.a.s0 = 2 * dense;
        m.b.p = a->dir[dir].w_dt;
        m.b.ld = a->chan;
        m.tb = true;
        m.c.p = a->gxdbl[dir];
        m.c.ld = cols;
        m.c.s0 = a->len * cols;
        m.alpha = 1;
        cu_matmul<T>(be, &m, true);
    }
}

template <typename T, int N>
static void run_group(struct backend *be, const struct scan_back_args *a, const struct work<T> *w)
{
    const size_t tile = (size_t)tile_size(a->rank, N) * sizeof(T);
    const dim3 grid(cu_blocks(a->chan, SCAN_CHANNELS), 2, a->n);
    const auto states = states_kernel<T, N>;
    const auto walk = walk_kernel<T, N>;
    const auto columns = columns_kernel<T, N>;
    if (tile > 48 << 10 &&
        !CU_TRY(be, cudaFuncSetAttribute(states, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         (int)tile)))
        return;
    CU_LAUNCH(be, states, grid, SCAN_CHANNELS, tile, *a, *w);
    CU_LAUNCH(be, gate_kernel<T>, dim3(cu_blocks((size_t)a->len * a->chan, 256), a->n), 256, 0, *a,
              *w);
    CU_LAUNCH(be, walk, dim3(cu_blocks(a->chan, WALK_CHANNELS), 2, a->n), WALK_CHANNELS, 0, *a, *w);
    if (a->detach)
        return;
    CU_LAUNCH(be, columns, dim3(cu_blocks((size_t)a->len * 2 * a->state, 128), 2, a->n), 128, 0, *a,
              *w);
    rank_columns(be, a, w);
}

/* Arguments of the images from `first` on. */
static struct scan_back_args from_image(const struct backend *be, const struct scan_back_args *args,
                                        int first, int n)
{
    struct scan_back_args a = *args;
    const size_t rows = (size_t)first * a.len, cols = (size_t)a.rank + 2 * a.state;
    a.n = n;
    a.z = be_at(be, a.z, rows * a.ldz);
    a.gz = be_at(be, a.gz, rows * a.ldgz);
    a.gout = be_at(be, a.gout, rows * a.chan);
    for (int dir = 0; dir < 2; dir++) {
        a.dir[dir].u = be_at(be, a.dir[dir].u, rows * a.chan);
        a.dir[dir].xdbl = be_at(be, a.dir[dir].xdbl, rows * cols);
        a.gu[dir] = be_at(be, a.gu[dir], rows * a.chan);
        if (!a.detach)
            a.gxdbl[dir] = be_at(be, a.gxdbl[dir], rows * cols);
    }
    return a;
}

template <typename T, int N> static void run(struct backend *be, const struct scan_back_args *args)
{
    const struct work_size size = size_of_image(args, N);
    const size_t image = (size.states + 2 * size.y + size.gy + size.sums) * sizeof(T);
    int group = image > SCRATCH ? 1 : (int)(SCRATCH / image);
    group = group < args->n ? group : args->n;
    struct work<T> w;
    w.states = (T *)cu_scratch(be, SLOT_OP, group * image);
    if (w.states == NULL)
        return;
    w.y = w.states + group * size.states;
    w.pre = w.y + group * size.y;
    w.gy = w.pre + group * size.y;
    w.sums = w.gy + group * size.gy;
    w.warps = (int)cu_blocks(args->chan, 32);
    for (int at = 0; at < args->n; at += group) {
        const struct scan_back_args a =
            from_image(be, args, at, args->n - at < group ? args->n - at : group);
        run_group<T, N>(be, &a, &w);
    }
}

template <typename T> static void scan_back(struct backend *be, const struct scan_back_args *a)
{
    if (a->n > 0 && a->len > 0 && a->chan > 0 && cu_begin(be) && scan_state_fits(be, a->state))
        SCAN_DISPATCH(T, run, be, a->state, a);
}

template <typename T> void cu_fill_scan_back(struct ops *op)
{
    op->scan_back = scan_back<T>;
}

template void cu_fill_scan_back<float>(struct ops *);
template void cu_fill_scan_back<double>(struct ops *);
