/* Control: uniform noise, the same for an image whatever the model (SPEC 5.6). */
#include "method.h"

static void map(const struct geometry *g, uint64_t seed, uint64_t id_hash, float *out)
{
    uint64_t state = seed ^ id_hash;
    for (int i = 0; i < g->grid * g->grid; i++)
        out[i] = (float)random_uniform(&state);
}

const struct method method_random = {
    .info = { .name = "random",
              .summary = "control: uniform noise, seeded by the image's id",
              .class_agnostic = true,
              .control = true },
    .map = map,
};
