/* Uncertainty: bootstrap intervals over images, and McNemar's test on paired hits. Seeded; the same
 * seed and n draw the same resamples on every machine and thread count, so intervals of two methods
 * on the same images are paired. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct bootstrap_options {
    uint64_t seed;
    int resamples; /* e.g. 1000 */
    double level;  /* e.g. 0.95 */
};

extern const struct bootstrap_options bootstrap_default; /* seed 1, 1000 resamples, 0.95 */

struct interval {
    double low, high;
};

/* From the sums over images of each column to the figures of interest. `n`: images summed. Must be
 * safe to call from several threads. */
typedef void (*bootstrap_statistic)(const double *sums, size_t n, double *figures);

/* Percentile intervals of figures(sum of rows). rows [n, columns]: what is summed per image, so
 * that a mean, a ratio of totals, an mIoU or a difference of two runs are all resampled as what
 * they are. out [figures]. NaN where n = 0 or where any resample gave NaN. E_NOMEM. */
enum status bootstrap_intervals(const double *rows, size_t n, int columns,
                                bootstrap_statistic statistic, int figures,
                                const struct bootstrap_options *, struct interval *out,
                                struct error *err);

/* The same figures of each resample, drawn [resamples, figures]: two methods' draws of the same
 * images and seed are of the same resamples, row by row. Nothing is written where n = 0. E_NOMEM.
 */
enum status bootstrap_draws(const double *rows, size_t n, int columns,
                            bootstrap_statistic statistic, int figures,
                            const struct bootstrap_options *, double *drawn, struct error *err);
/* The percentile interval of draws [count], which are sorted; NaN where any of them is. */
struct interval draws_interval(double *draws, size_t count, double level);

struct mcnemar {
    size_t both, only_a, only_b, neither;
    double p_exact; /* two-sided binomial on the discordant pairs; 1 without any */
};

/* Hits of two runs on the same images; entries a[i * stride]. Only where use[i] != 0 (NULL: all).
 */
void mcnemar_test(const uint8_t *a, const uint8_t *b, size_t stride, const uint8_t *use, size_t n,
                  struct mcnemar *out);
