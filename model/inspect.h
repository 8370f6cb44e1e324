/* Inspection of attention itself: hidden attention of a Vim (SPEC 4), attention maps of a ViT. */
#pragma once

#include "explain.h"

/* Describes attention on an architecture. */
struct attention_kind {
    const char *unit;    /* the unit that has a matrix: "head", "channel" */
    const char *counted; /* matrices of a layer in words: "attention matrices (H, one a head)" */
    const char *what;    /* a matrix, in a few words, for files: [channel, row, column] */
    const char *drawn;   /* how it is drawn, for the note of a figure */
    bool probabilities;  /* entries are positive, rows sum to 1; else they have signs */
    int directions;      /* passes over the tokens, each with separate matrices */
};

/* NULL: the architecture has none. */
const struct attention_kind *inspect_kind(const struct model *);
/* Matrices of a layer, in each direction: channels of a Vim, heads of a ViT; and how many inner
 * ones each is the sum of, 0 for none. */
int inspect_count(const struct model *);
int inspect_inner_count(const struct model *);

struct inspector; /* holds one image at one layer */

/* E_CONFIG: the architecture has no attention. */
enum status inspect_open(const struct model *, const char *backend, const struct backend_options *,
                         const struct input_format *, struct inspector **out, struct error *err);
void inspect_close(struct inspector *); /* accepts NULL */

/* Runs the model on rgb [S, S, 3] (host) up to `layer`, to which the functions below refer. */
enum status inspect_layer(struct inspector *, const uint8_t *rgb, int layer, struct error *err);
/* The same, and the relevance of this layer's attention maps for class k. E_CONFIG
 * where the architecture has none. */
enum status inspect_relevance(struct inspector *, const uint8_t *rgb, int layer, int k,
                              float *out, /* [H, L, L] */
                              struct error *err);

/* The complete row c of every matrix in one direction, out [count, L]. E_CONFIG where the
 * architecture only has whole matrices. */
enum status inspect_cls_row(struct inspector *, int direction, float *out, struct error *err);
/* One matrix, out [L, L]: that of a channel or head, summed over directions; -1: the mean. */
enum status inspect_matrix(struct inspector *, int which, float *out, struct error *err);
/* Row c, both directions: mean over the matrices of |a| and of a, [L] each. */
enum status inspect_influence(struct inspector *, double *absolute, double *mean,
                              struct error *err);
