/* The order of equal pixels under TIES_RANDOM: by this hash of the image's seed and the pixel's
 * index, then by index. One function, so that every backend draws the same order. */
#pragma once

#include <stdint.h>

#ifdef __CUDACC__
#define TIE_HASH_FUNCTION static __host__ __device__ inline
#else
#define TIE_HASH_FUNCTION static inline
#endif

/* splitmix64's finaliser (Steele, Lea and Flood 2014) over a counter. */
TIE_HASH_FUNCTION uint32_t tie_hash(uint64_t seed, uint32_t index)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15u * ((uint64_t)index + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}
