/* Segmentation scores as sums over images, which the bootstrap resamples. */
#pragma once

#include <stddef.h>

#include "metrics.h"

enum score_sum {
    SUM_CORRECT,
    SUM_LABELLED,
    SUM_INTERSECTION,
    SUM_UNITED = SUM_INTERSECTION + 2,
    SUM_AP = SUM_UNITED + 2,
    SUM_AP_IMAGES,
    SCORE_SUMS
};
enum { SCORE_SUM_FIGURES = 3 }; /* pixel accuracy, mAP, mIoU, percent */

/* Writes what one image contributes into row [SCORE_SUMS]. */
void score_sums(const struct segmentation_score *, double *row);
/* The figures of a sum over images, as segmentation_totals computes them. */
void score_sum_figures(const double *sums, double figures[SCORE_SUM_FIGURES]);
