/* The two halves of evalh attn and their options: matrices of one image (attn_matrices.c), and
 * influence over a set of images (attn_influence.c). */
#pragma once

#include "inspect.h"
#include "inference_cli.h"

enum attn_scale { SCALE_LOG, SCALE_LINEAR };

struct attn_options {
    struct inference_cli cli;
    int scale;                          /* of the figure's colours: enum attn_scale */
    const char *model, *image, *beside; /* influence: model and beside are configs */
    const char *layers, *channels;      /* NULL: default */
    int tokens;                         /* shown; 0: all */
    bool influence;
    int images;               /* influence: how many at most */
    struct cli_list settings; /* influence: --set */
};

/* Both return an exit code of command.h, after printing what went wrong. */
int attn_matrices(const struct attn_options *);
int attn_influence(const struct attn_options *);

/* Prints how many attention matrices the model has. */
void attn_print_counts(const struct model *, const char *title);
