/* Integer building blocks of the demo pictures: random numbers, sine, smooth noise. Right
 * shifts of negative numbers are arithmetic, as gcc and clang promise. */
#pragma once

#include <stdint.h>

/* splitmix64 (Steele, Lea and Flood 2014): a bijection that leaves no pattern. */
static inline uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

struct demo_rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct demo_rng *r)
{
    r->state = mix(r->state);
    return r->state;
}

/* low to high, both included. */
static inline int rng_between(struct demo_rng *r, int low, int high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int)(((rng_next(r) >> 32) * span) >> 32);
}

static inline int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

/* a at t = 0, b at t = 256. */
static inline int blend(int a, int b, int t)
{
    return a + (((b - a) * t + 128) >> 8);
}

#define TURN 1024 /* a full turn */
#define ONE 16384 /* 1.0 of sines and cosines */

/* Sine by its series, in 30 fractional bits; the angle in 1/TURN turns. */
static inline int sine(int angle)
{
    angle &= TURN - 1;
    int quarter = angle & (TURN / 4 - 1);
    int64_t fold = angle & (TURN / 4) ? TURN / 4 - quarter : quarter;
    int64_t x = fold * 6746518852 / TURN; /* 2 pi 2^30 */
    int64_t square = (x * x) >> 30, term = x, sum = x;
    for (int k = 2; k < 12; k += 2) {
        term = -((term * square) >> 30) / (k * (k + 1));
        sum += term;
    }
    sum = (sum + (1 << 15)) >> 16;
    return (int)(angle & (TURN / 2) ? -sum : sum);
}

static inline int cosine(int angle)
{
    return sine(angle + TURN / 4);
}

/* A value 0 to 255 that belongs to the grid point. */
static inline int lattice(uint64_t key, int x, int y)
{
    return (int)(mix(key ^ ((uint64_t)(uint32_t)x << 32 | (uint32_t)y)) >> 56);
}

/* Smooth noise, 0 to 255: lattice values `cell` apart, joined by 3t^2 - 2t^3. Position and cell in
 * the same unit. */
static inline int smooth_noise(uint64_t key, int x, int y, int cell)
{
    int gx = x / cell, gy = y / cell;
    int tx = (x - gx * cell) * 256 / cell, ty = (y - gy * cell) * 256 / cell;
    tx = (tx * tx * (768 - 2 * tx)) >> 16;
    ty = (ty * ty * (768 - 2 * ty)) >> 16;
    int top = blend(lattice(key, gx, gy), lattice(key, gx + 1, gy), tx);
    int bottom = blend(lattice(key, gx, gy + 1), lattice(key, gx + 1, gy + 1), tx);
    return blend(top, bottom, ty);
}
