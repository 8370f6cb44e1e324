#include "demo_shapes.h"

#include <stddef.h>
#include <string.h>

#define UNIT 4096 /* a thing's radius in its own coordinates */
#define GRID 4    /* points a side in a pixel */
_Static_assert(GRID *GRID == COVERAGE_POINTS, "textured_shape_paint reports points");

/* How far a thing extends from its centre, in radii of 1/256; the star's tips reach farthest. */
#define REACH 340

#define MAX_LEAN (TURN / 24) /* 15 degrees, either way */

static struct colour colour_draw(struct demo_rng *r)
{
    struct colour c;
    for (int i = 0; i < 3; i++)
        c.rgb[i] = rng_between(r, 15, 240);
    return c;
}

struct textured_shape textured_shape_draw(struct demo_rng *r, enum shape shape,
                                          enum texture texture, int x, int y, int radius,
                                          int period)
{
    struct textured_shape t = {
        .shape = shape, .texture = texture, .x = x, .y = y, .radius = radius, .period = period
    };
    /* A class's shape is upright up to a lean; shapes without a class have any orientation. */
    int lean = shape < CLASS_SHAPES ? MAX_LEAN : TURN / 2;
    int turn = rng_between(r, -lean, lean), grain = rng_between(r, 0, TURN - 1);
    t.sin = sine(turn);
    t.cos = cosine(turn);
    t.grain_sin = sine(grain);
    t.grain_cos = cosine(grain);
    t.sides = shape == SHAPE_TRIANGLE ? 3 : shape == SHAPE_STAR ? 5 : 0;
    /* The first side below a triangle's centre, above a star's: both point upwards. */
    int first = shape == SHAPE_STAR ? -TURN / 4 : TURN / 4;
    for (int k = 0; k < t.sides; k++) {
        t.normal[k][0] = cosine(first + TURN * k / t.sides);
        t.normal[k][1] = sine(first + TURN * k / t.sides);
    }
    t.key = rng_next(r);
    t.fill = colour_draw(r);
    /* A texture must be seen, in grey too. */
    int apart = 0;
    do {
        t.ink = colour_draw(r);
        apart = luminance(&t.fill) - luminance(&t.ink);
    } while (apart > -80 && apart < 80);
    return t;
}

/* How many of the polygon's sides, `distance` away from the centre, the point is beyond. */
static int beyond(const struct textured_shape *t, int u, int v, int distance)
{
    int count = 0;
    for (int k = 0; k < t->sides; k++)
        count += u * t->normal[k][0] + v * t->normal[k][1] > distance * ONE;
    return count;
}

static bool in_disc(int u, int v, int radius)
{
    return u * u + v * v <= radius * radius;
}

static bool in_box(int u, int v, int half_width, int half_height)
{
    return u >= -half_width && u <= half_width && v >= -half_height && v <= half_height;
}

/* u, v in UNITs; sizes chosen so that the areas are alike. */
static bool in_shape(const struct textured_shape *t, int u, int v)
{
    switch (t->shape) {
    case SHAPE_DISC:
        return in_disc(u, v, UNIT * 92 / 100);
    case SHAPE_TRIANGLE:
        return beyond(t, u, v, UNIT * 63 / 100) == 0;
    case SHAPE_SQUARE:
        return in_box(u, v, UNIT * 80 / 100, UNIT * 80 / 100);
    case SHAPE_STAR: /* the tips of a pentagram lie beyond just one of the pentagon's sides */
        return beyond(t, u, v, UNIT * 40 / 100) <= 1;
    case SHAPE_CROSS:
        return in_box(u, v, UNIT * 36 / 100, UNIT) || in_box(u, v, UNIT, UNIT * 36 / 100);
    case SHAPE_ELLIPSE:
        return in_disc(u, v * 2, UNIT);
    case SHAPE_BAR:
        return in_box(u, v, UNIT * 120 / 100, UNIT * 28 / 100);
    case SHAPE_CRESCENT:
        return in_disc(u, v, UNIT) && !in_disc(u - UNIT * 45 / 100, v, UNIT * 85 / 100);
    case SHAPES:
        break;
    }
    return false;
}

/* Whether the point (1/256 pixels) lies in the thing. */
static bool covers(const struct textured_shape *t, int x, int y)
{
    int64_t dx = x - t->x, dy = y - t->y, reach = (int64_t)t->radius * REACH / 256;
    if (dx > reach || dx < -reach || dy > reach || dy < -reach)
        return false;
    int u = (int)((dx * t->cos + dy * t->sin) * (UNIT / 16) / ((int64_t)t->radius * (ONE / 16)));
    int v = (int)((dy * t->cos - dx * t->sin) * (UNIT / 16) / ((int64_t)t->radius * (ONE / 16)));
    return in_shape(t, u, v);
}

/* Whether the point takes the ink rather than the fill. */
static bool in_ink(const struct textured_shape *t, int x, int y)
{
    int64_t dx = x - t->x, dy = y - t->y;
    /* Far enough from 0 that division rounds one way only. */
    int p = (int)((dx * t->grain_cos + dy * t->grain_sin) / ONE) + t->period * 1024;
    int q = (int)((dy * t->grain_cos - dx * t->grain_sin) / ONE) + t->period * 1024;
    int p_in = p % t->period, q_in = q % t->period;
    switch (t->texture) {
    case TEXTURE_STRIPES:
        return p_in * 2 < t->period;
    case TEXTURE_DOTS:
        return in_disc(p_in - t->period / 2, q_in - t->period / 2, t->period * 36 / 100);
    case TEXTURE_SPECKLE:
        return lattice(t->key, p * 5 / t->period, q * 5 / t->period) < 56;
    case TEXTURE_PLAIN:
    case TEXTURES:
        break;
    }
    return false;
}

/* One pixel: sums the colours of the points that are covered. Returns how many are. */
static int sample_pixel(const struct textured_shape *t, int column, int row, int sum[3])
{
    int count = 0;
    memset(sum, 0, 3 * sizeof *sum);
    for (int p = 0; p < COVERAGE_POINTS; p++) {
        int x = column * PIXEL + (2 * (p % GRID) + 1) * PIXEL / (2 * GRID);
        int y = row * PIXEL + (2 * (p / GRID) + 1) * PIXEL / (2 * GRID);
        if (!covers(t, x, y))
            continue;
        const struct colour *c = in_ink(t, x, y) ? &t->ink : &t->fill;
        for (int i = 0; i < 3; i++)
            sum[i] += c->rgb[i];
        count++;
    }
    return count;
}

void textured_shape_paint(const struct textured_shape *t, int side, uint8_t *rgb, uint8_t *coverage)
{
    const int points = COVERAGE_POINTS;
    int reach = (int)((int64_t)t->radius * REACH / 256 / PIXEL) + 1;
    int left = clamp(t->x / PIXEL - reach, 0, side),
        right = clamp(t->x / PIXEL + reach + 1, 0, side);
    int top = clamp(t->y / PIXEL - reach, 0, side),
        bottom = clamp(t->y / PIXEL + reach + 1, 0, side);
    if (coverage != NULL)
        memset(coverage, 0, (size_t)side * (size_t)side);
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            int sum[3], count = sample_pixel(t, x, y, sum);
            size_t at = (size_t)y * (size_t)side + (size_t)x;
            if (coverage != NULL)
                coverage[at] = (uint8_t)count;
            for (int c = 0; c < 3 && rgb != NULL; c++) {
                int mixed = rgb[at * 3 + (size_t)c] * (points - count) + sum[c];
                rgb[at * 3 + (size_t)c] = (uint8_t)((mixed + points / 2) / points);
            }
        }
    }
}
