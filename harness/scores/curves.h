/* Scores of a curve: the output of the model while pixels are removed (SPEC 12). A curve is
 * p[0 ... points - 1] of which p[0] is the unmasked image's; p_blank is the fully filled image's.
 * Everything is in double, and NaN where it is not defined. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum { CURVE_MOST_POINTS = 225 }; /* RISE's 224 steps */

/* What share of the pixels is removed at each point: equal steps from 0 to `upto` percent. */
struct curve_axis {
    int steps; /* points - 1; at least 1 */
    int upto;  /* 90 or 100 percent */
};

/* upto k / steps in [0, 1], the double nearest to it: 0.1, 0.2 ... as written with 9 steps to 90.
 */
double curve_share(const struct curve_axis *, int point);

/* Trapezoid over shares 0 ... upto: at most upto / 100. Any p [steps + 1]. */
double curve_area(const struct curve_axis *, const double *p);
/* Trapezoid over [0, 1], the last point being p_blank; at an axis that ends at 100 % the same as
 * curve_area. `positive` order: deletion, lower is better. `negative`: insertion, higher is better,
 * since to keep the top f is to remove the bottom 1 - f. */
double curve_area_to_blank(const struct curve_axis *, const double *p, double p_blank);

enum aopc { AOPC_FROM_0, AOPC_FROM_1, AOPC_ABSOLUTE, AOPC_KINDS };
/* Mean of p[0] - p[k]: over k = 0 ... steps (Samek), k = 1 ... steps, or of its magnitude over
 * k = 1 ... steps (AttCAT). Higher is better in positive order; in negative order AOPC_FROM_1 is
 * ERASER's sufficiency, lower being better. */
double curve_aopc(const double *p, int steps, enum aopc);

/* Mean over k >= 1 of ln(p[k] / p[0]), both held at 1e-12 or more. A ratio of probabilities, not of
 * odds. Lower is better in positive order. */
double curve_log_odds(const double *p, int steps);

/* Differences between the orders of removal; higher is better. All areas are over the same axis;
 * `random` is the mean of both directions of the random control, NaN without one. */
struct curve_gaps {
    double srg; /* A(negative) - A(positive) */
    double mrg; /* A(random) - A(positive) */
    double lrg; /* A(negative) - A(random) */
};
struct curve_gaps curve_gaps(double positive, double negative, double random);

/* Each point of a curve relative to the unmasked image's, p[k] / p[0], NaN at p[0] = 0; or ranged
 * between the two ends, (p[k] - p_blank) / (p[0] - p_blank), NaN at p[0] <= p_blank. out may be p.
 */
void curve_relative(const double *p, int points, double *out);
void curve_ranged(const double *p, int points, double p_blank, double *out);

/* Sums over images for a ratio of means, because images with small p[0] would dominate a mean of
 * ratios. */
struct curve_sums {
    double area, first, blank; /* Σ curve_area, Σ p[0], Σ p_blank */
    double images;
};
/* Mean area / (upto mean p[0]), NaN at a mean of 0. */
double curve_relative_of_means(const struct curve_axis *, const struct curve_sums *);
/* (mean area / upto - mean p_blank) / (mean p[0] - mean p_blank), NaN where that is not above 0. */
double curve_ranged_of_means(const struct curve_axis *, const struct curve_sums *);

/* Spearman between the share removed and p: -1 for a curve that only falls. NaN if it is flat.
 * E_NOMEM. */
enum status curve_monotonicity(const double *p, int points, double *out, struct error *err);

/* MAS (IJCAI 2024). `p` [points] in the order of the walk: deletion p[0] ... p_blank, insertion
 * p_blank ... p[0]; `moved` [points]: share of the heat deleted or inserted so far, from 0 to 1.
 * 0.5 where the response is undefined or flat. NaN where a share is NaN (there is no heat).
 * Deletion: lower is better; insertion: higher. At most CURVE_MOST_POINTS points. */
double curve_mas(const double *p, const double *moved, int points, bool insertion);
/* moved [points]: Σ of |heat| over the pixels of rank < n share(k), / Σ |heat|. rank [n]: position
 * in the order of removal. NaN where Σ |heat| = 0. For insertion the order is the positive one,
 * too. */
void heat_moved(const float *heat, const unsigned *rank, size_t n, const struct curve_axis *,
                double *moved);
