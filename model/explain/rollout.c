#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"

double apply_sign(enum sign_rule rule, double x)
{
    switch (rule) {
    case SIGN_CLAMP:
        return x > 0 ? x : 0;
    case SIGN_ABS:
        return fabs(x);
    default:
        return x;
    }
}

void rollout_row(struct track *t, const double *m, int len, bool row_norm)
{
    double sum_v = 0, sum_m = 0;
    for (int j = 0; j < len; j++) {
        sum_v += t->v[j];
        sum_m += m[j];
    }
    double norm = row_norm ? 1 + sum_m : 1;
    if (norm == 0) {
        t->zero_row_sum = true;
        norm = 1;
    }
    for (int j = 0; j < len; j++)
        t->v[j] = (t->v[j] + sum_v * m[j]) / norm;
}

void rollout_matrix(struct track *t, double *k, int len, bool row_norm)
{
    double *out = k; /* once row 0 has been read, it takes the sum */
    for (int i = 0; i < len; i++) {
        const double *row = k + (size_t)i * (size_t)len;
        double norm = 1;
        for (int j = 0; row_norm && j < len; j++)
            norm += row[j];
        if (norm == 0) {
            t->zero_row_sum = true;
            norm = 1;
        }
        double w = t->v[i] / norm;
        for (int j = 0; j < len; j++) {
            double before = i > 0 ? out[j] : 0;
            out[j] = (j == i ? before + w : before) + w * row[j];
        }
    }
    memcpy(t->v, out, (size_t)len * sizeof *out);
}

void minmax_range(double *a, size_t count, const double range[2])
{
    double span = range[1] - range[0];
    for (size_t i = 0; i < count; i++)
        a[i] = span > 0 ? (a[i] - range[0]) / span : 0;
}

void minmax(double *a, size_t count)
{
    double range[2] = { a[0], a[0] };
    for (size_t i = 1; i < count; i++) {
        range[0] = a[i] < range[0] ? a[i] : range[0];
        range[1] = a[i] > range[1] ? a[i] : range[1];
    }
    minmax_range(a, count, range);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void discard_smallest(double *a, size_t count, double fraction, double *scratch)
{
    size_t drop = (size_t)((double)count * fraction);
    if (drop == 0)
        return;
    memcpy(scratch, a, count * sizeof *a);
    qsort(scratch, count, sizeof *scratch, by_value);
    double limit = scratch[drop - 1];
    size_t below = 0;
    for (size_t i = 0; i < count; i++)
        below += a[i] < limit;
    size_t ties = drop - below; /* of those equal to the limit, the first ones go */
    for (size_t i = 0; i < count; i++) {
        if (a[i] < limit)
            a[i] = 0;
        else if (a[i] == limit && ties > 0) {
            a[i] = 0;
            ties--;
        }
    }
}
