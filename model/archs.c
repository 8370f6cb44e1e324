/* The list of all architectures. */
#include "vim.h"
#include "vit.h"

const struct arch_type *const arch_types[] = { &vim_type, &vit_type, NULL };
