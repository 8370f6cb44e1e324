/* Comparability: whether published figures may be shown beside a run. None is shown without saying
 * what differs. */
#pragma once

#include <stdbool.h>

#include "published.h"
#include "result.h"

struct comparability {
    bool comparable;  /* false: the published column says n/a */
    char variant[32]; /* the variant of the [explain] section, as in published_entry */
    char model[32];   /* the published model that the checkpoint is: its entry's name; "": none */
    char why[1024];   /* what differs, "; " between; "" : the published conditions themselves */
};

/* kind: "perturbation" or "segmentation". images: how many were scored. top1: percent on the
 * labelled ones, or NaN where unknown. */
void comparability_judge(const struct result *, const struct published *, const char *kind,
                         size_t images, double top1, struct comparability *out);

/* Whether the paper's tables are about the run's data set: ImageNet for the perturbation test,
 * ImageNet-Segmentation for the other. Runs on other data are not in those tables. */
bool comparability_same_data(const struct result *, const char *kind);
