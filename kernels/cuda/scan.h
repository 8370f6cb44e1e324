/* What the forward and the backward scan share: loop lengths, tiles of xdbl in shared memory, the
 * step projection. A thread owns one channel of one direction and keeps its states in registers. */
#pragma once

#include "num.h"
#include "index.h"

/* Channels of a block, and steps whose inputs are loaded together. */
enum { SCAN_CHANNELS = 64, SCAN_TILE = 8 };

/* The number N of states that the kernels' arrays have room for: 8 or 16 (in float also 32), in
 * registers, or 256, in local memory. States past the real ones have A = B = C = 0, so that they
 * stay 0 and add 0. */
enum { SCAN_MAX_STATE = 256 };

/* Unrolls a loop over an array of N states where that puts it in registers. */
static __host__ __device__ constexpr int scan_unroll(int n)
{
    return n <= 32 ? n : 1;
}

static inline int scan_room(int state, size_t real_size)
{
    int in_registers = real_size == sizeof(float) ? 32 : 16;
    if (state > in_registers)
        return SCAN_MAX_STATE;
    return state <= 8 ? 8 : state <= 16 ? 16 : 32;
}

/* Calls f<T, N>(be, args) with the room for `state`. */
#define SCAN_DISPATCH(T, f, be, state, ...)                                                        \
    do {                                                                                           \
        switch (scan_room(state, sizeof(T))) {                                                     \
        case 8:                                                                                    \
            f<T, 8>((be), __VA_ARGS__);                                                            \
            break;                                                                                 \
        case 16:                                                                                   \
            f<T, 16>((be), __VA_ARGS__);                                                           \
            break;                                                                                 \
        case 32:                                                                                   \
            f<T, sizeof(T) == sizeof(float) ? 32 : 16>((be), __VA_ARGS__);                         \
            break;                                                                                 \
        default:                                                                                   \
            f<T, SCAN_MAX_STATE>((be), __VA_ARGS__);                                               \
        }                                                                                          \
    } while (0)

/* True, or the failure recorded. */
static inline bool scan_state_fits(struct backend *be, int state)
{
    if (state > SCAN_MAX_STATE)
        fail(&be->failed, E_CONFIG,
             "the CUDA scan takes at most %d states, not %d; device = cpu "
             "takes any number",
             (int)SCAN_MAX_STATE, state);
    return state <= SCAN_MAX_STATE;
}

/* Four consecutive values from 16-byte aligned memory. */
__device__ __forceinline__ void load4(const float *p, float (&v)[4])
{
    const float4 q = *reinterpret_cast<const float4 *>(p);
    v[0] = q.x;
    v[1] = q.y;
    v[2] = q.z;
    v[3] = q.w;
}

__device__ __forceinline__ void load4(const double *p, double (&v)[4])
{
    const double2 q = *reinterpret_cast<const double2 *>(p);
    const double2 r = *reinterpret_cast<const double2 *>(p + 2);
    v[0] = q.x;
    v[1] = q.y;
    v[2] = r.x;
    v[3] = r.y;
}

/* The columns of xdbl for a tile of steps in shared memory: δ [R, SCAN_TILE], a step's neighbours
 * side by side, then B | C [SCAN_TILE, 2 room]. Offsets of a step or a state are then known when
 * this is compiled. */
__host__ __device__ __forceinline__ int tile_size(int rank, int room)
{
    return SCAN_TILE * (rank + 2 * room);
}

/* Loads steps [start, start + count) of direction dir, by threads thread, thread + threads, ...; a
 * column each. The steps past them are 0. What is padding stays as it was: cleared once, by
 * clear_tile. */
template <typename T>
__device__ __forceinline__ void load_tile(T *tile, const T *xdbl, int dir, int len, int rank,
                                          int state, int room, int start, int count, int thread,
                                          int threads)
{
    const int cols = rank + 2 * state, ahead = dir == 0 ? cols : -cols;
    const T *first = xdbl + (ptrdiff_t)scan_token(dir, len, start) * cols;
    for (int col = thread; col < cols; col += threads) {
        const int at = padded_column(col, rank, state, rank, room);
        T *to = at < rank ? tile + at * SCAN_TILE : tile + rank * SCAN_TILE + (at - rank);
        const int next = at < rank ? 1 : 2 * room;
        T v[SCAN_TILE];
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++) /* all loads before the first store */
            v[k] = k < count ? first[k * ahead + col] : T(0);
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k++)
            to[k * next] = v[k];
    }
}

template <typename T>
__device__ __forceinline__ void clear_tile(T *tile, int count, int thread, int threads)
{
    for (int i = thread; i < count; i += threads)
        tile[i] = T(0);
}

/* pre[k] = δ W_Δᵀ + b_Δ of the tile's steps. w_dt points at the channel: [R, E]. Steps past the
 * tile's last give numbers that nobody reads. */
template <typename T>
__device__ __forceinline__ void project(const T *tile, const T *w_dt, T bias, int rank, int chans,
                                        T (&pre)[SCAN_TILE])
{
#pragma unroll
    for (int k = 0; k < SCAN_TILE; k++)
        pre[k] = bias;
#pragma unroll 4
    for (int r = 0; r < rank; r++) {
        const T w = *w_dt;
#pragma unroll
        for (int k = 0; k < SCAN_TILE; k += 4) {
            T x[4];
            load4(tile + k, x);
#pragma unroll
            for (int i = 0; i < 4; i++)
                pre[k + i] += x[i] * w;
        }
        w_dt += chans;
        tile += SCAN_TILE;
    }
}

/* One step of the recurrence: s = exp2(Δ a2) s + (Δ B) u, returns skip u + C · s. bc: B [N], C [N]
 * in shared memory. */
template <typename T, int N>
__device__ __forceinline__ T scan_step(T (&s)[N], const T (&a2)[N], const T *bc, T delta, T u,
                                       T skip)
{
    const T du = delta * u;
    T y[2] = { skip * u, T(0) };
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n += 4) {
        T b[4], c[4];
        load4(bc + n, b);
        load4(bc + N + n, c);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            s[n + i] = exp2_of(delta * a2[n + i]) * s[n + i] + du * b[i];
            y[i % 2] += s[n + i] * c[i];
        }
    }
    return y[0] + y[1];
}

/* A log2(e) of a channel, padded. */
template <typename T, int N>
__device__ __forceinline__ void load_rates(const T *a, int state, int chans, int chan, T (&a2)[N])
{
#pragma unroll scan_unroll(N)
    for (int n = 0; n < N; n++)
        a2[n] = n < state ? a[(size_t)n * chans + chan] * T(LOG2E) : T(0);
}
