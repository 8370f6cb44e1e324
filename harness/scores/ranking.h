/* Pixels in the order of their heat. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* order [n]: indices by heat, hottest first (descending) or coldest first; equal pixels by index,
 * lowest first, either way. heat [n] without NaN; -0 equals 0. E_NOMEM. */
enum status heat_order(const float *heat, size_t n, bool descending, uint32_t *order,
                       struct error *err);
