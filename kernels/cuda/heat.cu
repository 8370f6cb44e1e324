/* Heat maps and the order in which pixels are removed (SPEC 6). Float arrays in both backends; the
 * arithmetic is the reference's, in double and without fused multiply-adds (this file is compiled
 * with -fmad=false), so that the same pixels tie. */
#include <cub/device/device_radix_sort.cuh>

#include "num.h"
#include "index.h"

extern "C" {
#include "tie_hash.h"
}

enum { THREADS = 256, HEAT_BLOCKS = 32 };
#ifdef __CUDACC__
enum : size_t { SORT_SCRATCH = (size_t)256 << 20 };
#else
enum : size_t { SORT_SCRATCH = (size_t)64 << 10 }; /* so that tests come to a second part */
#endif

/* a + w (b - a): exactly a where both are equal, so that plateaus and borders stay ties. */
static __device__ __forceinline__ double blend(double a, double b, double w)
{
    return a + w * (b - a);
}

static __device__ __forceinline__ double upsampled(const float *map, int grid, int side, int i)
{
    const struct axis_sample sy = sample_axis(i / side, grid, side);
    const struct axis_sample sx = sample_axis(i % side, grid, side);
    const float *top = map + sy.low * grid, *bottom = map + sy.high * grid;
    return blend(blend(top[sx.low], top[sx.high], sx.weight),
                 blend(bottom[sx.low], bottom[sx.high], sx.weight), sy.weight);
}

/* Grid: (HEAT_BLOCKS, images). ranges [n, HEAT_BLOCKS, 2]: min and max of each block's pixels. */
static __global__ void heat_range_kernel(const __grid_constant__ struct heat_args a, double *ranges)
{
    const float *map = a.maps + (size_t)blockIdx.y * a.grid * a.grid;
    double min = INFINITY, max = -INFINITY;
    for (int i = blockIdx.x * THREADS + threadIdx.x; i < a.side * a.side;
         i += HEAT_BLOCKS * THREADS) {
        const double v = upsampled(map, a.grid, a.side, i);
        min = fmin(min, v);
        max = fmax(max, v);
    }
    min = block_reduce(min, min_op());
    max = block_reduce(max, max_op());
    if (threadIdx.x == 0) {
        ranges[2 * (blockIdx.y * HEAT_BLOCKS + blockIdx.x)] = min;
        ranges[2 * (blockIdx.y * HEAT_BLOCKS + blockIdx.x) + 1] = max;
    }
}

/* Grid: (blocks of pixels, images). */
static __global__ void heat_kernel(const __grid_constant__ struct heat_args a, const double *ranges)
{
    const int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.side * a.side)
        return;
    double min = INFINITY, max = -INFINITY;
    for (int k = 0; k < HEAT_BLOCKS; k++) {
        min = fmin(min, ranges[2 * (blockIdx.y * HEAT_BLOCKS + k)]);
        max = fmax(max, ranges[2 * (blockIdx.y * HEAT_BLOCKS + k) + 1]);
    }
    const double v = upsampled(a.maps + (size_t)blockIdx.y * a.grid * a.grid, a.grid, a.side, i);
    a.heat[(size_t)blockIdx.y * a.side * a.side + i] =
        max > min ? (float)((v - min) / (max - min)) : 0.0f;
}

static void heat(struct backend *be, const struct heat_args *a)
{
    const size_t pixels = (size_t)a->side * a->side;
    if (a->n <= 0 || pixels == 0 || !cu_begin(be))
        return;
    double *ranges =
        (double *)cu_scratch(be, SLOT_OP, (size_t)a->n * HEAT_BLOCKS * 2 * sizeof(double));
    if (ranges == NULL)
        return;
    CU_LAUNCH(be, heat_range_kernel, dim3(HEAT_BLOCKS, a->n), THREADS, 0, *a, ranges);
    CU_LAUNCH(be, heat_kernel, dim3(cu_blocks(pixels, THREADS), a->n), THREADS, 0, *a, ranges);
}

/* ---- rank ----
 * A stable sort of all images' pixels at once by (image, heat); the pixels enter it in the order
 * that breaks ties. For random ties that order is made by a stable sort by (image, hash) before. */

struct sort { /* device arrays [n * pixels], two of each */
    uint64_t *key[2];
    uint32_t *value[2]; /* index among all images' pixels */
    void *temporary;
    size_t temporary_size;
    size_t count;
    int bits; /* of a key that can differ */
};

/* Pixels in the order that breaks ties: by index, up or down. */
static __global__ void order_kernel(uint32_t *value, uint32_t pixels, size_t count, bool reverse)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count)
        return;
    const uint32_t image = (uint32_t)(i / pixels), pixel = (uint32_t)(i % pixels);
    value[i] = image * pixels + (reverse ? pixels - 1 - pixel : pixel);
}

/* Keys (image, hash of the pixel) of one image. */
static __global__ void hash_key_kernel(uint64_t *key, uint32_t image, uint32_t pixels,
                                       uint64_t seed)
{
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    if (i < pixels)
        key[(size_t)image * pixels + i] = (uint64_t)image << 32 | tie_hash(seed, i);
}

/* Keys (image, heat) of the pixels in `value`. */
static __global__ void heat_key_kernel(uint64_t *key, const uint32_t *value, const float *heat,
                                       uint32_t pixels, size_t count, bool ascending)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count)
        return;
    const uint32_t own = value[i];
    const uint32_t order = order_of_bits(__float_as_uint(heat[own] + 0.0f));
    key[i] = (uint64_t)(own / pixels) << 32 | (ascending ? order : ~order);
}

static __global__ void rank_kernel(const uint32_t *value, uint32_t *rank, uint32_t pixels,
                                   size_t count)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        rank[value[i]] = (uint32_t)(i % pixels);
}

/* One block an image. Where a group of equals begins, bisection finds its end: equals are
 * neighbours, and keys hold the image. */
static __global__ void tie_kernel(const uint64_t *keys, int32_t *largest, uint32_t pixels)
{
    const uint64_t *key = keys + (size_t)blockIdx.x * pixels;
    double best = 0; /* exact: pixels are fewer than 2^31 */
    for (uint32_t i = threadIdx.x; i < pixels; i += THREADS) {
        if (i > 0 && key[i] == key[i - 1])
            continue;
        uint32_t low = i + 1, high = pixels; /* the end is in [low, high] */
        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;
            if (key[middle] == key[i])
                low = middle + 1;
            else
                high = middle;
        }
        best = fmax(best, (double)(low - i));
    }
    best = block_reduce(best, max_op());
    if (threadIdx.x == 0)
        largest[blockIdx.x] = (int32_t)best;
}

/* Takes all arrays from one piece of scratch; false after a failure. */
static bool sort_memory(struct backend *be, struct sort *s)
{
    const size_t keys = round_up(s->count * sizeof(uint64_t), 256);
    const size_t values = round_up(s->count * sizeof(uint32_t), 256);
    s->temporary_size = 0;
    if (!CU_TRY(be, cub::DeviceRadixSort::SortPairs(NULL, s->temporary_size, s->key[0], s->key[1],
                                                    s->value[0], s->value[1], (int)s->count, 0,
                                                    s->bits, cu_of(be)->stream)))
        return false;
    char *p = (char *)cu_scratch(be, SLOT_SORT, 2 * keys + 2 * values + s->temporary_size);
    if (p == NULL)
        return false;
    for (int i = 0; i < 2; i++) {
        s->key[i] = (uint64_t *)(p + i * keys);
        s->value[i] = (uint32_t *)(p + 2 * keys + i * values);
    }
    s->temporary = p + 2 * keys + 2 * values;
    return true;
}

/* (key[0], value[0]) -> (key[1], value[1]), stable. */
static void sort_run(struct backend *be, struct sort *s)
{
    CU_TRY(be, cub::DeviceRadixSort::SortPairs(s->temporary, s->temporary_size, s->key[0],
                                               s->key[1], s->value[0], s->value[1], (int)s->count,
                                               0, s->bits, cu_of(be)->stream));
}

static void rank_some(struct backend *be, const struct rank_args *a)
{
    struct sort s = {};
    s.count = (size_t)a->n * (size_t)a->pixels;
    s.bits = 32;
    while (s.bits < 64 && (a->n - 1) >> (s.bits - 32) != 0)
        s.bits++;
    const uint32_t pixels = (uint32_t)a->pixels;
    const unsigned grid = cu_blocks(s.count, THREADS);
    if (!sort_memory(be, &s))
        return;
    CU_LAUNCH(be, order_kernel, grid, THREADS, 0, s.value[0], pixels, s.count,
              a->ties == TIES_REVERSE);
    if (a->ties == TIES_RANDOM) {
        for (int i = 0; i < a->n; i++)
            CU_LAUNCH(be, hash_key_kernel, cu_blocks(pixels, THREADS), THREADS, 0, s.key[0],
                      (uint32_t)i, pixels, a->seeds != NULL ? a->seeds[i] : 0);
        sort_run(be, &s);
        uint32_t *swap = s.value[0];
        s.value[0] = s.value[1];
        s.value[1] = swap;
    }
    CU_LAUNCH(be, heat_key_kernel, grid, THREADS, 0, s.key[0], s.value[0], a->heat, pixels, s.count,
              a->ascending);
    sort_run(be, &s);
    CU_LAUNCH(be, rank_kernel, grid, THREADS, 0, s.value[1], a->rank, pixels, s.count);
    if (a->largest_tie != NULL)
        CU_LAUNCH(be, tie_kernel, a->n, THREADS, 0, s.key[1], a->largest_tie, pixels);
}

/* As many maps at a time as the sort's arrays have room for. */
static void rank(struct backend *be, const struct rank_args *given)
{
    if (given->n <= 0 || given->pixels <= 0 || !cu_begin(be))
        return;
    const size_t pixels = (size_t)given->pixels,
                 fit = SORT_SCRATCH / (pixels * 2 * (sizeof(uint64_t) + sizeof(uint32_t)));
    const int most = fit < 1 ? 1 : fit < (size_t)given->n ? (int)fit : given->n;
    for (int at = 0; at < given->n; at += most) {
        struct rank_args a = *given;
        a.n = given->n - at < most ? given->n - at : most;
        a.heat = given->heat + at * pixels;
        a.rank = given->rank + at * pixels;
        a.seeds = given->seeds != NULL ? given->seeds + at : NULL;
        a.largest_tie = given->largest_tie != NULL ? given->largest_tie + at : NULL;
        rank_some(be, &a);
    }
}

void cu_fill_heat(struct ops *op)
{
    op->heat = heat;
    op->rank = rank;
}
