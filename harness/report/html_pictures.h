/* Which images a page carries, with their pictures and maps: all where they are few, else a choice.
 * Runs on the same images in the same cut share one set of pictures. */
#pragma once

#include "pictures.h"
#include "report.h"

struct carried {
    size_t leader; /* the first run with these images: its section holds the pictures */
    size_t *image; /* [count] ascending */
    size_t count;
    size_t
        *row; /* [rows] ascending, those above among them: images whose scores the page carries */
    size_t rows;
};

/* For the run of this index. E_NOMEM. */
enum status carried_choose(const struct report *, size_t index, struct carried *out,
                           struct error *err);
void carried_free(struct carried *);

/* The maps of the predicted class (of the target where there is no other), read whole. */
struct shown_maps {
    enum explained explained;
    size_t *map;    /* [count] indices in result->map, in the tables' order */
    float **values; /* [count][images, g, g] */
    size_t count;
};
/* E_NOMEM, E_IO, E_DATA. */
enum status shown_maps_read(const struct result *, struct shown_maps *out, struct error *err);
void shown_maps_free(struct shown_maps *);
