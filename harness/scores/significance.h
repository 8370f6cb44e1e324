/* Whether one method is better than another, and by how much, from the differences d = B - A on the
 * same images (SPEC 20). All loops have a fixed order and every resample a stream of its own, so
 * the same seed gives the same bits on any number of threads. NaN where a figure is not defined. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { SIGNIFICANCE_RESAMPLES = 9999 }; /* the least that Holm's correction of a table needs */

/* Writes b - a of the pairs in which both are numbers into d [n], and returns how many there
 * are. */
size_t paired_differences(const double *a, const double *b, size_t n, double *d);

/* Two-sided p from the figure of each resample: 2 (1 + min(#<= 0, #>= 0)) / (resamples + 1), at
 * most 1. */
double resampled_p(const double *drawn, size_t resamples);
/* The same for the mean of d [n], which is resampled here. NaN at n = 0. E_NOMEM. */
enum status bootstrap_p(const double *d, size_t n, uint64_t seed, int resamples, double *out,
                        struct error *err);
/* p of the mean under random signs: (1 + #{|mean of ±d| >= |mean of d|}) / (resamples + 1). NaN at
 * n = 0. */
double sign_flip_p(const double *d, size_t n, uint64_t seed, int resamples);

/* Holm's correction over the tests of one table: out[i] >= p[i], at most 1. NaN entries are no
 * tests and stay NaN. out may be p. E_NOMEM. */
enum status holm(const double *p, size_t tests, double *out, struct error *err);

struct effect {
    size_t n;
    double mean;
    double d_z;           /* mean / sd (n - 1); NaN at sd 0 */
    double share_better;  /* of the images, d > 0; d = 0 counts half */
    double rank_biserial; /* (Σ ranks of d > 0 - Σ of d < 0) / Σ, ranks of |d|, zeros out */
};
/* Effect sizes of d [n] without NaN; larger is better. E_NOMEM. */
enum status effect_sizes(const double *d, size_t n, struct effect *out, struct error *err);
/* Cliff's delta of unpaired samples: P(b > a) - P(b < a), in [-1, 1]. E_NOMEM. */
enum status cliffs_delta(const double *a, size_t na, const double *b, size_t nb, double *out,
                         struct error *err);
