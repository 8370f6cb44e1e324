/* Which method came first in a run, by how much, and with what certainty: one line per figure. */
#pragma once

#include "report.h"

struct verdict {
    const char *figure; /* "positive AUC", "mIoU" ... */
    bool lower_better;
    enum explained explained; /* the predicted class where there is one */
    size_t images;
    size_t methods; /* that were compared, without controls */
    /* The best method, the next one, the best of the controls; NULL: there is none. */
    const char *first, *second, *control;
    double value, second_value, control_value; /* percent */
    struct interval ci;                        /* of value */
    /* How much better the first is than the next one, and than the control, in points (negative
     * where the control is better); paired bootstrap on the same images. NaN where there is
     * none. */
    double lead, over_control;
    struct interval lead_ci, over_control_ci;
    double stays; /* share of the resamples in which no other method is better, 0-1 */
};

struct verdicts {
    struct verdict *of;
    size_t count; /* figures that the run has for some method other than controls */
};

/* E_NOMEM. */
enum status verdicts_build(const struct run *, const struct bootstrap_options *,
                           struct verdicts *out, struct error *err);
void verdicts_free(struct verdicts *);
/* Whether these images settle the order of the first two: the interval of the lead excludes 0.
 */
bool verdict_settled(const struct verdict *);
