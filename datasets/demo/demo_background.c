#include "demo_background.h"

#include <stddef.h>
#include <stdlib.h>

struct ground {
    uint64_t key;
    int side, cell; /* pixels */
    int sin, cos;
};

/* Three octaves of noise, 0 to 255. */
static int clouds(const struct ground *g, int x, int y)
{
    int half = g->cell > 2 ? g->cell / 2 : 1, quarter = g->cell > 4 ? g->cell / 4 : 1;
    return (4 * smooth_noise(g->key, x, y, g->cell) + 2 * smooth_noise(g->key + 1, x, y, half) +
            smooth_noise(g->key + 2, x, y, quarter)) /
           7;
}

/* Broad folds, bent by noise. */
static int folds(const struct ground *g, int x, int y)
{
    int along = (x * g->cos + y * g->sin) >> 6; /* 1/256 pixels */
    int bend = smooth_noise(g->key, x, y, g->cell) * g->side / 8;
    return (sine((along + bend) * 3 / g->side * TURN / 256) + ONE) >> 7;
}

/* Flat stones: the value of the nearest of the points that sit one a cell. */
static int stones(const struct ground *g, int x, int y)
{
    int gx = x / g->cell, gy = y / g->cell, nearest = INT32_MAX, value = 0;
    for (int cy = gy - 1; cy <= gy + 1; cy++) {
        for (int cx = gx - 1; cx <= gx + 1; cx++) {
            int px = cx * g->cell + lattice(g->key, cx, cy) * g->cell / 256;
            int py = cy * g->cell + lattice(g->key + 1, cx, cy) * g->cell / 256;
            int distance = (px - x) * (px - x) + (py - y) * (py - y);
            if (distance < nearest) {
                nearest = distance;
                value = lattice(g->key + 2, cx, cy);
            }
        }
    }
    return (3 * value + smooth_noise(g->key + 3, x, y, g->cell > 2 ? g->cell / 2 : 1)) / 4;
}

/* Short fibres in one direction. */
static int fibres(const struct ground *g, int x, int y)
{
    int along = ((x * g->cos + y * g->sin) >> 14) + 2 * g->side;
    int across = ((y * g->cos - x * g->sin) >> 14) + 2 * g->side;
    int fine = g->side / 48 + 1;
    return (smooth_noise(g->key, along, across * 6, g->cell * 2) +
            smooth_noise(g->key + 1, along, across, fine)) /
           2;
}

void background_paint(struct demo_rng *r, int side, uint8_t *rgb)
{
    static int (*const kinds[])(const struct ground *, int, int) = { clouds, folds, stones,
                                                                     fibres };
    int kind = rng_between(r, 0, 3), turn = rng_between(r, 0, TURN - 1);
    struct ground g = { .side = side, .sin = sine(turn), .cos = cosine(turn) };
    g.key = rng_next(r);
    g.cell = side / rng_between(r, 3, 8);
    int from[3], to[3], base = rng_between(r, 50, 190), depth = rng_between(r, 18, 45);
    for (int c = 0; c < 3; c++) {
        int tint = rng_between(r, -40, 40);
        from[c] = clamp(base + tint - depth, 0, 255);
        to[c] = clamp(base + tint + depth + rng_between(r, -15, 15), 0, 255);
    }
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int t = kinds[kind](&g, x, y);
            for (int c = 0; c < 3; c++)
                *rgb++ = (uint8_t)clamp(blend(from[c], to[c], t), 0, 255);
        }
}

void background_light(struct demo_rng *r, int side, uint8_t *rgb)
{
    int turn = rng_between(r, 0, TURN - 1), fall = rng_between(r, 0, 90);
    int exposure = rng_between(r, 215, 285); /* of 256 */
    int sin = sine(turn), cos = cosine(turn);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int along = (((2 * x - side) * cos + (2 * y - side) * sin) >> 14) * fall / side;
            for (int c = 0; c < 3; c++, rgb++)
                *rgb = (uint8_t)clamp((*rgb * (exposure + along) + 128) >> 8, 0, 255);
        }
}

void background_noise(struct demo_rng *r, int side, uint8_t *rgb)
{
    int strength = rng_between(r, 0, 9);
    uint64_t key = rng_next(r);
    for (size_t i = 0, n = (size_t)side * (size_t)side * 3; i < n; i++) {
        uint64_t bits = mix(key + i);
        int noise = (int)(bits & 255) - (int)(bits >> 8 & 255); /* triangular */
        rgb[i] = (uint8_t)clamp(rgb[i] + ((noise * strength) >> 7), 0, 255);
    }
}
