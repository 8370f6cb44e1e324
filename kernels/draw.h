/* Random draws that depend only on their purpose, and not on the order in which they are made:
 * output `index` of the splitmix64 stream (Steele, Lea and Flood 2014) whose state is made of a
 * run's seed, an image's hash and the number of a sample. Compiled for host and device. */
#pragma once

#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#define DRAW_INLINE static __host__ __device__ __forceinline__
#else
#define DRAW_INLINE static inline
#endif

/* Outputs of a sample's stream: the first DRAW_OWN belong to the sample as a whole, then come two
 * for each value. */
enum { DRAW_OWN = 2 };

DRAW_INLINE uint64_t draw_bits(uint64_t stream, uint64_t index)
{
    uint64_t z = stream + (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

DRAW_INLINE uint64_t draw_stream(uint64_t seed, uint64_t hash, uint64_t sample)
{
    return draw_bits(draw_bits(draw_bits(seed, 0) ^ hash, 0) ^ sample, 0);
}

/* In [0, 1), 53 bits. */
DRAW_INLINE double draw_uniform(uint64_t stream, uint64_t index)
{
    return (double)(draw_bits(stream, index) >> 11) * 0x1p-53;
}

/* N(0, 1) for value `index` of the sample (Box and Muller 1958), from two outputs of its own. */
DRAW_INLINE double draw_normal(uint64_t stream, uint64_t index)
{
    double u = 1 - draw_uniform(stream, DRAW_OWN + 2 * index);
    double v = draw_uniform(stream, DRAW_OWN + 2 * index + 1);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

/* N(0, 1) of one channel of a pixel that was filled in: the same whatever else is removed. */
DRAW_INLINE double draw_pixel_noise(uint64_t seed, uint64_t pixel, int channel)
{
    return draw_normal(draw_bits(seed, 0), 3 * pixel + (uint64_t)channel);
}
