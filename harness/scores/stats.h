/* Uncertainty: bootstrap intervals over images, and McNemar's test on paired hits. The same seed
 * and n draw the same resamples on every machine and with every number of threads, so intervals of
 * two methods on the same images are paired. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct bootstrap_options {
    uint64_t seed;
    int resamples; /* e.g. 1000 */
    double level;  /* e.g. 0.95 */
};

#define BOOTSTRAP_DEFAULT                                                                          \
    {                                                                                              \
        .seed = 1, .resamples = 1000, .level = 0.95                                                \
    }
extern const struct bootstrap_options bootstrap_default;

struct interval {
    double low, high;
};

/* Computes the figures of interest from the sums over images of each column. `n`: images summed.
 * Must be safe to call from several threads. */
typedef void (*bootstrap_statistic)(const double *sums, size_t n, double *figures);

/* Intervals of figures(sum of rows). rows [n, columns]: what is summed per image, so that a mean, a
 * ratio of totals, an mIoU or a difference of two runs are all resampled as what they are.
 * Bias-corrected and accelerated, at a level that knows n (interval.h); where all images agree,
 * what an unseen one could change. range [figures]: the lowest and highest value that each can
 * take. out [figures]. NaN where n = 0, or where a resample or all images but one gave NaN.
 * E_NOMEM. */
enum status bootstrap_intervals(const double *rows, size_t n, int columns,
                                bootstrap_statistic statistic, int figures,
                                const struct interval *range, const struct bootstrap_options *,
                                struct interval *out, struct error *err);

/* The same figures of each resample, drawn [resamples, figures]: two methods' draws of the same
 * images and seed are of the same resamples, row by row. Nothing is written where n = 0. E_NOMEM.
 */
enum status bootstrap_draws(const double *rows, size_t n, int columns,
                            bootstrap_statistic statistic, int figures,
                            const struct bootstrap_options *, double *drawn, struct error *err);
/* The figures of all images but one, out [n, figures]; nothing is written where n < 2. E_NOMEM. */
enum status bootstrap_left_out(const double *rows, size_t n, int columns,
                               bootstrap_statistic statistic, int figures, double *out,
                               struct error *err);
/* The interval of a figure, as bootstrap_intervals gives it, from its draws [resamples], which are
 * sorted, and left_out [n]. `range`: the lowest and highest value that it can take. */
struct interval figure_interval(double value, double *draws, size_t resamples,
                                const double *left_out, size_t n, struct interval range,
                                double level);

struct mcnemar {
    size_t both, only_a, only_b, neither;
    double p_exact; /* two-sided binomial on the discordant pairs; 1 without any */
};

/* Compares the hits of two runs on the same images; entries are a[i * stride], where use[i] != 0
 * (NULL: all). */
void mcnemar_test(const uint8_t *a, const uint8_t *b, size_t stride, const uint8_t *use, size_t n,
                  struct mcnemar *out);
