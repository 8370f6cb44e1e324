/* Intervals that know how few images there are: a percentile interval of one image, or of 200 that
 * agree, has width 0, which says "certain" where it should say "unknown". */
#pragma once

#include <stddef.h>

#include "stats.h"

/* Of a share: `hits` of n, in [0, 1] (Wilson's score interval). NaN at n = 0. */
struct interval wilson_interval(double hits, double n, double level);

/* Of a mean of n values in [low, high] that are all `value`: as far off as it would lie if as many
 * unlike values had been missed as Wilson's interval of 0 of n allows. For shares it is Wilson's.
 */
struct interval unseen_interval(double value, double low, double high, size_t n, double level);

/* Of any figure: bias-corrected and accelerated (Efron 1987), at a level that is raised as
 * Student's t is wider than the normal for n images (Hesterberg 2015). drawn [resamples]: the
 * figure of each resample, ascending. left_out [n]: of all images but one. NaN if one of them is,
 * and at n < 2. Where all of left_out agree use unseen_interval: this one has width 0. */
struct interval bca_interval(double value, const double *drawn, size_t resamples,
                             const double *left_out, size_t n, double level);
