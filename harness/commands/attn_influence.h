/* Influence on CLS: measured over a data set by attn_influence.c, drawn by influence_figure.c. */
#pragma once

#include "attn.h"
#include "plan.h"

struct influence { /* one model over its data set */
    struct config *config;
    struct plan *plan;
    const struct model *model; /* the plan's */
    struct inspector *inspector;
    size_t images, broken;
    double *absolute, *mean; /* [Λ, L]: means over images of mean_d |a| and mean_d a of row c */
    double *layer[2];        /* [L] each: |a| and a of one image and layer */
    uint8_t *rgb;            /* [S, S, 3] */
};

/* A patch's influence as a multiple of the influence that it would have if all patches had the
 * same. `token` is not CLS. */
double influence_share(const struct influence *, int layer, int token);

/* Writes STEM.png (with `vector` also .pdf and .svg), STEM.gnuplot and STEM.csv. E_IO. */
enum status influence_draw(const struct influence *models, int count, const char *stem, bool vector,
                           struct error *err);
