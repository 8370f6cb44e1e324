/* How far a run is the setting of the published figures: a number is never put beside ours without
 * saying what differs. */
#pragma once

#include <stdbool.h>

#include "published.h"
#include "result.h"

struct comparability {
    bool comparable;  /* false: the published column says n/a */
    char variant[32]; /* of the [explain] section, as in published_entry */
    char why[768];    /* what differs, "; " between; "" : the published setting itself */
};

/* kind: "perturbation" or "segmentation". images: how many were scored. top1: percent on them, or
 * NaN where unknown. */
void comparability_judge(const struct result *, const struct published *, const char *kind,
                         size_t images, double top1, struct comparability *out);
