/* The content of a report as plain data: computed once from result files, and printed by every
 * format. */
#pragma once

#include "published.h"
#include "accuracy.h"
#include "randomised.h"
#include "result.h"
#include "comparability.h"
#include "stats.h"

enum stratum { STRATUM_ALL, STRATUM_CORRECT, STRATUM_WRONG, STRATA }; /* by top-1 of the image */
extern const char *const stratum_names[STRATA];

struct figure {
    double value;         /* percent; NaN where there is none */
    struct interval ci;   /* bootstrap over images */
    double published;     /* percent; NaN: n/a */
    bool same_conditions; /* false: `published` carries the mark, and no difference is given */
};

struct direction_scores {
    bool present;
    struct curve_axis axis;
    double accuracy[CURVE_MOST_POINTS], probability[CURVE_MOST_POINTS]; /* 0-1, axis.steps + 1 */
    struct interval band[CURVE_MOST_POINTS];                            /* of accuracy */
    struct figure auc;                                                  /* AUC_TRAPEZOID */
};

struct perturbation_row {
    const char *method; /* the result's */
    bool control;       /* what explanations are compared with */
    enum explained explained;
    enum stratum stratum;
    bool agnostic; /* both classes share their records: the method does not depend on the class
                    */
    size_t images; /* labelled images in it */
    struct direction_scores direction[REMOVALS];
};

enum segmentation_metric { PIXEL_ACCURACY, MEAN_AP, MEAN_IOU, SEGMENTATION_METRICS };
extern const char *const segmentation_keys[SEGMENTATION_METRICS]; /* "pixel_accuracy", "map", ... */

struct segmentation_row {
    const char *method;
    bool control; /* what explanations are compared with */
    enum explained explained;
    enum stratum stratum;
    bool agnostic; /* as above */
    size_t images;
    struct figure figure[SEGMENTATION_METRICS];
    struct figure shortcut; /* share of the heat inside the planted shortcut; NaN without one */
    double shortcut_area;   /* percent of the pixels, on the same images: the level of chance */
    size_t shortcut_images; /* with a shortcut, and heat; 0: nothing was planted */
};

struct map_row { /* checks of the maps; -1 or NaN where the file does not say */
    const char *method;
    enum explained explained;
    bool agnostic;
    long constant; /* number of images, including those whose map is not finite */
    long not_finite;
    double largest_tie; /* mean over images, pixels */
    double sum_error;   /* largest: how far the method's terms miss the score, by their size; NaN
                           where they need not add up to it */
    double dropped;     /* the same, percent: relevance on tokens that are no patches */
};

struct run {
    const struct result *result;
    size_t scored, skipped; /* images with status 0, and others */
    size_t unmapped;        /* of the skipped: a file of maps has none that would do */
    size_t labelled;        /* of the scored */
    struct figure top1;     /* value NaN without labels; published: with `eval` preprocessing */
    double identity_max;    /* relative error of the hidden-attention identity; NaN: unknown */
    char doubt[400];        /* what is wrong with top-1, in a sentence; "": nothing */
    long zero_row_sum;      /* images in which a rollout met a row sum of 0; -1: unknown */
    size_t inconsistent;    /* images whose hit is not (predicted = label): a damaged file */
    struct comparability perturbation_comparability, segmentation_comparability;

    struct perturbation_row *perturbation;
    struct segmentation_row *segmentation;
    struct map_row *map;
    size_t perturbations, segmentations, maps;
    struct randomised randomised;
};

struct models;
struct report {
    struct run *run; /* one a result file */
    size_t runs;
    struct bootstrap_options bootstrap;
    const struct published *published;
    bool paper;                       /* print the paper's tables instead of one section per run */
    bool standalone;                  /* latex: a standalone document, not tables for \input */
    const struct ledger *ledger;      /* the caller's; NULL: not wanted (ledger.h) */
    const struct models *models;      /* the same (models.h) */
    const struct score_table *scores; /* [runs] the same (score_table.h) */
};

/* The results must outlive the report. E_NOMEM. */
enum status report_build(const struct result *const *results, size_t count,
                         const struct published *, const struct bootstrap_options *,
                         struct report *out, struct error *err);
void report_free(struct report *);
/* What is wrong with the skipped images: "could not be read", "lack a map", or both; and what none
 * of the images does where none was scored: "could be read", "has a map". */
const char *run_why_skipped(const struct run *);
const char *run_why_none(const struct run *);
