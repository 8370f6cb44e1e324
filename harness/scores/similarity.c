#include "similarity.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "ranking.h"

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
                             bool by_rank, double *out, struct error *err)
{
    enum status status = OK;
    double *both = both_maps(a, b, cells, magnitude, err);
    if (both == NULL)
        return E_NOMEM;
    if (by_rank)
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

/* Ranks of x, in which there is no NaN, times two; equal values have the mean of theirs. */
static enum status rank_values(const float *x, size_t cells, uint32_t *twice, struct error *err)
{
    uint32_t *order = malloc((cells + 1) * sizeof *order);
    if (order == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu patches", cells);
    enum status status = heat_order(x, cells, false, order, err);
    for (size_t first = 0, next; status == OK && first < cells; first = next) {
        for (next = first + 1; next < cells && x[order[next]] == x[order[first]]; next++)
            ;
        for (size_t i = first; i < next; i++) /* ranks first + 1 ... next */
            twice[order[i]] = (uint32_t)(first + next + 1);
    }
    free(order);
    return status;
}

enum status map_ranks(const float *a, size_t cells, bool magnitude, uint32_t *twice,
                      struct error *err)
{
    enum status status = OK;
    float *x = cells < UINT32_MAX / 2 ? malloc((cells + 1) * sizeof *x) : NULL;
    if (x == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu patches", cells);
    for (size_t i = 0; i < cells; i++) {
        x[i] = magnitude ? fabsf(a[i]) : a[i];
        twice[i] = 0;
    }
    if (map_varies(x, cells))
        status = rank_values(x, cells, twice, err);
    free(x);
    return status;
}

enum status map_spearman_ranked(const uint32_t *twice, const float *b, size_t cells, bool magnitude,
                                double *out, struct error *err)
{
    uint32_t *own = malloc((cells + 1) * sizeof *own);
    double *rank = malloc((2 * cells + 1) * sizeof *rank);
    enum status status = own != NULL && rank != NULL
                             ? map_ranks(b, cells, magnitude, own, err)
                             : fail(err, E_NOMEM, "no memory to rank %zu patches", cells);
    for (size_t i = 0; status == OK && i < cells; i++) {
        rank[i] = twice[i] / 2.0;
        rank[cells + i] = own[i] / 2.0;
    }
    if (status == OK)
        *out = pearson(rank, rank + cells, cells);
    free(own);
    free(rank);
    return status;
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

/* Means of a, b, aa, bb, ab. */
enum { MEANS = 5 };

/* What is worked on at a time: sums along WINDOW rows of a and b, the newest in place of the
 * oldest; and one row of means. */
struct ssim_rows {
    size_t side, fit; /* fit = side - WINDOW + 1: windows of a row */
    double weight[WINDOW], sum;
    double *row[2];             /* [side] of a, of b */
    double *along[MEANS];       /* [WINDOW, fit] */
    double *mean[MEANS], *like; /* [fit] */
};

static inline double ssim_of_means(double a, double b, double aa, double bb, double ab)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    const double sample = WINDOW * WINDOW / (WINDOW * WINDOW - 1.0);
    double va = sample * (aa - a * a), vb = sample * (bb - b * b), cov = sample * (ab - a * b);
    return (2 * a * b + c1) * (2 * cov + c2) / ((a * a + b * b + c1) * (va + vb + c2));
}

/* Row y of a and b. Many x are taken at a time; each sum still runs over k in order. */
static inline __attribute__((always_inline)) void sum_along(const struct ssim_rows *w, size_t y)
{
    const double *a = w->row[0], *b = w->row[1], *weight = w->weight, sum = w->sum;
    const size_t fit = w->fit, at = y % WINDOW * fit;
    double *sa = w->along[0] + at, *sb = w->along[1] + at, *saa = w->along[2] + at;
    double *sbb = w->along[3] + at, *sab = w->along[4] + at;
#pragma omp simd
    for (size_t x = 0; x < fit; x++) {
        double ma = 0, mb = 0, maa = 0, mbb = 0, mab = 0;
        for (size_t k = 0; k < WINDOW; k++) {
            double wa = weight[k] * a[x + k], wb = weight[k] * b[x + k];
            ma += wa;
            mb += wb;
            maa += wa * a[x + k];
            mbb += wb * b[x + k];
            mab += wa * b[x + k];
        }
        sa[x] = ma / sum;
        sb[x] = mb / sum;
        saa[x] = maa / sum;
        sbb[x] = mbb / sum;
        sab[x] = mab / sum;
    }
}

/* SSIM of the windows whose last row is y. */
static inline __attribute__((always_inline)) void sum_down(const struct ssim_rows *w, size_t y)
{
    const double *weight = w->weight, sum = w->sum;
    const size_t fit = w->fit;
    size_t from[WINDOW];
    for (size_t k = 0; k < WINDOW; k++)
        from[k] = (y + 1 + k) % WINDOW * fit;
    for (int i = 0; i < MEANS; i++) {
        const double *along = w->along[i];
        double *mean = w->mean[i];
#pragma omp simd
        for (size_t x = 0; x < fit; x++) {
            double m = 0;
            for (size_t k = 0; k < WINDOW; k++)
                m += weight[k] * along[from[k] + x];
            mean[x] = m / sum;
        }
    }
    const double *a = w->mean[0], *b = w->mean[1], *aa = w->mean[2], *bb = w->mean[3];
    const double *ab = w->mean[4];
    double *like = w->like;
#pragma omp simd
    for (size_t x = 0; x < fit; x++)
        like[x] = ssim_of_means(a[x], b[x], aa[x], bb[x], ab[x]);
}

/* Sum over all windows of heat maps a and b. */
static inline __attribute__((always_inline)) double ssim_sum(const struct ssim_rows *w,
                                                             const float *a, const float *b)
{
    double sum = 0;
    for (size_t y = 0; y < w->side; y++) {
        for (size_t x = 0; x < w->side; x++) {
            w->row[0][x] = (double)a[y * w->side + x];
            w->row[1][x] = (double)b[y * w->side + x];
        }
        sum_along(w, y);
        if (y + 1 < WINDOW)
            continue;
        sum_down(w, y);
        for (size_t x = 0; x < w->fit; x++)
            sum += w->like[x];
    }
    return sum;
}

typedef double ssim_fn(const struct ssim_rows *, const float *a, const float *b);

static double ssim_plain(const struct ssim_rows *w, const float *a, const float *b)
{
    return ssim_sum(w, a, b);
}

/* The same bits in wider vectors: nothing is fused. */
#ifdef __x86_64__
__attribute__((target("avx2"))) static double ssim_avx2(const struct ssim_rows *w, const float *a,
                                                        const float *b)
{
    return ssim_sum(w, a, b);
}
#endif

static ssim_fn *choose_ssim(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return ssim_avx2;
#endif
    return ssim_plain;
}

static double *lay_out(struct ssim_rows *w, int side)
{
    w->side = (size_t)side;
    w->fit = w->side - WINDOW + 1;
    w->sum = window_weights(w->weight);
    double *room = malloc((2 * w->side + (MEANS * (WINDOW + 1) + 1) * w->fit) * sizeof *room);
    double *at = room;
    for (int i = 0; room != NULL && i < 2; i++, at += w->side)
        w->row[i] = at;
    for (int i = 0; room != NULL && i < MEANS; i++, at += (WINDOW + 1) * w->fit) {
        w->along[i] = at;
        w->mean[i] = at + WINDOW * w->fit;
    }
    w->like = at;
    return room;
}

enum status heat_ssim(const float *a, const float *b, int side, double *out, struct error *err)
{
    size_t pixels = (size_t)side * (size_t)side;
    struct ssim_rows w;
    *out = NAN;
    if (side < WINDOW || !map_varies(a, pixels) || !map_varies(b, pixels))
        return OK;
    double *room = lay_out(&w, side);
    if (room == NULL)
        return fail(err, E_NOMEM, "no memory to compare heat maps of %zu pixels", pixels);
    *out = choose_ssim()(&w, a, b) / (double)(w.fit * w.fit);
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
