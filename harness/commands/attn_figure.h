/* The figure of evalh attn: a part of the chosen matrices, CLS in it (the paper's Figure 3). */
#pragma once

#include <hdf5.h>

#include "attn.h"
#include "panel.h"

enum { ATTN_MODELS = 2, ATTN_LAYERS = 12, ATTN_DECADES = 3 /* of the colours */ };
enum { ATTN_MEAN = -1 }; /* among channels, as inspect_matrix has it */

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
    bool linear;             /* colours, not by the logarithm */
    struct panel panel;
    hid_t file;
    char *stem;
};

/* The panel and its words; the cells are blank. After the models were opened. */
enum status attn_figure_open(struct attn_figure *, const struct attn_options *, struct error *err);
/* The matrix at hand of a side, into a cell; `column` is a layer of the side. */
enum status attn_figure_draw(struct attn_figure *, const struct attn_model *, int row, int column,
                             struct error *err);
