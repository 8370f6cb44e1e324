/* Shared by compare.c, which knows the records of the paper's tests, and compare_rest.c, which
 * compares whatever else two files hold. */
#pragma once

#include "compare.h"

/* One comparison under way. */
struct comparing {
    const struct result *side[2];
    double tolerance;
    struct comparison *out;
    struct error *err;
};

/* Image `image` differs by `size`. */
void difference_note(struct difference *, size_t image, double size);
/* Counts a dataset as compared, and keeps what differs in it. E_NOMEM. */
enum status difference_keep(struct comparing *, const struct difference *);
/* `what` is in file A (side 0) or B alone. E_NOMEM. */
enum status only_in(struct comparing *, int side, const char *what);
/* |a - b|; 0 where both are NaN, infinite where one is. */
double number_distance(double a, double b);

/* Every dataset that compare.c does not know, but for summaries: by a walk over both files. */
enum status compare_rest(struct comparing *);
