/* Random numbers that are the same on every machine: xoshiro256** seeded by splitmix64 (Blackman
 * and Vigna, public domain constants). A stream of its own for every resample, subset or image, so
 * that no result depends on the number of threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

struct rng rng_stream(uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *);
/* 0 ... n-1 by multiply-shift; the bias is below n / 2^64. */
size_t rng_below(struct rng *, size_t n);
/* A number in (0, 1), without the ends. */
double rng_uniform(struct rng *);
/* n draws with replacement of 0 ... n-1, as how often each was drawn: counts [n]. */
void rng_resample(struct rng *, size_t n, uint32_t *counts);

/* A 64-bit mix of its argument: one step of splitmix64. */
uint64_t rng_mix(uint64_t x);
