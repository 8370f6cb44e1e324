/* Scores of one image's explanations, and the order of the images by these scores. */
#pragma once

#include "report.h"

/* One way to score the explanation of one image, in percent; larger is better. */
struct image_measure {
    const char *title, *unit, *what;
    double (*score)(const struct run *, const char *method, enum explained, size_t image);
};

enum { IMAGE_MEASURES = 2 }; /* records of the perturbation test or of the segmentation test */
extern const struct image_measure image_measures[IMAGE_MEASURES];

struct image_place {
    size_t image;
    double score;
};

/* Writes the images that have a score, best first, into out [images], ordered by the mean over the
 * methods for the predicted class. Returns how many there are. */
size_t image_rank(const struct run *, const struct image_measure *, struct image_place *out);
