/* Index arithmetic of the CUDA kernels. It is compiled for host and device (and as C), so that
 * tests/kernels/cuda can compare it with plain loops where there is no GPU. */
#pragma once

#include <stdint.h>

#ifdef __CUDACC__
#define HOST_DEVICE static __host__ __device__ __forceinline__
#else
#define HOST_DEVICE static inline
#endif

/* The token that tap k of K reads for output t: t-K+1+k forward, mirrored backward. May lie outside
 * [0, L). With 1 - dir: the output whose tap k read token t. */
HOST_DEVICE int tap_source(int dir, int t, int taps, int k)
{
    int back = taps - 1 - k;
    return dir == 0 ? t - back : t + back;
}

/* Token of a step of direction dir: the order in which its recurrence runs. */
HOST_DEVICE int scan_token(int dir, int len, int step)
{
    return dir == 0 ? step : len - 1 - step;
}

/* Steps that direction dir takes before the two directions meet: afterwards every token that it
 * comes to has been passed by the other one. */
HOST_DEVICE int scan_meeting(int dir, int len)
{
    return dir == 0 ? (len + 1) / 2 : len / 2;
}

/* Where column `col` of a row δ [R] | B [N] | C [N] goes when δ is padded to `rank_room` and B, C
 * to `room` each. */
HOST_DEVICE int padded_column(int col, int rank, int state, int rank_room, int room)
{
    if (col < rank)
        return col;
    col -= rank;
    return col < state ? rank_room + col : rank_room + room + (col - state);
}

/* Index of the value that `lane` holds after warp_scatter_sum of N (a power of two, at most 32)
 * values (num.h). */
HOST_DEVICE int scatter_index(int lane, int count)
{
    return lane / (32 / count);
}

/* Where output pixel `at` of `side` falls on an axis of `grid` cells, half-pixel centres. Beyond
 * the last centre low == high, before the first one weight = 0: borders are flat. */
struct axis_sample {
    int low, high;
    double weight; /* of high */
};

HOST_DEVICE struct axis_sample sample_axis(int at, int grid, int side)
{
    double x = (at + 0.5) * grid / side - 0.5;
    if (x < 0)
        x = 0;
    int low = (int)x;
    if (low > grid - 1)
        low = grid - 1;
    struct axis_sample s;
    s.low = low;
    s.high = low + 1 < grid ? low + 1 : low;
    s.weight = x - low;
    return s;
}

/* The bits of a float, made to order as the float does, -0 equal to 0. `bits` are those of
 * x + 0.0f. */
HOST_DEVICE uint32_t order_of_bits(uint32_t bits)
{
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}
