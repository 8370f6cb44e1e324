/* The similarity of two maps, of a model and of the same model with random weights (SPEC 17), and
 * the distance that a map moves when the input is changed (SPEC 18). NaN where a map is constant or
 * not finite. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Spearman's correlation of maps a and b [cells]. Between a model and a randomised one, lower is
 * better. E_NOMEM. */
enum status map_spearman(const float *a, const float *b, size_t cells, double *out,
                         struct error *err);
/* The same of |a| and |b|. */
enum status map_spearman_abs(const float *a, const float *b, size_t cells, double *out,
                             struct error *err);
/* The same of a map that is compared with many: its ranks [cells], or those of |a|, are found once;
 * `twice` holds them times two, whole numbers also of ties. All are equal where the map is constant
 * or not finite. E_NOMEM. */
enum status map_ranks(const float *a, size_t cells, bool magnitude, uint32_t *twice,
                      struct error *err);
enum status map_spearman_ranked(const uint32_t *twice, const float *b, size_t cells, bool magnitude,
                                double *out, struct error *err);
enum status map_pearson(const float *a, const float *b, size_t cells, double *out,
                        struct error *err);

/* SSIM of two heat maps [side, side] in [0, 1] (range 1): Gaussian window σ 1.5 of 11 x 11, K .01
 * and .03, sample covariances, mean over the pixels that lie 5 or more from the border. NaN also
 * for a side below 11. E_NOMEM. */
enum status heat_ssim(const float *a, const float *b, int side, double *out, struct error *err);

/* Entropy of a histogram of the signed map in 100 cells from its minimum to its maximum; a value on
 * an inner edge counts in the cell above. 0 for a constant map. */
double map_complexity(const float *map, size_t cells);
/* eMPRT: (complexity of the randomised model's map - complexity of the map) / the latter. Higher is
 * better; NaN where the map's complexity is 0. */
double emprt(const float *map, const float *randomised, size_t cells);

/* |a - b| / |a| in the Euclidean norm; NaN where |a| is 0 or a value is not finite. Lower is
 * better. Over samples of b, max and mean are sensitivity max and average. */
double map_distance(const float *a, const float *b, size_t cells);
double sensitivity_max(const float *distance, int samples);
double sensitivity_average(const float *distance, int samples);
