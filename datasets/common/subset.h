/* Orders of a data set's images, of which a run takes the first ones as a sample. A longer part of
 * an order contains the shorter ones, so that a run can be extended. */
#pragma once

#include "dataset_kind.h"

enum subset {
    SUBSET_EVEN,   /* evenly over the set: every class in proportion, and spread within it */
    SUBSET_RANDOM, /* by a seed and the images' names */
    SUBSET_FIRST   /* as the set has them */
};
extern const char *const subset_names[]; /* "even", "random", "first", NULL */

/* out [dataset->count]: the images in that order. E_NOMEM.
 *
 * EVEN is Webster's apportionment: the r-th image of a class of n comes at (2 r + 1) / n, classes
 * at the same point in bit-reversed order of their index, and the images of a class in bit-reversed
 * order of their place in the set. Without labels all are one class. So every part holds each class
 * within one image of its share, and the images of a class lie evenly over it. */
enum status subset_order(const struct dataset *, enum subset, uint64_t seed, size_t *out,
                         struct error *err);
