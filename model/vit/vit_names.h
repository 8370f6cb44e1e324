/* Converts a ViT's tensors from other code's names and shapes to timm's. */
#pragma once

#include "vit.h"

/* Renames Hugging Face's, torchvision's, DeiT III's and DINOv2's tensors; joins q, k and v; folds
 * LayerScale into the projections; adds biases and positions that are not there as zeros. The notes
 * report each change. E_DATA: tensors that do not fit together. */
enum status vit_adopt(struct checkpoint *, const struct model_options *, struct geometry *,
                      struct notes *, struct error *);

/* Ends of the stem's name, and tensors that tell a ViT, before vit_adopt. */
extern const char *const vit_stems[], *const vit_marks[];
