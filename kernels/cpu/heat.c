/* Heat maps and the order of removal (SPEC 6), float in every backend. */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "tie_hash.h"

/* Where output pixel `at` of `side` falls on an axis of `grid` cells, half-pixel centres; borders
 * are flat. In double and in this very form, as ref: ties must be the same. */
struct axis_sample {
    int low, high;
    double weight; /* of high */
};

static struct axis_sample sample_axis(int at, int grid, int side)
{
    double x = (at + 0.5) * grid / side - 0.5;
    x = x < 0 ? 0 : x;
    int low = (int)x < grid - 1 ? (int)x : grid - 1;
    return (struct axis_sample){ low, low + 1 < grid ? low + 1 : low, x - low };
}

static double blend(double a, double b, double w)
{
    return a + w * (b - a);
}

/* The map resampled along x: [grid, side]. */
static void widen(const float *map, int grid, int side, double *wide)
{
    for (int x = 0; x < side; x++) {
        struct axis_sample s = sample_axis(x, grid, side);
        for (int y = 0; y < grid; y++)
            wide[(size_t)y * (size_t)side + (size_t)x] =
                blend(map[y * grid + s.low], map[y * grid + s.high], s.weight);
    }
}

static void heat_image(const float *map, int grid, int side, double *wide, float *heat)
{
    size_t width = (size_t)side, count = width * width;
    double *up = wide + (size_t)grid * width, low = INFINITY, high = -INFINITY;
    widen(map, grid, side, wide);
    for (int y = 0; y < side; y++) {
        struct axis_sample s = sample_axis(y, grid, side);
        const double *top = wide + (size_t)s.low * width, *bottom = wide + (size_t)s.high * width;
        double *row = up + (size_t)y * width;
        for (size_t x = 0; x < width; x++) {
            row[x] = blend(top[x], bottom[x], s.weight);
            low = row[x] < low ? row[x] : low;
            high = row[x] > high ? row[x] : high;
        }
    }
    for (size_t i = 0; i < count; i++)
        heat[i] = high > low ? (float)((up[i] - low) / (high - low)) : 0.0F;
}

static void heat(struct backend *be, const struct heat_args *a)
{
    size_t side = (size_t)a->side, grid = (size_t)a->grid;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int i = 0; i < a->n; i++) {
        double *memory = cpu_scratch(be, (grid + side) * side * sizeof(double));
        if (memory)
            heat_image(a->maps + (size_t)i * grid * grid, a->grid, a->side, memory,
                       a->heat + (size_t)i * side * side);
    }
}

/* Orders as the float does, -0 equal to 0; NaNs end up beyond the infinities. */
static uint32_t float_key(float x)
{
    x += 0.0F;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000U;
}

struct pixel {
    uint32_t key, index;
};

enum { DIGIT = 11, BUCKETS = 1 << DIGIT, DIGITS = 3 };

/* Least significant digit first, three digits of 11 bits: each pass keeps the order of equals.
 * Leaves the result in one of the two arrays and returns it. */
static struct pixel *radix_sort(struct pixel *from, struct pixel *to, size_t n)
{
    for (int digit = 0; digit < DIGITS; digit++) {
        uint32_t start[BUCKETS + 1] = { 0 };
        int shift = digit * DIGIT;
        for (size_t i = 0; i < n; i++)
            start[(from[i].key >> shift) % BUCKETS + 1]++;
        for (int b = 0; b < BUCKETS; b++)
            start[b + 1] += start[b];
        for (size_t i = 0; i < n; i++)
            to[start[(from[i].key >> shift) % BUCKETS]++] = from[i];
        struct pixel *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static int32_t largest_tie(const struct pixel *order, size_t n)
{
    int32_t best = 0, run = 0;
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && order[i].key == order[i - 1].key ? run + 1 : 1;
        best = run > best ? run : best;
    }
    return best;
}

static void rank_image(const struct rank_args *a, size_t image, struct pixel *memory)
{
    size_t n = (size_t)a->pixels;
    const float *values = a->heat + image * n;
    struct pixel *order = memory, *other = memory + n;
    for (uint32_t i = 0; i < n; i++) {
        order[i].index = a->ties == TIES_REVERSE ? (uint32_t)n - 1 - i : i;
        if (a->ties == TIES_RANDOM)
            order[i].key = tie_hash(a->seeds ? a->seeds[image] : 0, i);
    }
    if (a->ties == TIES_RANDOM) {
        order = radix_sort(order, other, n);
        other = order == memory ? memory + n : memory;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t key = float_key(values[order[i].index]);
        order[i].key = a->ascending ? key : ~key;
    }
    order = radix_sort(order, other, n);
    for (uint32_t i = 0; i < n; i++)
        a->rank[image * n + order[i].index] = i;
    if (a->largest_tie)
        a->largest_tie[image] = largest_tie(order, n);
}

static void rank(struct backend *be, const struct rank_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int i = 0; i < a->n; i++) {
        struct pixel *memory = cpu_scratch(be, 2 * (size_t)a->pixels * sizeof *memory + 1);
        if (memory)
            rank_image(a, (size_t)i, memory);
    }
}

void cpu_heat_ops(struct ops *op)
{
    op->heat = heat;
    op->rank = rank;
}
