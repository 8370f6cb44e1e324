/* Looking at attention itself: hidden attention of a Vim (SPEC 4), attention maps of a ViT. */
#pragma once

#include "explain.h"

struct inspector; /* holds one image at one layer */

enum status inspect_open(const struct model *, const char *backend, const struct backend_options *,
                         const struct input_format *, struct inspector **out, struct error *err);
void inspect_close(struct inspector *); /* accepts NULL */

/* Attention matrices that a layer has: E per direction (Vim), H (ViT). */
int inspect_matrix_count(const struct inspector *);

/* Runs the model on rgb [S, S, 3] (host) up to `layer`; what follows refers to it. */
enum status inspect_layer(struct inspector *, const uint8_t *rgb, int layer, struct error *err);
/* The same, and the relevance of this layer's attention maps for class k. ViT only. */
enum status inspect_relevance(struct inspector *, const uint8_t *rgb, int layer, int k,
                              float *out, /* [H, L, L] */
                              struct error *err);

/* Vim: the complete CLS row of every channel in one direction, out [E, L]. */
enum status inspect_cls_row(struct inspector *, int direction, float *out, struct error *err);
/* One matrix, out [L, L]: channel (Vim, both directions added) or head (ViT); -1: their mean. */
enum status inspect_matrix(struct inspector *, int which, float *out, struct error *err);
