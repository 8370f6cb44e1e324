/* Whether an accuracy is plausible for this model on these labels. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accuracy_counts {
    size_t images;               /* with a label, and scored */
    size_t right;                /* top-1 = label */
    size_t one_above, one_below; /* label = top-1 + 1; label = top-1 - 1 */
    int classes;                 /* of the head; 0: unknown, so that chance is unknown, too */
};

/* status [count]: 0 where the image is scored; NULL: all are. */
struct accuracy_counts accuracy_count(const int32_t *label, const int32_t *top1,
                                      const uint8_t *status, size_t count, int classes);

/* Writes into `out` what is wrong, if anything is: accuracy at chance; labels that are off by one
 * for many images; or accuracy below `expected` (percent, NaN: unknown) by more than sampling
 * explains once in a thousand times. Nothing is said of fewer than 8 images. */
bool accuracy_doubt(const struct accuracy_counts *, double expected, char *out, size_t size);
