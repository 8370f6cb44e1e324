/* Scores: pure functions on arrays (SPEC 6-8). Nothing here depends on a model, a file or a table.
 *
 * Curves and counts are exact; ratios come as doubles. Everything named "percent" is 0-100. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "curves.h"
#include "status.h"

/* --- ranking ------------------------------------------------------------------------------- */

/* Average precision of a binary ranking, scikit-learn's definition: sum over the distinct scores,
 * from the highest, of (R_n - R_{n-1}) P_n. positive[i] is 0 or 1. 0 without any positive. Scores
 * must not be NaN. E_NOMEM. */
enum status average_precision(const float *score, const uint8_t *positive, size_t n, double *out,
                              struct error *err);

/* The state of a map before it became heat, as stored in /explain/METHOD/CLASS/constant of a
 * result: only a map that varies has heat above 0. */
enum map_state { MAP_VARIES, MAP_CONSTANT, MAP_NOT_FINITE };

/* How many entries share the most frequent value of a heat map [n] (-0 equals 0). SPEC 6. E_NOMEM.
 */
enum status largest_tie(const float *heat, size_t n, size_t *out, struct error *err);

/* --- segmentation (SPEC 8) ------------------------------------------------------------------- */

struct segmentation_score { /* one image; pixels labelled -1 are in no count */
    int32_t correct, labelled;
    int32_t intersection[2], united[2]; /* of background and foreground */
    float ap;                           /* 0-1; NaN where no pixel is labelled */
};

/* heat [pixels] in [0, 1], without NaN; labels [pixels]: 0 background, 1 foreground, -1 left out.
 * Foreground is heat > mean(heat), the mean over all pixels, in double.
 * ap is that of [1 - heat | heat] against [label = 0 | label = 1], where 1 - heat is taken in
 * double: in fp32 it would round distinct scores into ties (sklearn on fp32 arrays does). The heat
 * itself is fp32, and has ties where heat in double has none: on single images that has moved ap by
 * up to 4e-3, on means over a data set by less than 5e-4. Where all pixels have one heat, as a
 * constant map's, ap is 0.5. E_DATA: another label, too many pixels; E_NOMEM. */
enum status segmentation_score(const float *heat, const int8_t *labels, size_t pixels,
                               struct segmentation_score *out, struct error *err);

/* The counts alone, at a mean that is given; ap stays as it is. */
void segmentation_counts(const float *heat, const int8_t *labels, size_t pixels, double mean,
                         struct segmentation_score *out);

struct segmentation_totals {
    double pixel_accuracy, map, miou; /* percent; NaN where nothing is labelled */
    size_t images, ap_images; /* ap_images: those with a labelled pixel, over which mAP runs */
};

/* Over the images with use[i] != 0 (use NULL: all). A class that no pixel has, in prediction or
 * label, counts as IoU 0, as the released code's epsilon does. */
void segmentation_totals(const struct segmentation_score *, const uint8_t *use, size_t n,
                         struct segmentation_totals *out);

/* --- shortcuts ------------------------------------------------------------------------------- */

/* Share of the positive heat that lies where inside[i] != 0, in [0, 1]: Σ inside / Σ everywhere,
 * in double. NaN where no heat is positive (a constant map). */
double heat_share(const float *heat, const int8_t *inside, size_t pixels);
/* Share of the pixels with inside[i] != 0, which is the score of heat that knows nothing. */
double area_share(const int8_t *inside, size_t pixels);

/* --- perturbation (SPEC 7) ------------------------------------------------------------------- */

/* The published curve: 0 %, 10 % ... 90 % removed. */
extern const struct curve_axis curve_axis_published;

/* Ways to put one number to a curve of values in [0, 1]. The first is the published one; the
 * numbers are those of the published axis. */
enum auc_convention {
    AUC_TRAPEZOID,        /* over 0 ... 90 %; at most 90 */
    AUC_TRAPEZOID_FROM10, /* over 10 ... 90 %, the unmasked point left out; at most 80 */
    AUC_MEAN_NINE,        /* mean of 10 ... 90 %; at most 100 */
    AUC_MEAN_TEN,         /* mean of 0 ... 90 %; at most 100 */
    AUC_CONVENTIONS
};
extern const char *const auc_names[AUC_CONVENTIONS]; /* "trapezoid", ... stable keys */

/* curve [steps + 1], percent. */
double curve_auc(const struct curve_axis *, const double *curve, enum auc_convention);
/* The value for a curve that stays at 1. */
double auc_highest(const struct curve_axis *, enum auc_convention);
/* AUC_TRAPEZOID of one image's hits or probabilities [steps + 1]; their means over images are the
 * figures of the mean curves. */
double hits_auc(const struct curve_axis *, const uint8_t *hit);
double probability_auc(const struct curve_axis *, const float *prob);

/* Mean over the images with use[i] != 0 (NULL: all) of hit [n, points] or prob [n, points]. Returns
 * the number of images; with 0 the curve [points] is NaN. */
size_t accuracy_curve(const uint8_t *hit, const uint8_t *use, size_t n, int points, double *curve);
size_t probability_curve(const float *prob, const uint8_t *use, size_t n, int points,
                         double *curve);
