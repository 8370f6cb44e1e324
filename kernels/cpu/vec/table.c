#include "family.h"

void CPU_VEC(ops)(struct ops *op)
{
#define FILL(family) CPU_VEC(family##_ops)(op);
    CPU_VEC_FAMILIES(FILL)
#undef FILL
}
