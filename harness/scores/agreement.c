#include "agreement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "random.h"

bool rank_methods(const double *value, int methods, bool higher_is_better, double *rank)
{
    for (int i = 0; i < methods; i++)
        if (isnan(value[i])) {
            for (int k = 0; k < methods; k++)
                rank[k] = NAN;
            return false;
        }
    for (int i = 0; i < methods; i++) {
        int better = 0, equal = 0;
        for (int k = 0; k < methods; k++) {
            better += higher_is_better ? value[k] > value[i] : value[k] < value[i];
            equal += value[k] == value[i];
        }
        rank[i] = better + (equal + 1) / 2.0;
    }
    return true;
}

/* Σ (t³ - t) over groups of equal ranks. */
static double tie_term(const double *rank, int methods)
{
    double sum = 0;
    for (int i = 0; i < methods; i++) {
        double equal = 0;
        for (int k = 0; k < methods; k++)
            equal += rank[k] == rank[i];
        sum += equal * equal - 1; /* each of t members adds (t³ - t) / t */
    }
    return sum;
}

double kendalls_w(const double *rank, int metrics, int methods)
{
    double apart = 0, ties = 0, mu = metrics, k = methods;
    for (int j = 0; j < methods; j++) {
        double sum = 0;
        for (int m = 0; m < metrics; m++)
            sum += rank[m * methods + j];
        apart += (sum - mu * (k + 1) / 2) * (sum - mu * (k + 1) / 2);
    }
    for (int m = 0; m < metrics; m++)
        ties += tie_term(rank + m * methods, methods);
    double most = mu * mu * (k * k * k - k) - mu * ties;
    return metrics > 0 && methods > 1 && most > 0 ? 12 * apart / most : NAN;
}

void mean_ranks(const double *rank, int metrics, int methods, double *out)
{
    for (int j = 0; j < methods; j++) {
        out[j] = 0;
        for (int m = 0; m < metrics; m++)
            out[j] += rank[m * methods + j];
        out[j] = metrics > 0 ? out[j] / metrics : NAN;
    }
}

double kendalls_w_p(const double *rank, int metrics, int methods, uint64_t seed, int draws)
{
    double seen = kendalls_w(rank, metrics, methods), drawn[AGREEMENT_MOST * AGREEMENT_MOST];
    long as_large = 0;
    if (isnan(seen))
        return NAN;
    memcpy(drawn, rank, (size_t)(metrics * methods) * sizeof *drawn);
    for (int b = 0; b < draws; b++) {
        struct rng rng = rng_stream(seed, (uint64_t)b);
        for (int m = 0; m < metrics; m++)
            for (int i = methods - 1; i > 0; i--) { /* Fisher and Yates */
                double *row = drawn + m * methods;
                size_t k = rng_below(&rng, (size_t)i + 1);
                double swap = row[i];
                row[i] = row[k];
                row[k] = swap;
            }
        as_large += kendalls_w(drawn, metrics, methods) >= seen - 1e-12;
    }
    return (1 + (double)as_large) / ((double)draws + 1);
}

/* ---- resamples of the images ---------------------------------------------------------------- */

/* One resample of the images and its result. */
struct draw {
    double *value, *rank; /* [metrics, methods] */
    double *mean;         /* [methods] */
    double w;
    int ranking;
};

static size_t cells(const struct agreement *a)
{
    return (size_t)a->metrics * (size_t)a->methods;
}

/* Values of all cells, each image counted counts[i] times (NULL: once). sums [2, cells * terms] */
static void values(const struct agreement *a, const uint32_t *counts, double *sums, double *value)
{
    size_t width = cells(a) * (size_t)a->terms;
    memset(sums, 0, 2 * width * sizeof *sums);
    for (size_t i = 0; i < a->images; i++) {
        double times = counts != NULL ? counts[i] : 1;
        const double *top = a->top + i * width, *bottom = a->bottom + i * width;
        for (size_t c = 0; c < width; c++) {
            sums[c] += times * top[c];
            sums[width + c] += times * bottom[c];
        }
    }
    for (size_t c = 0; c < cells(a); c++) {
        double sum = 0;
        for (int t = 0; t < a->terms; t++) {
            size_t at = c * (size_t)a->terms + (size_t)t;
            sum += sums[width + at] != 0 ? sums[at] / sums[width + at] : NAN;
        }
        value[c] = sum / a->terms;
    }
}

/* Ranks of the metrics that vote and rank, moved together at the front, go into the mean and W. */
static void judge(const struct agreement *a, double *front, struct draw *d)
{
    size_t row = (size_t)a->methods;
    d->ranking = 0;
    for (int m = 0; m < a->metrics; m++) {
        double *rank = d->rank + (size_t)m * row;
        bool good =
            rank_methods(d->value + (size_t)m * row, a->methods, a->higher_is_better[m], rank);
        if (good && (a->votes == NULL || a->votes[m]))
            memcpy(front + (size_t)d->ranking++ * row, rank, row * sizeof *rank);
    }
    mean_ranks(front, d->ranking, a->methods, d->mean);
    d->w = kendalls_w(front, d->ranking, a->methods);
}

/* Results of the resamples: ranks, mean ranks and W of each, [resamples, cells + methods + 1]. */
static enum status draw_all(const struct agreement *a, double *kept, struct error *err)
{
    size_t width = cells(a) + (size_t)a->methods + 1;
    int failed = 0;
#pragma omp parallel reduction(| : failed)
    {
        uint32_t *counts = malloc((a->images + 1) * sizeof *counts);
        double *room = malloc((2 * cells(a) * (size_t)a->terms + 2 * cells(a)) * sizeof *room);
        failed = counts == NULL || room == NULL;
#pragma omp for schedule(static)
        for (int b = 0; b < a->resamples; b++) {
            if (counts == NULL || room == NULL)
                continue;
            double *row = kept + (size_t)b * width, *front = room + cells(a);
            struct draw d = { .value = room, .rank = row, .mean = row + cells(a) };
            struct rng rng = rng_stream(a->seed, (uint64_t)b);
            rng_resample(&rng, a->images, counts);
            values(a, counts, room + 2 * cells(a), d.value);
            judge(a, front, &d);
            row[width - 1] = d.w;
        }
        FREE_ALL(counts, room);
    }
    return failed ? fail(err, E_NOMEM, "no memory to resample %zu images", a->images) : OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentile interval of column `at` of the resamples; those where it is NaN are left out. */
static struct interval column_interval(const struct agreement *a, const double *kept, size_t width,
                                       size_t at, double *sorted)
{
    size_t n = 0;
    for (int b = 0; b < a->resamples; b++) {
        double x = kept[(size_t)b * width + at];
        if (!isnan(x))
            sorted[n++] = x;
    }
    if (n == 0)
        return (struct interval){ NAN, NAN };
    qsort(sorted, n, sizeof *sorted, ascending);
    double tail = (1 - a->level) / 2;
    return (struct interval){ sorted[(size_t)(tail * (double)(n - 1))],
                              sorted[(size_t)ceil((1 - tail) * (double)(n - 1))] };
}

/* Share of the resamples in which each method has the lowest mean rank. */
static void count_wins(const struct agreement *a, const double *kept, size_t width, double *best)
{
    size_t k = (size_t)a->methods;
    memset(best, 0, k * sizeof *best);
    for (int b = 0; b < a->resamples; b++) {
        const double *mean = kept + (size_t)b * width + cells(a);
        double low = INFINITY, equal = 0;
        for (size_t j = 0; j < k; j++)
            low = fmin(low, mean[j]);
        for (size_t j = 0; j < k; j++)
            equal += mean[j] == low;
        for (size_t j = 0; j < k && equal > 0; j++)
            best[j] += mean[j] == low ? 1 / equal / a->resamples : 0;
    }
}

static enum status resample(const struct agreement *a, struct agreement_result *out,
                            struct error *err)
{
    size_t width = cells(a) + (size_t)a->methods + 1, draws = (size_t)a->resamples;
    double *kept = malloc((draws * width + 1) * sizeof *kept),
           *sorted = malloc((draws + 1) * sizeof *sorted);
    enum status status = kept != NULL && sorted != NULL
                             ? OK
                             : fail(err, E_NOMEM, "no memory for %d resamples", a->resamples);
    if (status == OK)
        status = draw_all(a, kept, err);
    for (size_t c = 0; status == OK && c < width; c++) {
        struct interval *to = c < cells(a)    ? &out->interval[c]
                              : c < width - 1 ? &out->mean_interval[c - cells(a)]
                                              : &out->w_interval;
        *to = column_interval(a, kept, width, c, sorted);
    }
    if (status == OK)
        count_wins(a, kept, width, out->best);
    FREE_ALL(kept, sorted);
    return status;
}

enum status agreement_build(const struct agreement *a, struct agreement_result *out,
                            struct error *err)
{
    enum { DRAWS = 9999 }; /* draws under the null hypothesis of W */
    size_t count = cells(a), k = (size_t)a->methods;
    *out = (struct agreement_result){ .w = NAN };
    if (a->methods < 1 || a->metrics < 1 || a->methods > AGREEMENT_MOST ||
        a->metrics > AGREEMENT_MOST)
        return fail(err, E_DATA, "%d metrics of %d methods: 1 to %d of each can be ranked",
                    a->metrics, a->methods, AGREEMENT_MOST);
    out->value = malloc(count * sizeof *out->value);
    out->rank = malloc(count * sizeof *out->rank);
    out->interval = malloc(count * sizeof *out->interval);
    out->mean_rank = malloc(k * sizeof *out->mean_rank);
    out->mean_interval = malloc(k * sizeof *out->mean_interval);
    out->best = calloc(k, sizeof *out->best);
    double *room = malloc((2 * count * (size_t)a->terms + count) * sizeof *room);
    enum status status = OK;
    if (!out->value || !out->rank || !out->interval || !out->mean_rank || !out->mean_interval ||
        !out->best || !room)
        status = fail(err, E_NOMEM, "no memory to rank %d methods", a->methods);
    if (status == OK) {
        struct draw all = { .value = out->value, .rank = out->rank, .mean = out->mean_rank };
        values(a, NULL, room + count, all.value);
        judge(a, room, &all);
        out->ranking = all.ranking;
        out->w = all.w;
        out->w_p = kendalls_w_p(room, all.ranking, a->methods, a->seed, DRAWS);
        status = resample(a, out, err);
    }
    free(room);
    if (status != OK)
        agreement_free(out);
    return status;
}

void agreement_free(struct agreement_result *r)
{
    FREE_ALL(r->value, r->rank, r->interval, r->mean_rank, r->mean_interval, r->best);
    *r = (struct agreement_result){ 0 };
}
