/* The selective scan (SPEC 2.2): step projection, softplus, both directions and the gate in one
 * kernel. Half of a block's threads run forward over the tokens, the other half backward. Where a
 * direction comes to a token first, it leaves its y in `out`; where second, it takes the other's y
 * from there, averages and gates. Each direction's tokens of the first half are just the other's of
 * the second (scan_meeting), and between the halves lies a barrier.
 *
 * Its two floors, for a layer of Vim-S (E = 768, N = 16, R = 24, L = 197) and an image on an H100
 * (132 multiprocessors at 1.98 GHz, 3.0 TB/s as a copy measures it): exponentials  2 L E N = 4.84
 * million, 16 a clock and multiprocessor: 1.16 us, the larger one; bytes u twice, z, out (4 L E)
 * and xdbl (2 L (R + 2N)): 2.5 MB in float, 0.83 us; 1.3 MB narrow, 0.43 us. The kernel here takes
 * any size; its 224 instructions a step and channel do not fit under the exponentials (128 clocks
 * of a scheduler): 38 % of the floor, as measured. Vim's own sizes are scan_pair.h's. */
#include "scan_pair.h"

/* What becomes of a tile's Δ and y. X: the element of u, z and out. */
template <typename T, typename X>
static __device__ __forceinline__ void finish(const struct scan_args &a, int dir, bool second,
                                              size_t row, int chan, int start, int count,
                                              const T (&delta)[SCAN_TILE], const T (&y)[SCAN_TILE])
{
    const int way = dir == 0 ? 1 : -1, step = way * a.chan, step_z = way * (int)a.ldz;
    const ptrdiff_t token = (ptrdiff_t)row + scan_token(dir, a.len, start);
    const ptrdiff_t at = token * a.chan + chan;
    if (a.delta[dir] != NULL)
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++)
            if (k < count)
                wr<T>(a.delta[dir])[at + k * step] = delta[k];
    if (a.y[dir] != NULL)
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++)
            if (k < count)
                wr<T>(a.y[dir])[at + k * step] = y[k];
    X *out = wr<X>(a.out) + at;
    if (!second) {
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++, out += step)
            if (k < count)
                *out = (X)y[k];
        return;
    }
    const X *z = rd<X>(a.z) + token * (ptrdiff_t)a.ldz + chan;
    T other[SCAN_TILE], gate[SCAN_TILE];
#pragma unroll
    for (int k = 0; k < SCAN_TILE; k++) { /* all loads before the first store */
        other[k] = k < count ? T(out[k * step]) : T(0);
        gate[k] = k < count ? T(z[k * step_z]) : T(0);
    }
#pragma unroll
    for (int k = 0; k < SCAN_TILE; k++)
        if (k < count)
            out[k * step] = (X)((other[k] + y[k]) * T(0.5) * silu(gate[k]));
}

/* Grid: (blocks of channels, images). Block: (channels, directions); 4 of them a multiprocessor,
 * where their states leave room. */
template <typename T, int N, typename X>
static __global__ void __launch_bounds__(2 * SCAN_CHANNELS, sizeof(T) == 4 && N <= 16 ? 4 : 1)
    scan_kernel(const __grid_constant__ struct scan_args a)
{
    CU_SHARED_DYNAMIC(T, memory);
    const int dir = threadIdx.y, size = tile_size(a.rank, N);
    const int own = blockIdx.x * SCAN_CHANNELS + threadIdx.x;
    const bool live = own < a.chan; /* the others compute along and store nothing */
    const int chan = live ? own : a.chan - 1;
    const size_t row = (size_t)blockIdx.y * a.len;
    const struct scan_dir &d = a.dir[dir];
    const T *xdbl = rd<T>(d.xdbl) + row * (a.rank + 2 * a.state);
    const T *w_dt = rd<T>(d.w_dt) + chan;
    const X *u_in = rd<X>(d.u) + row * a.chan + chan;
    const T bias = rd<T>(d.b_dt)[chan], skip = rd<T>(d.d)[chan];
    const int step = dir == 0 ? a.chan : -a.chan; /* of u */
    T *tile = memory + dir * size;
    T s[N], a2[N];
    load_rates(rd<T>(d.a), a.state, a.chan, chan, a2);
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++)
        s[n] = 0;
    clear_tile(tile, size, threadIdx.x, SCAN_CHANNELS);

    const int meeting = scan_meeting(dir, a.len),
              span = (a.len + 1) / 2; /* span: the same for all */
    for (int half = 0; half < 2; half++)
        for (int at = 0; at < span; at += SCAN_TILE) {
            const int start = (half == 0 ? 0 : meeting) + at, end = half == 0 ? meeting : a.len;
            const int count = min((int)SCAN_TILE, end - start); /* may be 0 for one direction */
            __syncthreads();
            load_tile(tile, xdbl, dir, a.len, a.rank, a.state, N, start, count, threadIdx.x,
                      SCAN_CHANNELS);
            __syncthreads();
            T delta[SCAN_TILE], y[SCAN_TILE];
            const X *u = u_in + (ptrdiff_t)scan_token(dir, a.len, start) * a.chan;
#pragma unroll
            for (int k = 0; k < SCAN_TILE; k++, u += step) /* all loads before the first use */
                y[k] = k < count ? T(*u) : T(0);
            project(tile, w_dt, bias, a.rank, a.chan, delta);
#pragma unroll
            for (int k = 0; k < SCAN_TILE; k++) {
                if (k >= count)
                    break;
                delta[k] = softplus(delta[k]);
                y[k] = scan_step<T, N>(s, a2, tile + SCAN_TILE * a.rank + k * 2 * N, delta[k], y[k],
                                       skip);
            }
            if (live)
                finish<T, X>(a, dir, half == 1, row, chan, start, count, delta, y);
        }
}

template <typename T, int N> static void launch(struct backend *be, const struct scan_args *a)
{
    const size_t shared = (size_t)2 * tile_size(a->rank, N) * sizeof(T);
    const dim3 grid(cu_blocks(a->chan, SCAN_CHANNELS), a->n), block(SCAN_CHANNELS, 2);
    const auto scan_single =
        a->narrow ? scan_kernel<T, N, typename narrow_of<T>::type> : scan_kernel<T, N, T>;
    if (shared > 48 << 10 &&
        !CU_TRY(be, cudaFuncSetAttribute(scan_single, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         (int)shared)))
        return;
    CU_LAUNCH(be, scan_single, grid, block, shared, *a);
}

static void launch_pair(struct backend *be, const struct scan_args *a)
{
    const size_t shared = pair_shared(a->rank);
    const dim3 grid(cu_blocks(a->chan, PAIR_CHANNELS), a->n), block(PAIR_THREADS, 2);
    const auto scan_pair = a->narrow ? scan_pair_kernel<__nv_bfloat16> : scan_pair_kernel<float>;
    if (CU_TRY(be, cudaFuncSetAttribute(scan_pair, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        (int)shared)))
        CU_LAUNCH(be, scan_pair, grid, block, shared, *a);
}

template <typename T> static void scan(struct backend *be, const struct scan_args *a)
{
    if (a->n <= 0 || a->len <= 0 || a->chan <= 0 || !cu_begin(be) || !scan_state_fits(be, a->state))
        return;
    if (sizeof(T) == sizeof(float) && cu_of(be)->choice[CHOICE_SCAN] == 0 && pair_fits(a))
        launch_pair(be, a);
    else
        SCAN_DISPATCH(T, launch, be, a->state, a);
}

template <typename T> void cu_fill_scan(struct ops *op)
{
    op->scan = scan<T>;
}

template void cu_fill_scan<float>(struct ops *);
template void cu_fill_scan<double>(struct ops *);
