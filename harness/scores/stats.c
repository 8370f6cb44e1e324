#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

const struct bootstrap_options bootstrap_default = { .seed = 1, .resamples = 1000, .level = 0.95 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear between order statistics, as numpy's default. v ascending [n]. */
static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return v[n - 1];
    return v[below] + (at - (double)below) * (v[below + 1] - v[below]);
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
    /* no test for a count of 0: a third of them are, at random, and a branch would cost more */
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
        free(counts);
        free(sums);
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

struct interval draws_interval(double *draws, size_t count, double level)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(draws[i]))
            return (struct interval){ NAN, NAN };
    qsort(draws, count, sizeof *draws, ascending);
    return (struct interval){ quantile(draws, count, (1 - level) / 2),
                              quantile(draws, count, (1 + level) / 2) };
}

enum status bootstrap_intervals(const double *rows, size_t n, int columns,
                                bootstrap_statistic statistic, int figures,
                                const struct bootstrap_options *options, struct interval *out,
                                struct error *err)
{
    size_t resamples = options->resamples > 0 ? (size_t)options->resamples : 0;
    size_t width = (size_t)figures;

    for (size_t f = 0; f < width; f++)
        out[f] = (struct interval){ NAN, NAN };
    if (n == 0 || resamples == 0)
        return OK;
    double *drawn = calloc(resamples * width, sizeof *drawn);
    double *column = malloc(resamples * sizeof *column);
    enum status status =
        drawn && column ? bootstrap_draws(rows, n, columns, statistic, figures, options, drawn, err)
                        : fail(err, E_NOMEM, "no memory for %zu resamples", resamples);
    for (size_t f = 0; status == OK && f < width; f++) {
        for (size_t b = 0; b < resamples; b++)
            column[b] = drawn[b * width + f];
        out[f] = draws_interval(column, resamples, options->level);
    }
    free(drawn);
    free(column);
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
