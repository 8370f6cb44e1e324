/* The table of operations for one type of arrays. An operation without a function does not link. */
#include "ref_num.h"

#define REF_SLOT(name, args) .name = REF(name),
const struct ops REF(ops) = { .weight_new = REF(weight_new),
                              .weight_free = REF(weight_free),
                              OP_LIST(REF_SLOT) };
