/* Segmentation at other thresholds than the published one, from the stored maps and the data set's
 * masks (pixels.h). Foreground is heat > threshold. */
#pragma once

#include "metrics.h"
#include "pixels.h"

enum threshold {
    THRESHOLD_MEAN,   /* of the map's heat: SPEC 8, the published one, from the records */
    THRESHOLD_MEDIAN, /* the lower one: at most half of the pixels are foreground */
    THRESHOLD_OTSU,   /* the level that parts the heat into the two tightest classes */
    THRESHOLD_LEVELS, /* fixed levels from here on, the same for every image: 0.01 ... 0.99 */
    FIXED_LEVELS = 99,
    THRESHOLDS = THRESHOLD_LEVELS + FIXED_LEVELS
};

struct threshold_counts { /* of a data set, as segmentation_totals sums them */
    int64_t correct, labelled, intersection[2], united[2];
};

/* Percent; NaN where nothing is labelled. A class that no pixel has counts as IoU 0. */
double counts_accuracy(const struct threshold_counts *);
double counts_miou(const struct threshold_counts *);

/* Adds an image at every threshold except the mean. heat [pixels] in [0, 1] (NaN counts as cold),
 * labels: 0, 1, -1 left out. E_NOMEM. */
enum status thresholds_add(struct threshold_counts counts[THRESHOLDS], const float *heat,
                           const int8_t *labels, size_t pixels, struct error *err);

/* Name and level: "mean", "median", "otsu", "0.01" ... into out [size]. */
void threshold_name(int threshold, char *out, size_t size);

struct threshold_row {
    const char *method; /* the result's */
    enum explained explained;
    bool agnostic;
    struct threshold_counts counts[THRESHOLDS];
    int best; /* the fixed level of the highest mIoU: chosen on the masks, so a bound */
};

struct threshold_table {
    struct threshold_row *row;
    size_t rows, images;
    char why[400]; /* not empty: the data set cannot be read, and all but the mean is empty */
};

/* E_NOMEM, E_DATA, E_IO: of the result file; a data set that is not there is no failure. */
enum status thresholds_build(const struct result *, struct threshold_table *out, struct error *err);
void thresholds_free(struct threshold_table *);
