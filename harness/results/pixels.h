/* The pixels behind the scores: heat from the stored maps, labels from the data set's masks. Result
 * files hold scores per image; code that needs the pixels again walks over them here. No model is
 * needed. */
#pragma once

#include "pictures.h"
#include "result.h"

struct pixel_map {
    const struct result_map *map; /* with a /segmentation entry, and separate records */
    const struct result_segmentation *records;
    float *values; /* [images, g, g] */
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

/* Called with the heat [side, side] of map `map` in [0, 1] (NaN: a damaged file) and labels [side,
 * side]. */
typedef enum status pixel_visit(void *context, size_t map, const float *heat, const int8_t *labels,
                                size_t pixels, struct error *err);
/* Visits every map of every scored image. The pictures must be open and have masks. *images: how
 * many images were visited. E_DATA: also where a mask is not the one that the run saw, which shows
 * in the records' counts at the published threshold. */
enum status pixels_walk(const struct pixels *, const struct pictures *, pixel_visit *visit,
                        void *context, size_t *images, struct error *err);
