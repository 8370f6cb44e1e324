#include "sparsity.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Σ |map|, or NaN where a value is not finite. */
static double total(const float *map, size_t cells)
{
    double sum = 0;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(map[i]))
            return NAN;
        sum += fabs((double)map[i]);
    }
    return sum;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum status gini(const float *map, size_t cells, double *out, struct error *err)
{
    double all = total(map, cells), sum = 0;
    *out = NAN;
    if (!(all > 0))
        return OK;
    double *a = malloc(cells * sizeof *a);
    if (a == NULL)
        return fail(err, E_NOMEM, "no memory to sort a map of %zu patches", cells);
    for (size_t i = 0; i < cells; i++)
        a[i] = fabs((double)map[i]);
    qsort(a, cells, sizeof *a, ascending);
    for (size_t i = 0; i < cells; i++)
        sum += (2 * (double)(i + 1) - (double)cells - 1) * a[i];
    *out = sum / ((double)cells * all);
    free(a);
    return OK;
}

double map_entropy(const float *map, size_t cells)
{
    double all = total(map, cells), sum = 0;
    if (!(all > 0))
        return NAN;
    for (size_t i = 0; i < cells; i++) {
        double q = fabs((double)map[i]) / all;
        sum -= q > 0 ? q * log(q) : 0;
    }
    return sum;
}

double map_entropy_share(const float *map, size_t cells)
{
    return cells > 1 ? map_entropy(map, cells) / log((double)cells) : NAN;
}
