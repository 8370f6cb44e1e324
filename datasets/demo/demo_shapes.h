/* Things in demo pictures: a shape with a texture, somewhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "demo_integer.h"

#define PIXEL 256 /* positions count 1/256 pixels */

enum shape {
    SHAPE_DISC,
    SHAPE_TRIANGLE,
    SHAPE_SQUARE,
    SHAPE_STAR,
    SHAPE_CROSS,
    CLASS_SHAPES, /* the rest belongs to no class */
    SHAPE_ELLIPSE = CLASS_SHAPES,
    SHAPE_BAR,
    SHAPE_CRESCENT,
    SHAPES
};

enum texture {
    TEXTURE_STRIPES,
    TEXTURE_DOTS,
    CLASS_TEXTURES, /* the rest belongs to no class */
    TEXTURE_PLAIN = CLASS_TEXTURES,
    TEXTURE_SPECKLE,
    TEXTURES
};

struct colour {
    int rgb[3]; /* 0 to 255 */
};

struct textured_shape {
    enum shape shape;
    enum texture texture;
    int x, y;                 /* centre, 1/256 pixels */
    int radius;               /* 1/256 pixels */
    int sin, cos;             /* the shape's turn, of ONE */
    int sides;                /* of the polygon behind the shape, 0: none */
    int normal[5][2];         /* of its sides, of ONE */
    int grain_sin, grain_cos; /* the texture's */
    int period;               /* of the texture, 1/256 pixels */
    uint64_t key;             /* of the speckles */
    struct colour fill, ink;
};

static inline int luminance(const struct colour *c)
{
    return (77 * c->rgb[0] + 151 * c->rgb[1] + 28 * c->rgb[2]) >> 8;
}

/* Shape, texture, place and size are given, the rest is drawn. */
struct textured_shape textured_shape_draw(struct demo_rng *, enum shape, enum texture, int x, int y,
                                          int radius, int period);

/* Paints over `rgb` [side, side, 3] (NULL: does not), antialiased on 4 x 4 points a pixel.
 * coverage [side, side] (NULL: not wanted): how many of the pixel's COVERAGE_POINTS it covers. */
#define COVERAGE_POINTS 16
void textured_shape_paint(const struct textured_shape *, int side, uint8_t *rgb, uint8_t *coverage);
