#include "stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "interval.h"
#include "random.h"

const struct bootstrap_options bootstrap_default = BOOTSTRAP_DEFAULT;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct resampling {
    const double *rows;
    size_t n;
    int columns, figures;
    bootstrap_statistic statistic;
    const struct bootstrap_options *options;
};

/* One resample: n draws with replacement, counted, then the columns summed with those counts, which
 * reads the rows in order. counts [n], sums [columns], figures [figures]. */
static void resample(const struct resampling *r, int index, uint32_t *counts, double *sums,
                     double *figures)
{
    struct rng rng = rng_stream(r->options->seed, (uint64_t)index);
    size_t columns = (size_t)r->columns;

    rng_resample(&rng, r->n, counts);
    memset(sums, 0, columns * sizeof *sums);
    /* no test for a count of 0: a third of the counts are 0, at random places, and a branch would
     * cost more */
    for (size_t i = 0; i < r->n; i++)
        for (size_t c = 0; c < columns; c++)
            sums[c] += counts[i] * r->rows[i * columns + c];
    r->statistic(sums, r->n, figures);
}

/* drawn [resamples, figures] */
static enum status draw_all(const struct resampling *r, double *drawn, struct error *err)
{
    int failed = 0;
#pragma omp parallel reduction(| : failed)
    {
        uint32_t *counts = malloc(r->n * sizeof *counts);
        double *sums = malloc((size_t)r->columns * sizeof *sums);
        failed = !counts || !sums;
#pragma omp for schedule(static)
        for (int b = 0; b < r->options->resamples; b++)
            if (counts && sums)
                resample(r, b, counts, sums, drawn + (size_t)b * (size_t)r->figures);
        FREE_ALL(counts, sums);
    }
    return failed ? fail(err, E_NOMEM, "no memory to resample %zu images", r->n) : OK;
}

enum status bootstrap_draws(const double *rows, size_t n, int columns,
                            bootstrap_statistic statistic, int figures,
                            const struct bootstrap_options *options, double *drawn,
                            struct error *err)
{
    const struct resampling r = { rows, n, columns, figures, statistic, options };
    return n > 0 ? draw_all(&r, drawn, err) : OK;
}

enum status bootstrap_left_out(const double *rows, size_t n, int columns,
                               bootstrap_statistic statistic, int figures, double *out,
                               struct error *err)
{
    size_t width = (size_t)columns;
    double *sums = calloc(2 * width + 1, sizeof *sums), *without = sums;
    if (sums == NULL)
        return fail(err, E_NOMEM, "no memory to resample %zu images", n);
    without += width;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < width; c++)
            sums[c] += rows[i * width + c];
    for (size_t i = 0; n > 1 && i < n; i++) {
        for (size_t c = 0; c < width; c++)
            without[c] = sums[c] - rows[i * width + c];
        statistic(without, n - 1, out + i * (size_t)figures);
    }
    free(sums);
    return OK;
}

/* Whether all images agree up to rounding; x [n]. */
static bool agree(const double *x, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return false;
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    return high - low <= 1e-12 * fmax(1, fabs(high));
}

struct interval figure_interval(double value, double *draws, size_t resamples,
                                const double *left_out, size_t n, struct interval range,
                                double level)
{
    if (n == 0 || resamples == 0)
        return (struct interval){ NAN, NAN };
    if (n == 1 || agree(left_out, n))
        return unseen_interval(value, range.low, range.high, n, level);
    for (size_t i = 0; i < resamples; i++)
        if (isnan(draws[i]))
            return (struct interval){ NAN, NAN };
    qsort(draws, resamples, sizeof *draws, ascending);
    return bca_interval(value, draws, resamples, left_out, n, level);
}

/* Column `f` of rows [count, width]. */
static void take_column(const double *rows, size_t count, size_t width, size_t f, double *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = rows[i * width + f];
}

/* The figures of all images; sums [columns]. */
static void all_figures(const struct resampling *r, double *sums, double *figures)
{
    size_t columns = (size_t)r->columns;
    memset(sums, 0, columns * sizeof *sums);
    for (size_t i = 0; i < r->n; i++)
        for (size_t c = 0; c < columns; c++)
            sums[c] += r->rows[i * columns + c];
    r->statistic(sums, r->n, figures);
}

enum status bootstrap_intervals(const double *rows, size_t n, int columns,
                                bootstrap_statistic statistic, int figures,
                                const struct interval *range,
                                const struct bootstrap_options *options, struct interval *out,
                                struct error *err)
{
    const struct resampling r = { rows, n, columns, figures, statistic, options };
    size_t resamples = options->resamples > 0 ? (size_t)options->resamples : 0;
    size_t width = (size_t)figures;

    for (size_t f = 0; f < width; f++)
        out[f] = (struct interval){ NAN, NAN };
    if (n == 0 || resamples == 0)
        return OK;
    double *drawn = calloc(resamples * width, sizeof *drawn);
    double *left_out = malloc(n * width * sizeof *left_out);
    double *column = malloc((resamples + n) * sizeof *column);
    double *sums = malloc(((size_t)columns + width) * sizeof *sums);
    enum status status = drawn && left_out && column && sums
                             ? draw_all(&r, drawn, err)
                             : fail(err, E_NOMEM, "no memory for %zu resamples", resamples);
    if (status == OK)
        status = bootstrap_left_out(rows, n, columns, statistic, figures, left_out, err);
    if (status == OK)
        all_figures(&r, sums, sums + columns);
    for (size_t f = 0; status == OK && f < width; f++) {
        take_column(drawn, resamples, width, f, column);
        take_column(left_out, n > 1 ? n : 0, width, f, column + resamples);
        out[f] = figure_interval(sums[(size_t)columns + f], column, resamples, column + resamples,
                                 n, range[f], options->level);
    }
    FREE_ALL(drawn, left_out, column, sums);
    return status;
}

/* 2 P(X <= k), X binomial(n, 1/2), at most 1: terms from the largest down, scaled by it. */
static double binomial_two_sided(size_t k, size_t n)
{
    if (n == 0 || 2 * k >= n)
        return 1;
    double term = 1, sum = 1;
    for (size_t i = k; i > 0 && term > 0; i--) {
        term *= (double)i / (double)(n - i + 1); /* C(n, i-1) / C(n, i) */
        sum += term;
    }
    double log_first = lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                       (double)n * M_LN2;
    double p = 2 * exp(log_first + log(sum));
    return p < 1 ? p : 1;
}

void mcnemar_test(const uint8_t *a, const uint8_t *b, size_t stride, const uint8_t *use, size_t n,
                  struct mcnemar *out)
{
    *out = (struct mcnemar){ 0 };
    for (size_t i = 0; i < n; i++) {
        if (use && !use[i])
            continue;
        int hit_a = a[i * stride] != 0, hit_b = b[i * stride] != 0;
        out->both += hit_a && hit_b;
        out->only_a += hit_a && !hit_b;
        out->only_b += !hit_a && hit_b;
        out->neither += !hit_a && !hit_b;
    }
    size_t fewer = out->only_a < out->only_b ? out->only_a : out->only_b;
    out->p_exact = binomial_two_sided(fewer, out->only_a + out->only_b);
}
