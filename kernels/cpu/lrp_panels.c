/* W in panels for linear_lrp, compiled for float and for double (CPU_DOUBLE). */
#include <stdlib.h>

#include "cpu.h"
#include "sizes.h"

#ifdef CPU_DOUBLE
typedef double scalar;
#define PACK cpu_lrp_pack64
#else
typedef float scalar;
#define PACK cpu_lrp_pack
#endif

bool PACK(struct lrp_panels *p, const float *host, int out, int in)
{
    size_t panels = ((size_t)in + LRP_COLS - 1) / LRP_COLS, count, bytes;
    if (!size_mul(panels * 2 * LRP_COLS, (size_t)out, &count) ||
        !size_mul(count, sizeof(scalar), &bytes))
        return false;
    scalar *to = aligned_alloc(64, round_up(bytes, 64));
    if (!to)
        return false;
    *p = (struct lrp_panels){ .out = out, .in = in, .data = to };
    for (size_t first = 0; first < (size_t)in; first += LRP_COLS)
        for (size_t o = 0; o < (size_t)out; o++, to += 2 * LRP_COLS)
            for (size_t i = 0; i < LRP_COLS; i++) {
                float w = first + i < (size_t)in ? host[o * (size_t)in + first + i] : 0;
                to[i] = w > 0 ? w : 0;
                to[LRP_COLS + i] = w < 0 ? w : 0;
            }
    return true;
}
