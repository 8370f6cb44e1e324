#include "correlation.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

bool varies(const double *x, size_t n)
{
    bool differs = false;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
        differs |= x[i] != x[0];
    }
    return differs;
}

int numbered_order(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = (x->value > y->value) - (x->value < y->value);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

enum status average_ranks(const double *x, size_t n, double *rank, struct error *err)
{
    struct numbered *sorted =
        n < SIZE_MAX / sizeof *sorted ? malloc((n + 1) * sizeof *sorted) : NULL;
    if (sorted == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu numbers", n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct numbered){ x[i], i };
    qsort(sorted, n, sizeof *sorted, numbered_order);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && sorted[next].value == sorted[first].value; next++)
            ;
        for (size_t i = first; i < next; i++) /* ranks first + 1 ... next */
            rank[sorted[i].at] = (double)(first + next + 1) / 2;
    }
    free(sorted);
    return OK;
}

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double pearson(const double *x, const double *y, size_t n)
{
    if (!varies(x, n) || !varies(y, n))
        return NAN;
    double mx = mean(x, n), my = mean(y, n), xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double a = x[i] - mx, b = y[i] - my;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    double r = xy / (sqrt(xx) * sqrt(yy));
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

enum status spearman(const double *x, const double *y, size_t n, double *out, struct error *err)
{
    *out = NAN;
    if (!varies(x, n) || !varies(y, n))
        return OK;
    double *rank = n < SIZE_MAX / (2 * sizeof *rank) ? malloc(2 * n * sizeof *rank) : NULL;
    if (rank == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu numbers", n);
    enum status status = average_ranks(x, n, rank, err);
    if (status == OK)
        status = average_ranks(y, n, rank + n, err);
    if (status == OK)
        *out = pearson(rank, rank + n, n);
    free(rank);
    return status;
}

double kendall_tau_b(const double *x, const double *y, size_t n)
{
    double balance = 0, apart_x = 0, apart_y = 0; /* counts of pairs, exact */
    if (!varies(x, n) || !varies(y, n))
        return NAN;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
            balance += a * b;
            apart_x += a != 0;
            apart_y += b != 0;
        }
    return balance / sqrt(apart_x) / sqrt(apart_y);
}
