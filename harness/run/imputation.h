/* task.fill = linear: each masked image has its own fill, computed from the remaining pixels (SPEC
 * 14, road.h). Solved where the images are, to a residual of 1e-6, and rounded to 8 bits as every
 * image is; the noise of an image is the same for all its maps and steps. */
#pragma once

#include "task.h"

struct imputation;

/* Allocates memory for at most `slice` views at a time. E_NOMEM. */
enum status imputation_open(const struct plan *, size_t slice, struct imputation **out,
                            struct error *err);
size_t imputation_bytes(const struct plan *, size_t slice); /* of engine memory */
void imputation_close(struct imputation *);                 /* accepts NULL */

/* Gives views [at, at + n) of the visit their fills; `views_each` belong to each of its maps, in
 * order, and have its rank. Valid until the next call. */
enum status imputation_fill(struct imputation *, const struct visit *, struct view *views,
                            size_t views_each, size_t at, size_t n, struct error *err);
