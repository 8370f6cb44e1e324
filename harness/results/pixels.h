/* The pixels behind the scores: heat from the stored maps, labels from the data set's masks. Result
 * files hold scores an image, so whatever looks at pixels once more walks over them here; no model
 * is needed. */
#pragma once

#include "pictures.h"
#include "result.h"

struct pixel_map {
    const struct result_map *map; /* with a /segmentation entry, and records of its own */
    float *values;                /* [images, g, g] */
};

struct pixels {
    const struct result *result;
    struct pixel_map *map;
    size_t maps;
    int side; /* S of the run */
};

/* Reads the maps. E_NOMEM, E_DATA, E_IO. */
enum status pixels_open(const struct result *, struct pixels *out, struct error *err);
void pixels_close(struct pixels *);

/* Heat [side, side] of map `map` in [0, 1] (NaN: a damaged file), labels [side, side]. */
typedef enum status pixel_visit(void *context, size_t map, const float *heat, const int8_t *labels,
                                size_t pixels, struct error *err);
/* Every scored image, and every map of it. The pictures must be open and have masks. *images: that
 * were looked at. */
enum status pixels_walk(const struct pixels *, const struct pictures *, pixel_visit *visit,
                        void *context, size_t *images, struct error *err);
