/* Whether the heat lies on the object, computed from heat and a mask without a model (SPEC 15). All
 * scores are in [0, 1], higher is better, NaN where they are not defined.
 *
 * labels: 0 background, 1 object, -1 left out of heat and object before anything else. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { POINTING_TOLERANCE = 15, TOP_K = 1000 };

struct localisation {
    double pointing0;  /* the first maximum of the heat lies on the object: 0 or 1 */
    double pointing15; /* the object has a pixel closer than 15 pixels to it: 0 or 1 */
    double
        top_k;   /* share of the 1,000 hottest pixels (of all, in a smaller image) that lie on it */
    double rank; /* the same of as many as the object has */
    double auc;  /* of the ROC curve of heat against mask; 0.5 for constant heat */
};

/* heat [side, side] without NaN. Pixels of equal heat go by their index, lowest first. NaN: no
 * object pixel (all scores), constant heat (all but auc), nothing but object (auc). E_NOMEM. */
enum status localisation_scores(const float *heat, const int8_t *labels, int side,
                                struct localisation *out, struct error *err);

/* Σ positive heat on the object / Σ positive heat: the energy-based pointing game. NaN where there
 * is no object pixel or no positive heat. Meant for the upsampled positive part of a map, since
 * heat that was min-max normalised depends on the map's minimum. Heat that knows nothing scores the
 * mask's share of the pixels. */
double mass_accuracy(const float *heat, const int8_t *labels, size_t pixels);
/* Share of the labelled pixels that are the object's; NaN where none is labelled. */
double mask_share(const int8_t *labels, size_t pixels);

/* The positive part of a map [grid, grid], bilinear (half-pixel centres) to [side, side]; a value
 * that is not finite makes all of it 0. */
void positive_heat(const float *map, int grid, int side, float *out);
