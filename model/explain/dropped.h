/* What a map leaves out: tokens that are no patches have no place in it (SPEC 1, drop_c). */
#pragma once

#include <stdbool.h>

#include "model.h"

/* Share of Σ |v| that lies on tokens that are no patches, 0 to 1; v [tokens]. `clamp`: negative
 * values count as 0. NaN where all values are 0. */
double dropped_share(const struct geometry *, const double *v, bool clamp);
