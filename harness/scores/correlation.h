/* Correlation of paired numbers, in double (SPEC 12, 13, 17, 19).
 *
 * NaN wherever a correlation is not defined: a side that is constant, a value that is not finite,
 * fewer than two pairs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/* A number, and where it stood; for qsort, by number, equal ones as they stood. */
struct numbered {
    double value;
    size_t at;
};
int numbered_order(const void *, const void *);

/* Ranks from 1, ascending; equal numbers share the mean of their ranks. x [n] without NaN, rank
 * [n]. E_NOMEM. */
enum status average_ranks(const double *x, size_t n, double *rank, struct error *err);

/* In [-1, 1]. */
double pearson(const double *x, const double *y, size_t n);
/* Pearson's of the average ranks. E_NOMEM. */
enum status spearman(const double *x, const double *y, size_t n, double *out, struct error *err);
/* Kendall's tau-b, which allows for ties: (concordant - discordant) / sqrt of (pairs untied in x)
 * (in y). n² steps: for rankings of methods, not for pixels. */
double kendall_tau_b(const double *x, const double *y, size_t n);

/* Whether every number is finite and at least one differs from the first. */
bool varies(const double *x, size_t n);
