/* Which method is best when several metrics vote, and with what certainty (SPEC 19). A metric's
 * value for a method is a mean, a ratio of totals, or a mean of such ratios over images. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "interval.h"
#include "status.h"

enum { AGREEMENT_MOST = 64 }; /* methods, and metrics */

/* Rank of each of `methods` values, 1 = best, ties averaged. false, and NaN ranks, where a value is
 * NaN: then the metric does not rank. methods <= AGREEMENT_MOST. */
bool rank_methods(const double *value, int methods, bool higher_is_better, double *rank);

/* Kendall's W of rank [metrics, methods] in [0, 1], corrected for ties. NaN for fewer than two
 * methods or none that rank apart. */
double kendalls_w(const double *rank, int metrics, int methods);
/* Σ over metrics / metrics: Borda's order, since Σ (methods - rank) falls as it rises. out
 * [methods] */
void mean_ranks(const double *rank, int metrics, int methods, double *out);
/* The probability of a W this large if each metric ordered the methods at random: (1 + #) / (draws
 * + 1). */
double kendalls_w_p(const double *rank, int metrics, int methods, uint64_t seed, int draws);

/* One metric's value for one method, image by image: mean over its terms of Σ top / Σ bottom. A
 * plain mean has one term, bottom 1 where the image has the score and 0 (with top 0) where it has
 * none. */
struct agreement {
    size_t images;
    int metrics, methods, terms;  /* terms: of each metric, e.g. 2 for an mIoU */
    const double *top, *bottom;   /* [images, metrics, methods, terms] */
    const bool *higher_is_better; /* [metrics] */
    const bool *votes;            /* [metrics] counts in mean ranks and W; NULL: all do */
    uint64_t seed;
    int resamples;
    double level;
};

struct agreement_result {
    double *value;             /* [metrics, methods] */
    double *rank;              /* the same; NaN where a metric does not rank */
    struct interval *interval; /* the same: of the ranks, over resamples of the images */
    int ranking;               /* metrics that vote and rank all methods */
    double *mean_rank;         /* [methods] over those */
    struct interval *mean_interval;
    double *best; /* [methods] share of the resamples in which its mean rank is the lowest; ties
                     split */
    double w, w_p;
    struct interval w_interval;
};

/* All metrics and methods share the resamples of the images. E_NOMEM. */
enum status agreement_build(const struct agreement *, struct agreement_result *out,
                            struct error *err);
void agreement_free(struct agreement_result *);
