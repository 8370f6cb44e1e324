/* The resizing behind image_resize and the preprocessings. */
#pragma once

#include "image.h"

struct window {
    int x, y, width, height; /* pixels */
};

/* Computes the window of image_resize(image, width, height, filter), without the rest: out
 * [window->height, window->width, 3]. */
enum status image_resize_window(const struct image *image, int width, int height,
                                enum filter filter, const struct window *window, uint8_t *out,
                                struct error *err);

/* The index among `in` pixels that each of `out` pixels takes under FILTER_NEAREST, in order. */
struct nearest {
    int in;
    double position, step;
};

static inline struct nearest nearest_start(int in, int out)
{
    double step = (double)in / out;
    return (struct nearest){ in, step * 0.5, step };
}

/* The position is added up step by step, as Pillow does: the rounding is part of the rule. */
static inline int nearest_next(struct nearest *n)
{
    int at = (int)n->position;
    n->position += n->step;
    return at < n->in ? at : n->in - 1;
}
