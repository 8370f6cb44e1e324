/* The architectures of the project and the toy: the one line that registers it. */
#include "toy.h"
#include "vim.h"
#include "vit.h"

const struct arch_type *const arch_types[] = { &vim_type, &vit_type, &toy_type, NULL };
