/* The scores of one image's explanation, by their names. */
#pragma once

#include "h5_read.h"
#include "result.h"
#include "score_table.h"

struct score_kind;

/* One result, opened to be scored. */
struct scoring {
    const struct result *result;
    struct h5_file file;
    enum explained explained;
    float *map; /* [images, side, side] of the method at hand; NULL where they cannot be read */
    int side;
    double *bottom; /* [images] what `value` is a share of, 1 unless a metric fills it in: its mean
                       is then Σ value / Σ bottom */
    double *moved;  /* of the method at hand, where MAS asked for it (score_curves.c); or NULL */
    struct error *err;
};

/* value [images], NaN where undefined; *found = false where the file has no such records. */
typedef enum status score_fill(struct scoring *, const char *method, double *value, bool *found);

struct score_kind {
    struct score_metric metric; /* the parts that do not depend on the result */
    score_fill *fill;
};
extern const struct score_kind score_kinds[];
extern const int score_kind_count;
