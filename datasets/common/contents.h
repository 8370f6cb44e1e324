/* What tells a data set from another of the same names and sizes: a digest of sampled bytes. */
#pragma once

#include "dataset_kind.h"

enum {
    CONTENTS_PLACES = 64,      /* images of the sample, evenly over the set */
    CONTENTS_BYTES = 8 << 20,  /* of all of them together */
    CONTENTS_WHOLE = 64 << 20, /* all arrays of a .mat file that is smaller are read */
};

/* Computes dataset->contents: "" where an image of the sample cannot be read now. A change beside
 * the sample is not seen. */
void dataset_sample_contents(struct dataset *);
/* Adds `size` bytes of a file from `offset` on: all, or `bytes` of them, half from either end.
 * False: they cannot be read. */
bool contents_add(struct sha256 *, int fd, uint64_t offset, uint64_t size, size_t bytes);
