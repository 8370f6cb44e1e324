/* A Vim's sizes (read from its tensors), its list of tensors, and its published models. */
#pragma once

#include "vim.h"

extern const char *const vim_stems[], *const vim_marks[];
/* The backward direction's tensors carry a suffix; A and conv1d carry it inside. */
extern const char *const vim_suffix[2];
/* Tensors of the tokens that are no patches, in their order; ends with NULL. */
extern const char *const vim_others[];

/* Folds gamma into W_out, puts the positions of registers among those of the patches; refuses by
 * name what is not supported. */
enum status vim_adopt(struct checkpoint *, const struct model_options *, struct geometry *,
                      struct notes *, struct error *);
/* The second direction's tensors once more what vim_adopt made them. */
void vim_tie(struct checkpoint *, const struct geometry *);
enum status vim_read_geometry(const struct checkpoint *, const struct model_options *,
                              struct geometry *, struct notes *, struct error *);
void vim_list_tensors(const struct geometry *, struct tensor_list *);
void vim_describe(const struct geometry *, bool all, char *text, size_t size);

extern const struct published_model vim_published[];
extern const struct own_size vim_own_sizes[];
void vim_complete(struct geometry *);

/* Describes what the head reads. */
const char *vim_readout_words(const struct geometry *);

/* Where `count` registers stand among `patches` patches: register j at s + j (s + 1) with
 * s = patches / (count + 1), rounded down. */
int vim_register_at(int patches, int count, int j);
