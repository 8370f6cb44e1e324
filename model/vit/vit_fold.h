/* A ViT's tensors as other code shapes them, made those that vit_geometry.c lists; their names are
 * timm's already. */
#pragma once

#include "vit.h"

/* Joins q, k and v, parts gated MLPs, folds LayerScale and a batch norm before the head into the
 * layers beside them, adds biases and positions that are not there as zeros. `interleaved`: the
 * head's columns are of CLS and of the mean by turns. Each is said in the notes. E_DATA: tensors
 * that do not fit together, or positions that fit two numbers of patches and no image size says
 * which. */
enum status vit_fold(struct checkpoint *, const struct model_options *, bool interleaved,
                     struct notes *, struct error *);
