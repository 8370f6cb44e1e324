/* Intervals that account for the number of images: a percentile interval of one image, or of 200
 * that agree, has width 0, which claims certainty where there is none. */
#pragma once

#include <stddef.h>

#include "stats.h"

/* The interval of a share `hits` / n, in [0, 1] (Wilson's score interval). NaN at n = 0. */
struct interval wilson_interval(double hits, double n, double level);

/* The interval of a mean of n values in [low, high] that all equal `value`: it reaches as far as
 * the mean would move if other values had been missed, as many as Wilson's interval of 0 of n
 * allows. For shares it is Wilson's. */
struct interval unseen_interval(double value, double low, double high, size_t n, double level);

/* The interval of any figure: bias-corrected and accelerated (Efron 1987), at a level that is
 * raised as Student's t is wider than the normal for n images (Hesterberg 2015). drawn [resamples]:
 * the figure of each resample, ascending. left_out [n]: of all images but one. NaN if one of them
 * is, and at n < 2. Where all of left_out agree use unseen_interval: this one has width 0. */
struct interval bca_interval(double value, const double *drawn, size_t resamples,
                             const double *left_out, size_t n, double level);
