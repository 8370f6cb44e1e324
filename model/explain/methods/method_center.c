/* Control: nearness to the image's centre (SPEC 5.6). */
#include <math.h>

#include "method.h"

static void map(const struct geometry *g, uint64_t seed, uint64_t id_hash, float *out)
{
    double middle = (g->grid - 1) / 2.0;
    (void)seed;
    (void)id_hash;
    for (int y = 0; y < g->grid; y++)
        for (int x = 0; x < g->grid; x++)
            out[y * g->grid + x] =
                (float)-sqrt((y - middle) * (y - middle) + (x - middle) * (x - middle));
}

const struct method method_center = {
    .info = { .name = "center",
              .summary = "control: the nearer to the centre, the higher",
              .class_agnostic = true,
              .control = true },
    .map = map,
};
