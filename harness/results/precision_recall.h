/* Precision and recall of the foreground, from the stored maps and the data set's masks: result
 * files hold scores per image, not pixels. */
#pragma once

#include "pictures.h"
#include "report.h"

#define RECALL_LEVELS 512 /* thresholds on the heat, equally spaced */

struct recall_curve {
    const char *method; /* the result's */
    enum explained explained;
    bool agnostic;
    size_t levels;                                          /* points below, recall ascending */
    double precision[RECALL_LEVELS], recall[RECALL_LEVELS]; /* 0-1 */
    double area;                                            /* average precision, 0-1 */
};

struct recall {
    struct recall_curve *curve;
    size_t curves;
    size_t images;     /* that were looked at */
    int side;          /* S */
    double foreground; /* share of the labelled pixels, 0-1: the precision of heat that knows
                          nothing */
};

/* Pools all pixels of all scored images, except those labelled -1. The pictures must be
 * open and have masks. E_NOMEM, E_DATA, E_IO. */
enum status recall_build(const struct run *, const struct pictures *, struct recall *out,
                         struct error *err);
/* Whether the figure of a class shows the curve; and whether a class has a figure that shows more
 * than the predicted class's. */
bool recall_shown(const struct recall_curve *, enum explained);
bool recall_has(const struct recall *, enum explained);
void recall_free(struct recall *);
