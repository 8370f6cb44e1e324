#include "groups.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "random.h"
#include "upsample.h"

size_t group_begin(size_t n, int groups, int i)
{
    return n * (size_t)i / (size_t)groups;
}

void group_heat(const float *heat, const uint32_t *rank, size_t n, int groups, double *out)
{
    for (int g = 0; g < groups; g++)
        out[g] = 0;
    for (size_t i = 0; i < n; i++) {
        int g = (int)((size_t)rank[i] * (size_t)groups / n); /* right, or one too low */
        if (g + 1 < groups && rank[i] >= group_begin(n, groups, g + 1))
            g++;
        out[g] += (double)heat[i];
    }
}

double saco(const double *heat, const double *drop, int parts)
{
    double kept = 0, all = 0;
    for (int i = 0; i < parts; i++)
        for (int j = i + 1; j < parts; j++) {
            double apart = heat[i] - heat[j];
            kept += drop[i] >= drop[j] ? apart : -apart;
            all += fabs(apart);
            if (isnan(drop[i]) || isnan(drop[j]))
                return NAN;
        }
    return all > 0 ? kept / all : NAN;
}

double faithfulness_estimate(const double *heat, const double *drop, int parts)
{
    return pearson(heat, drop, (size_t)parts);
}

void tile_heat(const float *heat, int side, int q, double *out)
{
    int width = side / q;
    for (int t = 0; t < q * q; t++)
        out[t] = 0;
    for (int y = 0; y < width * q; y++)
        for (int x = 0; x < width * q; x++)
            out[y / width * q + x / width] += (double)heat[(size_t)y * (size_t)side + (size_t)x];
}

/* weight [q, grid]: the contribution of each row of the grid to the pixels of each row of tiles. */
static void tile_weights(int grid, int side, int q, double *weight)
{
    int width = side / q;
    for (int i = 0; i < q * grid; i++)
        weight[i] = 0;
    for (int pixel = 0; pixel < width * q; pixel++) {
        double at = (pixel + 0.5) * grid / side - 0.5; /* half-pixel centres, ends repeated */
        int low = at > 0 ? (int)at : 0, high = low + 1 < grid ? low + 1 : low;
        double next = at > 0 ? at - low : 0;
        weight[pixel / width * grid + low] += 1 - next;
        weight[pixel / width * grid + high] += next;
    }
}

/* The rows of the grid, *first to *end - 1, that contribute to a row of tiles. */
static void weighted_rows(const double *weight, int grid, int *first, int *end)
{
    for (*first = 0; *first < grid && weight[*first] == 0;)
        ++*first;
    for (*end = grid; *end > *first && weight[*end - 1] == 0;)
        --*end;
}

static double weighted_sum(const float *map, int grid, const double *down, const double *across)
{
    int top, bottom, left, right;
    double sum = 0;
    weighted_rows(down, grid, &top, &bottom);
    weighted_rows(across, grid, &left, &right);
    for (int r = top; r < bottom; r++)
        for (int c = left; c < right; c++)
            sum += down[r] * across[c] * (double)map[(size_t)r * (size_t)grid + (size_t)c];
    return sum;
}

static bool all_finite(const float *map, size_t cells)
{
    for (size_t i = 0; i < cells; i++)
        if (!isfinite(map[i]))
            return false;
    return true;
}

enum status map_tile_heat(const float *map, int grid, int side, int q, double *out,
                          struct error *err)
{
    double *weight = malloc((size_t)q * (size_t)grid * sizeof *weight);
    if (weight == NULL)
        return fail(err, E_NOMEM, "no memory for %d tiles a side", q);
    tile_weights(grid, side, q, weight);
    bool finite = all_finite(map, (size_t)grid * (size_t)grid);
    for (int y = 0; y < q; y++)
        for (int x = 0; x < q; x++) {
            const double *down = weight + y * grid, *across = weight + x * grid;
            double sum = finite ? weighted_sum(map, grid, down, across) : NAN;
            out[y * q + x] = (double)(float)sum;
        }
    free(weight);
    return OK;
}

void tile_rank(int side, int q, int tile, uint32_t *rank)
{
    int width = side / q, top = tile / q * width, left = tile % q * width;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int inside = y >= top && y < top + width && x >= left && x < left + width;
            rank[(size_t)y * (size_t)side + (size_t)x] = inside ? 0 : 1;
        }
}

enum status single_deletion(const double *heat, const double *drop, int parts, double *out,
                            struct error *err)
{
    return spearman(heat, drop, (size_t)parts, out, err);
}

int subset_size(int cells)
{
    return cells >= 10 ? cells / 10 : 1;
}

/* Floyd's sampling without repetition: `size` steps, whatever the number of cells. */
void draw_subsets(uint64_t seed, int subsets, int cells, uint8_t *mask)
{
    memset(mask, 0, (size_t)subsets * (size_t)cells);
    for (int s = 0; s < subsets; s++) {
        struct rng rng = rng_stream(seed, (uint64_t)s);
        uint8_t *set = mask + (size_t)s * (size_t)cells;
        for (int top = cells - subset_size(cells); top < cells; top++) {
            size_t drawn = rng_below(&rng, (size_t)top + 1);
            set[set[drawn] ? (size_t)top : drawn] = 1;
        }
    }
}

size_t patch_of(size_t at, size_t side, size_t grid)
{
    return at / side * grid / side * grid + at % side * grid / side;
}

enum status map_patch_heat(const float *map, int grid, int side, int cells, float *out,
                           struct error *err)
{
    size_t pixels = (size_t)side * (size_t)side, patches = (size_t)cells * (size_t)cells;
    double *up = malloc((pixels + patches) * sizeof *up), lowest = INFINITY;
    if (up == NULL)
        return fail(err, E_NOMEM, "no memory for a heat map of %d pixels a side", side);
    double *sum = up + pixels;
    upsample(map, grid, grid, side, up);
    for (size_t i = 0; i < pixels; i++)
        lowest = fmin(lowest, up[i]);
    for (size_t i = 0; i < patches; i++)
        sum[i] = 0;
    for (size_t i = 0; i < pixels; i++)
        sum[patch_of(i, (size_t)side, (size_t)cells)] += up[i] - lowest;
    for (size_t i = 0; i < patches; i++)
        out[i] = (float)sum[i];
    free(up);
    return OK;
}

void subset_heat(const float *map, int cells, const uint8_t *mask, int subsets, double *out)
{
    for (int s = 0; s < subsets; s++) {
        const uint8_t *set = mask + (size_t)s * (size_t)cells;
        out[s] = 0;
        for (int i = 0; i < cells; i++)
            if (set[i])
                out[s] += (double)map[i];
    }
}

double faithfulness_correlation(const double *heat, const double *drop, int subsets)
{
    return pearson(heat, drop, (size_t)subsets);
}
