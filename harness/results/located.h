/* Localisation scores (SPEC 15) and statistics of the map (SPEC 16) from the stored maps and the
 * data set's masks: for results of runs without these tasks. */
#pragma once

#include "result.h"

enum located_score {
    LOCATED_POINTING0,
    LOCATED_POINTING15,
    LOCATED_TOP_K,
    LOCATED_MASS,
    LOCATED_RANK,
    LOCATED_AUC,
    LOCATED_GINI,
    LOCATED_ENTROPY,
    LOCATED_SCORES
};
extern const char *const located_names[LOCATED_SCORES]; /* "pointing0", ... */

struct located_row {
    const char *method; /* the result's */
    enum explained explained;
    bool agnostic;
    double mean[LOCATED_SCORES]; /* 0-1, mean over the images where it is defined; NaN: nowhere */
    size_t defined[LOCATED_SCORES];
};

struct located_table {
    struct located_row *row;
    size_t rows, images;
};

/* E_DATA: the masks cannot be read, and why; E_NOMEM, E_IO. */
enum status located_build(const struct result *, struct located_table *out, struct error *err);
void located_free(struct located_table *);
