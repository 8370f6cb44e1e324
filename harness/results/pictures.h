/* The data set of a run, opened again through the config in its result file, for pages and figures
 * that need pictures or masks. */
#pragma once

#include "dataset.h"
#include "result.h"

struct pictures {
    struct dataset
        *data; /* image i is the result's row i. NULL: it cannot be opened, and `why` says why */
    enum preprocess preprocess;
    struct eval_cut cut; /* of eval */
    char why[400];
};

/* Never fails, because a report can do without pictures. The data set counts as found where its
 * fingerprint and the names of its images are those of the result file. */
void pictures_open(const struct result *, struct pictures *out);
void pictures_close(struct pictures *);

/* Reads image `index` as the model saw it, at `side` pixels: rgb [side, side, 3]; labels [side,
 * side], or NULL where they are not wanted. E_DATA, E_IO: this image cannot be read. */
enum status pictures_load(const struct pictures *, size_t index, int side, uint8_t *rgb,
                          int8_t *labels, struct error *err);

/* Turns a patch map [grid, grid] into heat [side, side] in [0, 1] (SPEC 6). A constant map gives 0.
 * E_NOMEM. */
enum status pictures_heat(const float *map, int grid, int side, float *heat, struct error *err);
