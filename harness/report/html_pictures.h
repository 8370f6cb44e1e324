/* The images that a page embeds, with their pictures and maps: all where they are few, else a
 * selection. Runs on the same images and crops share one set of pictures. */
#pragma once

#include "pictures.h"
#include "report.h"

struct carried {
    size_t leader; /* the first run with these images: its section holds the pictures */
    size_t *image; /* [count] ascending */
    size_t count;
    size_t *row; /* [rows] ascending, including those above: images whose scores the page embeds */
    size_t rows;
};

/* Selects the images of the run with this index. E_NOMEM. */
enum status carried_choose(const struct report *, size_t index, struct carried *out,
                           struct error *err);
void carried_free(struct carried *);

/* Reads the maps of the predicted class, or of the target where there are no others. */
struct shown_maps {
    enum explained explained;
    size_t *map;    /* [count] indices in result->map, in the tables' order */
    float **values; /* [count][images, g, g] */
    size_t count;
};
/* E_NOMEM, E_IO, E_DATA. */
enum status shown_maps_read(const struct result *, struct shown_maps *out, struct error *err);
void shown_maps_free(struct shown_maps *);
