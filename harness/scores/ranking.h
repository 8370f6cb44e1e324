/* Scores in order, and pixels in the order of their heat. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* A score and what it belongs to in one word: bits of the float that are in the order of the floats
 * above (-0 equals 0), the payload below. Sorting moves one array, and 50,176 entries take well
 * under a millisecond. */
typedef uint64_t ranked;
ranked rank_of(float score, uint32_t payload);
/* Ascending and stable by score. spare [n]. */
void rank_sort(ranked *items, ranked *spare, size_t n);

/* order [n]: indices by heat, hottest first (descending) or coldest first; equal pixels by index,
 * lowest first, either way. heat [n] without NaN; -0 equals 0. E_NOMEM. */
enum status heat_order(const float *heat, size_t n, bool descending, uint32_t *order,
                       struct error *err);
