/* The scan of two neighbouring channels a thread, 16 states each: B and C are read once for both,
 * u, z and out as pairs, and the step projection runs on tensor cores, a tile of steps at a time.
 *
 * Of a step and channel it takes, by nvdisasm and where arrays are narrow, 131 instructions: 80 for
 * the states (16 exponentials of 8 clocks of a scheduler each among them: the floor, 128), 13 for
 * softplus, 5 loads of B, C and the projection, 7 for the projection itself, 8 for z, the gate and
 * out, 6 for the copies of tiles, 12 for addresses and bounds; and 18 calls of the unit that makes
 * exponentials, 144 clocks. scan_kernel (scan.cu), which takes any size, takes 224. */
#pragma once

#include "async.h"
#include "pair.h"
#include "scan.h"

enum {
    PAIR_STATES = 16,
    PAIR_THREADS = 64, /* of a direction */
    PAIR_CHANNELS = 2 * PAIR_THREADS,
    PAIR_TILE = 16,    /* steps that are projected together: the rows of a product */
    PAIR_PRE = 64 + 8, /* floats between rows of a warp's projections: the banks of 4 rows differ */
    PAIR_MAX_RANK = 96, /* shared memory for the projection's weights: 96 KB of them */
};

/* Floats of shared memory: a direction's projection weights as operands, two tiles of xdbl, and the
 * projections of its two warps. */
struct pair_room {
    int ksteps, stride; /* products along the rank; floats between rows of xdbl */
    int w, tile, pre;   /* sizes of one each */
};

__host__ __device__ __forceinline__ struct pair_room pair_room(int rank)
{
    struct pair_room r;
    r.ksteps = (rank + 7) / 8;
    /* an odd number of 16 bytes: the 8 rows that a warp reads at once lie in other banks */
    r.stride = rank + 2 * PAIR_STATES + ((rank + 2 * PAIR_STATES) / 4 % 2 == 0 ? 4 : 0);
    r.w = PAIR_CHANNELS / 8 * r.ksteps * 64;
    r.tile = PAIR_TILE * r.stride;
    r.pre = PAIR_TILE * PAIR_PRE;
    return r;
}

static inline size_t pair_shared(int rank)
{
    const struct pair_room r = pair_room(rank);
    return 2 * (size_t)(r.w + 2 * r.tile + 2 * r.pre) * sizeof(float);
}

/* How many steps' inputs a thread has under way. */
template <typename X> __host__ __device__ constexpr int pair_steps_of(void)
{
    return sizeof(X) == sizeof(float) ? 4 : 8;
}

/* What this kernel is for; everything else is scan_kernel's. */
static inline bool pair_fits(const struct scan_args *a)
{
    const size_t pair = 2 * (a->narrow ? sizeof(uint16_t) : sizeof(float));
    uintptr_t all = (uintptr_t)a->z | (uintptr_t)a->out, tiles = 0;
    for (int i = 0; i < 2; i++) {
        all |= (uintptr_t)a->dir[i].u | (uintptr_t)a->delta[i] | (uintptr_t)a->y[i];
        tiles |= (uintptr_t)a->dir[i].xdbl;
    }
    return a->state == PAIR_STATES && a->rank % 4 == 0 && a->rank <= PAIR_MAX_RANK &&
           a->chan % 2 == 0 && a->ldz % 2 == 0 && all % pair == 0 && tiles % 16 == 0;
}

/* Whether the step projection is a product of tf32 values, as products are where arrays are narrow,
 * or of values split in two, which leaves the error of float. */
template <typename X> static __device__ __forceinline__ constexpr bool pair_split(void)
{
    return sizeof(X) == sizeof(float);
}

/* The weights [R, E] of the block's channels as operands: of 8 channels and 8 ranks, a lane's two
 * side by side; 0 past the rank and the last channel. The order: 32 channels, ranks, 8 channels. */
template <typename X>
__device__ __forceinline__ void pair_weights(float *to, const float *w, int rank, int ksteps,
                                             int chans)
{
    const int lane = threadIdx.x % 32, col = lane / 4;
    for (int i = threadIdx.x / 32; i < PAIR_CHANNELS / 8 * ksteps; i += PAIR_THREADS / 32) {
        const int chan = blockIdx.x * PAIR_CHANNELS + (i / (4 * ksteps) * 4 + i % 4) * 8 + col;
#pragma unroll
        for (int k = 0; k < 2; k++) {
            const int r = i / 4 % ksteps * 8 + lane % 4 + 4 * k;
            const float v = r < rank && chan < chans ? w[(size_t)r * chans + chan] : 0.0f;
            to[i * 64 + lane * 2 + k] = pair_split<X>() ? v : tf32_of(v);
        }
    }
}

/* Begins to copy `count` rows of xdbl, the steps from `start` on; the rest becomes 0. */
__device__ __forceinline__ void pair_tile(float *to, const float *xdbl, int dir, int len, int rank,
                                          int stride, int start, int count)
{
    const int cols = rank + 2 * PAIR_STATES, row = threadIdx.x / 4;
    const bool valid = row < count;
    const float *from = xdbl + (ptrdiff_t)(valid ? scan_token(dir, len, start + row) : 0) * cols;
    for (int i = threadIdx.x % 4 * 4; i < cols; i += 16)
        copy_async16(to + row * stride + i, from + i, valid);
}

/* The projections of a tile to this warp's [PAIR_TILE, PAIR_PRE]. */
template <typename X>
__device__ __forceinline__ void pair_project(float *pre, const float *tile, const float *w,
                                             int stride, int ksteps, int lane)
{
    const float *row = tile + lane / 4 * stride + lane % 4;
    w += lane * 2;
    float *to = pre + lane / 4 * PAIR_PRE + lane % 4 * 2;
#pragma unroll 1
    for (int part = 0; part < 2; part++, to += 32) {
        const float *x = row;
        float d[4][4] = {};
#pragma unroll 1
        for (int k = 0; k < ksteps; k++, x += 8, w += 4 * 64) {
            const float a[4] = { x[0], x[8 * stride], x[4], x[8 * stride + 4] };
            float high[4], low[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                high[i] = tf32_of(a[i]);
                low[i] = a[i] - high[i];
            }
#pragma unroll
            for (int n = 0; n < 4; n++) {
                const float2 b = *reinterpret_cast<const float2 *>(w + n * 64);
                if (!pair_split<X>()) {
                    const float both[2] = { b.x, b.y };
                    mma_tf32(d[n], high, both);
                    continue;
                }
                const float b_high[2] = { tf32_of(b.x), tf32_of(b.y) };
                const float b_low[2] = { b.x - b_high[0], b.y - b_high[1] };
                mma_tf32(d[n], low, b_high);
                mma_tf32(d[n], high, b_low);
                mma_tf32(d[n], high, b_high);
            }
        }
#pragma unroll
        for (int n = 0; n < 4; n++) {
            *reinterpret_cast<float2 *>(to + n * 8) = make_float2(d[n][0], d[n][1]);
            *reinterpret_cast<float2 *>(to + 8 * PAIR_PRE + n * 8) = make_float2(d[n][2], d[n][3]);
        }
    }
}

/* What a thread keeps of its two channels. */
struct pair_state {
    float s[2][PAIR_STATES], a2[2][PAIR_STATES];
    float bias[2], skip[2];
};

/* One step of both channels: u becomes y, pre becomes Δ. bc: B | C in shared memory. */
template <typename X>
__device__ __forceinline__ void pair_step(struct pair_state &c, const float *bc, float (&pre)[2],
                                          float (&u)[2])
{
    float du[2], y[2][2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        pre[i] += c.bias[i];
        pre[i] = pair_split<X>() ? softplus(pre[i]) : softplus_narrow(pre[i]);
        du[i] = pre[i] * u[i];
        y[i][0] = c.skip[i] * u[i];
        y[i][1] = 0;
    }
#pragma unroll
    for (int n = 0; n < PAIR_STATES; n += 4) {
        float b[4], d[4];
        load4(bc + n, b);
        load4(bc + PAIR_STATES + n, d);
#pragma unroll
        for (int k = 0; k < 4; k++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                float &s = c.s[i][n + k];
                s = fmaf(exp2_of(pre[i] * c.a2[i][n + k]), s, du[i] * b[k]);
                y[i][k % 2] = fmaf(s, d[k], y[i][k % 2]);
            }
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
        u[i] = y[i][0] + y[i][1];
}

/* Where a direction's arrays are, at this thread's channels and the step under way. */
template <typename X> struct pair_place {
    const X *u, *z;
    X *out;
    float *delta, *y; /* or NULL */
    int step, step_z; /* elements between steps */
    bool live;        /* else it computes along and stores nothing */
};

/* `count` steps, at most STEPS. `second`: the other direction has been here. */
template <typename X, bool SECOND>
__device__ __forceinline__ void pair_steps(struct pair_state &c, struct pair_place<X> &p,
                                           const float *bc, int stride, const float *pre, int count)
{
    typedef typename pair_of<X>::type both;
    constexpr int STEPS = pair_steps_of<X>();
    both u[STEPS], z[STEPS], other[STEPS];
#pragma unroll
    for (int k = 0; k < STEPS; k++) { /* all loads before the first store */
        u[k] = both();
        z[k] = other[k] = both();
        if (k < count) {
            u[k] = *pair_at(p.u + k * p.step);
            if (SECOND) {
                z[k] = *pair_at(p.z + k * p.step_z);
                other[k] = *pair_at(p.out + k * p.step);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
        if (k >= count)
            break;
        const float2 row = *reinterpret_cast<const float2 *>(pre + k * PAIR_PRE);
        float delta[2] = { row.x, row.y }, y[2];
        unpack(u[k], y);
        pair_step<X>(c, bc + k * stride, delta, y);
        if (!p.live)
            continue;
        if (sizeof(X) == sizeof(float) && p.delta != NULL)
            *pair_at(p.delta + k * p.step) = make_float2(delta[0], delta[1]);
        if (sizeof(X) == sizeof(float) && p.y != NULL)
            *pair_at(p.y + k * p.step) = make_float2(y[0], y[1]);
        if (SECOND) {
            float gate[2], first[2];
            unpack(z[k], gate);
            unpack(other[k], first);
#pragma unroll
            for (int i = 0; i < 2; i++)
                y[i] = (first[i] + y[i]) * 0.5f * silu_pair<X>(gate[i]);
        }
        pack_into(pair_at(p.out + k * p.step), y[0], y[1]);
    }
    p.u += count * p.step;
    p.out += count * p.step;
    p.z += count * p.step_z;
    if (sizeof(X) == sizeof(float)) {
        p.delta = p.delta != NULL ? p.delta + count * p.step : NULL;
        p.y = p.y != NULL ? p.y + count * p.step : NULL;
    }
}

/* Before the first step of a direction: states of 0, rates, and where its arrays begin. */
template <typename X>
__device__ __forceinline__ void pair_begin(const struct scan_args &a, int dir, int chan, size_t row,
                                           struct pair_state &c, struct pair_place<X> &p)
{
    const struct scan_dir &d = a.dir[dir];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        load_rates(rd<float>(d.a), PAIR_STATES, a.chan, chan + i, c.a2[i]);
        c.bias[i] = rd<float>(d.b_dt)[chan + i];
        c.skip[i] = rd<float>(d.d)[chan + i];
#pragma unroll
        for (int n = 0; n < PAIR_STATES; n++)
            c.s[i][n] = 0;
    }
    const ptrdiff_t token = (ptrdiff_t)row + scan_token(dir, a.len, 0);
    const ptrdiff_t at = token * a.chan + chan;
    p.u = rd<X>(d.u) + at;
    p.out = wr<X>(a.out) + at;
    p.z = rd<X>(a.z) + token * (ptrdiff_t)a.ldz + chan;
    p.delta = a.delta[dir] != NULL ? wr<float>(a.delta[dir]) + at : NULL;
    p.y = a.y[dir] != NULL ? wr<float>(a.y[dir]) + at : NULL;
    p.step = dir == 0 ? a.chan : -a.chan;
    p.step_z = dir == 0 ? (int)a.ldz : -(int)a.ldz;
}

/* Tile i of 2 per_half: its first step, and how many steps it has (0 or less: none). */
__device__ __forceinline__ int pair_start(int i, int per_half, int meeting)
{
    return i < per_half ? i * PAIR_TILE : meeting + (i - per_half) * PAIR_TILE;
}

__device__ __forceinline__ int pair_count(int i, int per_half, int meeting, int len)
{
    return min((int)PAIR_TILE, (i < per_half ? meeting : len) - pair_start(i, per_half, meeting));
}

/* Grid: (blocks of channels, images). Block: (pairs of channels, directions). Each tile is copied
 * while the one before it is computed. */
template <typename X>
static __global__ void __launch_bounds__(2 * PAIR_THREADS, 3)
    scan_pair_kernel(const __grid_constant__ struct scan_args a)
{
    CU_SHARED_DYNAMIC(float, memory);
    const struct pair_room room = pair_room(a.rank);
    const int dir = threadIdx.y, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float *own_w = memory + dir * room.w;
    float *tiles = memory + 2 * room.w + dir * 2 * room.tile;
    float *pre = memory + 2 * room.w + 4 * room.tile + (dir * 2 + warp) * room.pre;
    const struct scan_dir &d = a.dir[dir];
    const int own = blockIdx.x * PAIR_CHANNELS + 2 * threadIdx.x;
    const int chan = own < a.chan ? own : a.chan - 2;
    const size_t row = (size_t)blockIdx.y * a.len;
    const float *xdbl = rd<float>(d.xdbl) + row * (a.rank + 2 * PAIR_STATES);
    struct pair_state c;
    struct pair_place<X> p;
    pair_begin<X>(a, dir, chan, row, c, p);
    p.live = own < a.chan;
    pair_weights<X>(own_w, rd<float>(d.w_dt), a.rank, room.ksteps, a.chan);

    /* Tiles of the first half, then as many of the second; the last of a half may be short, or
     * empty where this direction has a token less. */
    const int meeting = scan_meeting(dir, a.len),
              per_half = ((a.len + 1) / 2 + PAIR_TILE - 1) / PAIR_TILE;
    pair_tile(tiles, xdbl, dir, a.len, a.rank, room.stride, 0, meeting);
    for (int i = 0; i < 2 * per_half; i++) {
        const bool second = i >= per_half;
        const int count = pair_count(i, per_half, meeting, a.len);
        const float *tile = tiles + i % 2 * room.tile;
        copies_done();
        __syncthreads(); /* the tile is here; the other half of the block is done with the last */
        if (i + 1 < 2 * per_half)
            pair_tile(tiles + (i + 1) % 2 * room.tile, xdbl, dir, a.len, a.rank, room.stride,
                      pair_start(i + 1, per_half, meeting),
                      pair_count(i + 1, per_half, meeting, a.len));
        if (count <= 0)
            continue;
        pair_project<X>(pre, tile, own_w + warp * 8 * room.ksteps * 64, room.stride, room.ksteps,
                        lane);
        __syncwarp();
#pragma unroll 1
        for (int first = 0; first < count; first += pair_steps_of<X>()) {
            const int steps = min(pair_steps_of<X>(), count - first);
            const float *bc = tile + first * room.stride + a.rank;
            const float *here = pre + first * PAIR_PRE + 2 * lane;
            if (second)
                pair_steps<X, true>(c, p, bc, room.stride, here, steps);
            else
                pair_steps<X, false>(c, p, bc, room.stride, here, steps);
        }
    }
}
