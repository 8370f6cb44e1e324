#include "similarity.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"

/* Doubles of two maps, one behind the other; free() the result. */
static double *both_maps(const float *a, const float *b, size_t cells, bool magnitude,
                         struct error *err)
{
    double *both =
        cells < SIZE_MAX / (2 * sizeof *both) ? malloc((2 * cells + 1) * sizeof *both) : NULL;
    if (both == NULL) {
        fail(err, E_NOMEM, "no memory to compare maps of %zu patches", cells);
        return NULL;
    }
    for (size_t i = 0; i < cells; i++) {
        both[i] = magnitude ? fabs((double)a[i]) : (double)a[i];
        both[cells + i] = magnitude ? fabs((double)b[i]) : (double)b[i];
    }
    return both;
}

static enum status correlate(const float *a, const float *b, size_t cells, bool magnitude,
                             bool ranked, double *out, struct error *err)
{
    enum status status = OK;
    double *both = both_maps(a, b, cells, magnitude, err);
    if (both == NULL)
        return E_NOMEM;
    if (ranked)
        status = spearman(both, both + cells, cells, out, err);
    else
        *out = pearson(both, both + cells, cells);
    free(both);
    return status;
}

enum status map_spearman(const float *a, const float *b, size_t cells, double *out,
                         struct error *err)
{
    return correlate(a, b, cells, false, true, out, err);
}

enum status map_spearman_abs(const float *a, const float *b, size_t cells, double *out,
                             struct error *err)
{
    return correlate(a, b, cells, true, true, out, err);
}

enum status map_pearson(const float *a, const float *b, size_t cells, double *out,
                        struct error *err)
{
    return correlate(a, b, cells, false, false, out, err);
}

/* ---- SSIM --------------------------------------------------------------------------------- */

enum { WINDOW = 11 };

/* A Gaussian; the means divide by its sum, which is returned. */
static double window_weights(double weight[WINDOW])
{
    const double sigma = 1.5;
    double sum = 0;
    for (int k = 0; k < WINDOW; k++) {
        weight[k] = exp(-0.5 * (k - WINDOW / 2) * (k - WINDOW / 2) / (sigma * sigma));
        sum += weight[k];
    }
    return sum;
}

/* A local mean of a·b for every window that fits, [side - 10, side - 10]; scratch [side, side -
 * 10]. The loops over x lie innermost, so that a compiler takes many x at a time; each sum still
 * runs over k in order. */
static void window_mean(const float *a, const float *b, int side, double *scratch, double *out)
{
    double weight[WINDOW], sum = window_weights(weight);
    size_t width = (size_t)side, fit = width - WINDOW + 1;
    memset(scratch, 0, width * fit * sizeof *scratch);
    memset(out, 0, fit * fit * sizeof *out);
    for (size_t y = 0; y < width; y++) {
        double *row = scratch + y * fit;
        for (size_t k = 0; k < WINDOW; k++) {
            const float *at = a + y * width + k, *by = b != NULL ? b + y * width + k : NULL;
            for (size_t x = 0; x < fit; x++)
                row[x] += weight[k] * (double)at[x] * (by != NULL ? (double)by[x] : 1);
        }
        for (size_t x = 0; x < fit; x++)
            row[x] /= sum;
    }
    for (size_t y = 0; y < fit; y++) {
        double *row = out + y * fit;
        for (size_t k = 0; k < WINDOW; k++)
            for (size_t x = 0; x < fit; x++)
                row[x] += weight[k] * scratch[(y + k) * fit + x];
        for (size_t x = 0; x < fit; x++)
            row[x] /= sum;
    }
}

static double ssim_of_means(double a, double b, double aa, double bb, double ab)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    const double sample = WINDOW * WINDOW / (WINDOW * WINDOW - 1.0);
    double va = sample * (aa - a * a), vb = sample * (bb - b * b), cov = sample * (ab - a * b);
    return (2 * a * b + c1) * (2 * cov + c2) / ((a * a + b * b + c1) * (va + vb + c2));
}

static bool map_varies(const float *map, size_t cells)
{
    bool differs = false;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(map[i]))
            return false;
        differs |= map[i] != map[0];
    }
    return differs;
}

enum status heat_ssim(const float *a, const float *b, int side, double *out, struct error *err)
{
    size_t pixels = (size_t)side * (size_t)side,
           fit = (size_t)(side - WINDOW + 1) * (size_t)(side - WINDOW + 1);
    *out = NAN;
    if (side < WINDOW || !map_varies(a, pixels) || !map_varies(b, pixels))
        return OK;
    double *room = malloc((pixels + 5 * fit) * sizeof *room);
    if (room == NULL)
        return fail(err, E_NOMEM, "no memory to compare heat maps of %zu pixels", pixels);
    double *mean[5], sum = 0;
    const float *pair[5][2] = { { a, NULL }, { b, NULL }, { a, a }, { b, b }, { a, b } };
    for (int k = 0; k < 5; k++) {
        mean[k] = room + pixels + (size_t)k * fit;
        window_mean(pair[k][0], pair[k][1], side, room, mean[k]);
    }
    for (size_t i = 0; i < fit; i++)
        sum += ssim_of_means(mean[0][i], mean[1][i], mean[2][i], mean[3][i], mean[4][i]);
    *out = sum / (double)fit;
    free(room);
    return OK;
}

/* ---- complexity --------------------------------------------------------------------------- */

enum { CELLS = 100 };

static double edge(double low, double high, int k)
{
    return k == CELLS ? high : low + k * ((high - low) / CELLS);
}

double map_complexity(const float *map, size_t cells)
{
    size_t count[CELLS] = { 0 };
    double low = INFINITY, high = -INFINITY, sum = 0;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(map[i]))
            return NAN;
        low = fmin(low, (double)map[i]);
        high = fmax(high, (double)map[i]);
    }
    if (!(low < high))
        return cells > 0 ? 0 : NAN;
    for (size_t i = 0; i < cells; i++) {
        int k = (int)(((double)map[i] - low) / (high - low) * CELLS);
        k = k < CELLS ? k : CELLS - 1;
        while (k > 0 && (double)map[i] < edge(low, high, k)) /* the division rounds */
            k--;
        while (k < CELLS - 1 && (double)map[i] >= edge(low, high, k + 1))
            k++;
        count[k]++;
    }
    for (int k = 0; k < CELLS; k++) {
        double q = (double)count[k] / (double)cells;
        sum -= count[k] > 0 ? q * log(q) : 0;
    }
    return sum;
}

double emprt(const float *map, const float *randomised, size_t cells)
{
    double before = map_complexity(map, cells), after = map_complexity(randomised, cells);
    return before > 0 ? (after - before) / before : NAN;
}

/* ---- distance ----------------------------------------------------------------------------- */

double map_distance(const float *a, const float *b, size_t cells)
{
    double norm = 0, apart = 0;
    for (size_t i = 0; i < cells; i++) {
        double d = (double)a[i] - (double)b[i];
        norm += (double)a[i] * (double)a[i];
        apart += d * d;
    }
    return isfinite(norm) && isfinite(apart) && norm > 0 ? sqrt(apart) / sqrt(norm) : NAN;
}

double sensitivity_max(const float *distance, int samples)
{
    double most = samples > 0 ? 0 : NAN;
    for (int i = 0; i < samples; i++)
        most = isnan(distance[i]) || isnan(most) ? NAN : fmax(most, (double)distance[i]);
    return most;
}

double sensitivity_average(const float *distance, int samples)
{
    double sum = 0;
    for (int i = 0; i < samples; i++)
        sum += (double)distance[i];
    return samples > 0 ? sum / samples : NAN;
}
