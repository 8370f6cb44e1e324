/* How concentrated a map is (SPEC 16), computed on |m| of the stored map m. These figures are
 * descriptive only: a map with one bright patch is the "best", wherever the patch lies. NaN where a
 * value is not finite or all are 0. */
#pragma once

#include <stddef.h>

#include "status.h"

/* Σ (2 i - k - 1) a_i / (k Σ a), a ascending, i = 1 ... k: 0 constant, 1 - 1/k one patch. Higher is
 * sparser. E_NOMEM. */
enum status gini(const float *map, size_t cells, double *out, struct error *err);
/* -Σ q ln q, q = a / Σ a: ln k constant, 0 one patch. Lower is sparser. */
double map_entropy(const float *map, size_t cells);
/* The same over ln k, in [0, 1], so that grids of different size compare; NaN for one patch. */
double map_entropy_share(const float *map, size_t cells);
