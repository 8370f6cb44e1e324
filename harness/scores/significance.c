#include "significance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "random.h"

size_t paired_differences(const double *a, const double *b, size_t n, double *d)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(a[i]) && !isnan(b[i]))
            d[count++] = b[i] - a[i];
    return count;
}

double resampled_p(const double *drawn, size_t resamples)
{
    double low = 0, high = 0;
    for (size_t b = 0; b < resamples; b++) {
        low += drawn[b] <= 0;
        high += drawn[b] >= 0;
    }
    return fmin(1, 2 * (1 + fmin(low, high)) / ((double)resamples + 1));
}

enum status bootstrap_p(const double *d, size_t n, uint64_t seed, int resamples, double *out,
                        struct error *err)
{
    *out = NAN;
    if (n == 0 || resamples <= 0)
        return OK;
    double *drawn = malloc((size_t)resamples * sizeof *drawn);
    if (drawn == NULL)
        return fail(err, E_NOMEM, "no memory for %d resamples", resamples);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < resamples; b++) {
        struct rng rng = rng_stream(seed, (uint64_t)b);
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += d[rng_below(&rng, n)];
        drawn[b] = sum / (double)n;
    }
    *out = resampled_p(drawn, (size_t)resamples);
    free(drawn);
    return OK;
}

double sign_flip_p(const double *d, size_t n, uint64_t seed, int resamples)
{
    double seen = 0, magnitude = 0;
    long as_far = 0;
    if (n == 0)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        seen += d[i];
        magnitude += fabs(d[i]);
    }
    /* Sums of the same numbers in another sign pattern may differ by rounding and be equal. */
    double bar = fabs(seen) - 1e-12 * magnitude;
#pragma omp parallel for schedule(static) reduction(+ : as_far)
    for (int b = 0; b < resamples; b++) {
        struct rng rng = rng_stream(seed, (uint64_t)b);
        double sum = 0;
        uint64_t bits = 0;
        for (size_t i = 0; i < n; i++) {
            bits = i % 64 == 0 ? rng_next(&rng) : bits >> 1;
            sum += bits & 1 ? d[i] : -d[i];
        }
        as_far += fabs(sum) >= bar;
    }
    return (1 + (double)as_far) / ((double)resamples + 1);
}

enum status holm(const double *p, size_t tests, double *out, struct error *err)
{
    struct numbered *sorted = malloc((tests + 1) * sizeof *sorted);
    size_t count = 0;
    double most = 0;
    if (sorted == NULL)
        return fail(err, E_NOMEM, "no memory to correct %zu tests", tests);
    for (size_t i = 0; i < tests; i++)
        if (!isnan(p[i]))
            sorted[count++] = (struct numbered){ p[i], i };
        else
            out[i] = NAN;
    qsort(sorted, count, sizeof *sorted, numbered_order);
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fmin(1, (double)(count - i) * sorted[i].value));
        out[sorted[i].at] = most;
    }
    free(sorted);
    return OK;
}

/* Matched pairs: the share of the ranks of |d| in favour of B, less the share in favour of A. */
static enum status rank_biserial(const double *d, size_t n, double *out, struct error *err)
{
    double *size = malloc((2 * n + 1) * sizeof *size), balance = 0, all = 0;
    size_t count = 0;
    *out = NAN;
    if (size == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu differences", n);
    for (size_t i = 0; i < n; i++)
        if (d[i] != 0)
            size[count++] = fabs(d[i]);
    double *rank = size + n;
    enum status status = average_ranks(size, count, rank, err);
    for (size_t i = 0, k = 0; status == OK && i < n; i++)
        if (d[i] != 0) {
            balance += d[i] > 0 ? rank[k] : -rank[k];
            all += rank[k++];
        }
    if (status == OK && count > 0)
        *out = balance / all;
    free(size);
    return status;
}

enum status effect_sizes(const double *d, size_t n, struct effect *out, struct error *err)
{
    *out = (struct effect){ n, NAN, NAN, NAN, NAN };
    if (n == 0)
        return OK;
    double sum = 0, square = 0, better = 0;
    for (size_t i = 0; i < n; i++) {
        sum += d[i];
        better += d[i] > 0 ? 1 : d[i] == 0 ? 0.5 : 0;
    }
    out->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (d[i] - out->mean) * (d[i] - out->mean);
    if (varies(d, n))
        out->d_z = out->mean / sqrt(square / (double)(n - 1));
    out->share_better = better / (double)n;
    return rank_biserial(d, n, &out->rank_biserial, err);
}

enum status cliffs_delta(const double *a, size_t na, const double *b, size_t nb, double *out,
                         struct error *err)
{
    *out = NAN;
    if (na == 0 || nb == 0)
        return OK;
    double *both = malloc(2 * (na + nb) * sizeof *both), sum = 0;
    if (both == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu values", na + nb);
    memcpy(both, a, na * sizeof *a);
    memcpy(both + na, b, nb * sizeof *b);
    double *rank = both + na + nb, n = (double)nb;
    enum status status = average_ranks(both, na + nb, rank, err);
    for (size_t i = 0; i < nb && status == OK; i++)
        sum += rank[na + i];
    if (status == OK)
        *out = 2 * (sum - n * (n + 1) / 2) / (n * (double)na) - 1;
    free(both);
    return status;
}
