/* How alike maps stay when layers of the model get fresh weights (SPEC 17): means over images, of
 * the records of the task `randomisation`. */
#pragma once

#include "result.h"

enum randomised_scheme { RANDOMISED_CASCADE, RANDOMISED_INDEPENDENT, RANDOMISED_SCHEMES };
extern const char *const randomised_schemes[RANDOMISED_SCHEMES]; /* "cascade", "independent" */
extern const char *const randomised_titles[RANDOMISED_SCHEMES];  /* in words */

enum randomised_measure {
    RANDOMISED_SPEARMAN_ABS, /* what tables and figures show */
    RANDOMISED_SPEARMAN,
    RANDOMISED_PEARSON,
    RANDOMISED_SSIM,
    RANDOMISED_MEASURES
};
extern const char *const randomised_measures[RANDOMISED_MEASURES]; /* "spearman_abs", ... */

struct randomised_row {
    const char *method; /* the result's */
    bool control;
    double *like[RANDOMISED_SCHEMES][RANDOMISED_MEASURES]; /* [layers] NaN: defined nowhere */
    double emprt;
};

struct randomised {
    enum explained explained;
    size_t images;  /* scored */
    size_t layers;  /* 0: the file has no such records */
    int32_t *layer; /* [layers] as /layer has them: `layers` - 2 is the read-out, -1 what lies
                       before the layers */
    struct randomised_row *row;
    size_t rows;
};

/* Of the predicted class, or of the target where that alone was explained. Reads the file again.
 * E_NOMEM, E_DATA. */
enum status randomised_build(const struct result *, struct randomised *out, struct error *err);
void randomised_free(struct randomised *);

/* "read-out", "layer 3", "embedding". Returns `text`. */
enum { RANDOMISED_NAME = 24 };
const char *randomised_layer(const struct randomised *, size_t place, char text[RANDOMISED_NAME]);
