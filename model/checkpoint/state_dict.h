/* Finds the state dict among the dicts of a pickle. */
#pragma once

#include "checkpoint.h"
#include "pickle.h"

/* The dict of tensors: `root` itself, else under the key of a wrapper, in the order of the tables
 * in state_dict.c; options choose among plain weights, EMA copies and named wrappers. The notes say
 * what was chosen over what else. E_DATA, E_CONFIG (model.weights, model.prefix): the message says
 * what is there instead. */
enum status find_state_dict(const struct value *root, const struct checkpoint_options *,
                            const struct value **out, struct notes *, struct error *err);
