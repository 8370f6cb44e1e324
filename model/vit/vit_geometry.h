/* A ViT's sizes (read from its tensors), its list of tensors, and its published models. */
#pragma once

#include "vit.h"

enum status vit_read_geometry(const struct checkpoint *, const struct model_options *,
                              struct geometry *, struct notes *, struct error *);
void vit_list_tensors(const struct geometry *, struct tensor_list *);
void vit_describe(const struct geometry *, bool all, char *text, size_t size);

/* Tensors of the tokens before the patches, in their order; ends with NULL. */
extern const char *const vit_others[];
/* Describes what the head reads. */
const char *vit_readout_words(const struct geometry *);
/* "norm", or "fc_norm" where it comes after the mean. */
const char *vit_final_norm_name(const struct geometry *);

extern const struct published_model vit_published[];
extern const struct own_size vit_own_sizes[];
void vit_complete(struct geometry *);
