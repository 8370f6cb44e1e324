/* The figure of evalh attn: a part of the chosen matrices, CLS in it (the paper's Figure 3). */
#pragma once

#include <hdf5.h>

#include "attn.h"
#include "panel.h"

enum { ATTN_MODELS = 2, ATTN_LAYERS = 12, ATTN_DECADES = 3 /* of the colours */ };
enum { ATTN_MEAN = -1 }; /* index among the channels, as inspect_matrix takes it */

struct attn_model { /* one model */
    struct inference inference;
    const struct model *model; /* the inference's */
    struct inspector *inspector;
    char title[96];
    int layers[ATTN_LAYERS], layer_count;
    int *channels; /* [channel_count]; ATTN_MEAN among them */
    int channel_count, drawn;
    float *matrix; /* [L, L] */
};

struct attn_figure {
    struct attn_model models[ATTN_MODELS];
    int model_count, tokens; /* tokens that are drawn */
    bool linear;             /* the colours are linear, not logarithmic */
    struct panel panel;
    hid_t file;
    char *stem;
};

/* Makes the panel and its texts, with blank cells. Call it after the models were opened. */
enum status attn_figure_open(struct attn_figure *, const struct attn_options *, struct error *err);
/* Draws the current matrix of a model into a cell; `column` is a layer of that model. */
enum status attn_figure_draw(struct attn_figure *, const struct attn_model *, int row, int column,
                             struct error *err);
