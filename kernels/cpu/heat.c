/* Heat maps and the order of removal (SPEC 6), float in every backend. */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "tie_hash.h"

void cpu_heat_ops(struct ops *op)
{
    (void)op;
}
