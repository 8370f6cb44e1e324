/* Shared by the files that build a report. */
#pragma once

#include "interval.h"
#include "report.h"

/* One report being built. */
struct build {
    const struct published *published;
    const struct bootstrap_options *bootstrap;
    uint8_t *use; /* [images] of the current stratum */
    double *rows; /* [images, REPORT_COLUMNS] what the bootstrap sums */
    struct error *err;
};
enum { REPORT_COLUMNS = 10 };

/* Sets use[i] = 1 for the images of a stratum and returns how many there are. Unlabelled images
 * belong only to `all`, and to no stratum where `labelled_only`. */
size_t report_select(const struct result *, enum stratum, bool labelled_only, uint8_t *use);
/* Adds the published figure to ours, marked where its conditions differ. */
void report_published(struct figure *, const struct comparability *, double published);

/* Add the rows of each test; none where the result has no such records. */
enum status report_perturbation(struct build *, struct run *);
enum status report_segmentation(struct build *, struct run *);

/* Whether image i has a shortcut and its map has heat, so that the share is a number. */
bool report_has_share(const struct result *, const struct result_segmentation *, size_t image);
