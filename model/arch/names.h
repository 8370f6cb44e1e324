/* Converts tensor names of other code to those that the architectures list. */
#pragma once

#include "arch.h"

/* ---- editing a checkpoint; order by name is restored by checkpoint_sort ---- */

void checkpoint_sort(struct checkpoint *);
/* Removes a tensor, NULL: none. Order stays. */
void checkpoint_remove(struct checkpoint *, const struct tensor *);
/* False: out of memory. */
bool tensor_rename(struct tensor *, const char *name);
/* Appends a tensor of zeros. False: out of memory, or the name is there already. */
bool checkpoint_add_zeros(struct checkpoint *, const char *name, int ndim, const int64_t *shape);

/* Whether each of layers 0 to count - 1 has the tensor prefix.LAYER.part ("blocks", "ls1.gamma");
 * *all is false where none has it. E_DATA names the first one that only some layers have. */
enum status names_all_or_none(const struct checkpoint *, const char *prefix, int count,
                              const char *part, bool *all, struct error *err);

/* Removes the common prefix of the vision model's tensors, which is found by the stem of an
 * architecture (arch_type.tensors.stems); a class head beside them keeps its name. E_DATA: two
 * stems (both named), tensors left over beside the prefix. E_CONFIG: model.prefix fits none. */
enum status names_strip_prefix(struct checkpoint *, const struct model_options *, struct notes *,
                               struct error *err);
/* A head that is a Sequential whose only linear layer has tensors ("heads.1.weight") becomes that
 * layer ("heads.weight"), and a note says so. */
enum status names_unwrap_head(struct checkpoint *, struct notes *, struct error *);
/* E_DATA: there is no 'head.weight'. Names what there is of a head; `without`: what a model of this
 * kind without any is ("a Vim without ..."). */
enum status names_no_head(const struct checkpoint *, const char *without, struct error *err);
/* E_DATA with the family's name where the tensors are those of a family that is not supported. */
enum status names_refuse_families(const struct checkpoint *, struct error *err);
