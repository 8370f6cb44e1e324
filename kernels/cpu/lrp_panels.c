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

/* Zeros for [panels][rows][each], a panel for every `wide` of `cols`. */
static scalar *panels_of(int cols, int wide, int rows, int each)
{
    size_t panels = ((size_t)cols + (size_t)wide - 1) / (size_t)wide, count, bytes;
    if (!size_mul(panels * (size_t)each, (size_t)rows, &count) ||
        !size_mul(count, sizeof(scalar), &bytes))
        return NULL;
    scalar *p = aligned_alloc(64, round_up(bytes, 64));
    for (size_t i = 0; p && i < count; i++)
        p[i] = 0;
    return p;
}

bool PACK(struct lrp_panels *p, const float *host)
{
    size_t in = (size_t)p->in, out = (size_t)p->out;
    scalar *both = p->both = panels_of(p->out, LRP_WIDE, p->in, LRP_WIDE);
    scalar *split = p->split = panels_of(p->in, LRP_NARROW, p->out, 2 * LRP_NARROW);
    if (!both || !split)
        return false;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            scalar w = host[o * in + i];
            both[((o / LRP_WIDE) * in + i) * LRP_WIDE + o % LRP_WIDE] = w < 0 ? -w : w;
            scalar *pair = split + ((i / LRP_NARROW) * out + o) * 2 * LRP_NARROW + i % LRP_NARROW;
            pair[w < 0 ? LRP_NARROW : 0] = w;
        }
    return true;
}

#ifndef CPU_DOUBLE
void cpu_lrp_free(struct lrp_panels *p)
{
    free(p->both);
    free(p->split);
}
#endif
