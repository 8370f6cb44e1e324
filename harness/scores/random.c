#include "random.h"

#include <math.h>
#include <string.h>

uint64_t rng_mix(uint64_t x)
{
    uint64_t z = x + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = rng_mix(*state);
    *state += 0x9e3779b97f4a7c15u;
    return z;
}

struct rng rng_stream(uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;
    struct rng r;
    state = splitmix64(&state) ^ (stream * 0xd1342543de82ef95u);
    for (int i = 0; i < 4; i++)
        r.s[i] = splitmix64(&state);
    return r;
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t result = rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate(r->s[3], 45);
    return result;
}

__extension__ typedef unsigned __int128 wide; /* gcc and clang both have it */

size_t rng_below(struct rng *r, size_t n)
{
    return (size_t)((wide)rng_next(r) * n >> 64);
}

/* The middle of one of 2^52 cells. */
static double unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

double rng_uniform(struct rng *r)
{
    return unit(rng_next(r));
}

void rng_resample(struct rng *r, size_t n, uint32_t *counts)
{
    memset(counts, 0, n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[rng_below(r, n)]++;
}
