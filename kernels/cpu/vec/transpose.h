/* Work across the lanes of VN vectors. */
#pragma once

#include "vec.h"

/* LOW_h, HIGH_h: with lanes in groups of 2h, each group's first (second) half of a, then
 * that of b. */
#ifdef CPU_DOUBLE
#define LANES_HERE (VEC_BYTES / 8)
#else
#define LANES_HERE (VEC_BYTES / 4)
#endif

#if LANES_HERE == 16
#define LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#elif LANES_HERE == 8
#define LOW_4 0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_4 4, 5, 6, 7, 12, 13, 14, 15
#define LOW_2 0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_2 2, 3, 10, 11, 6, 7, 14, 15
#define LOW_1 0, 8, 2, 10, 4, 12, 6, 14
#define HIGH_1 1, 9, 3, 11, 5, 13, 7, 15
#elif LANES_HERE == 4
#define LOW_2 0, 1, 4, 5
#define HIGH_2 2, 3, 6, 7
#define LOW_1 0, 4, 2, 6
#define HIGH_1 1, 5, 3, 7
#else
#define LOW_1 0, 2
#define HIGH_1 1, 3
#endif

/* Sums across the lanes of VN vectors that come one by one: few have to be held at a time. Pairs of
 * vectors give their halves to each other and are added, log2(VN) times: first within quarters of
 * a register, which costs least. */
struct lane_sums {
    vec part[4]; /* sums of 1, 2, 4, ... vectors */
};

/* Sums of neighbours of a, then of b, in each quarter; and of quarters. */
#if LANES_HERE == 16
#define EVEN_1 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define ODD_1 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#define EVEN_4 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define ODD_4 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#elif LANES_HERE == 8
#define EVEN_1 0, 2, 8, 10, 4, 6, 12, 14
#define ODD_1 1, 3, 9, 11, 5, 7, 13, 15
#define EVEN_4 0, 1, 2, 3, 8, 9, 10, 11
#define ODD_4 4, 5, 6, 7, 12, 13, 14, 15
#elif LANES_HERE == 4
#define EVEN_1 0, 2, 4, 6
#define ODD_1 1, 3, 5, 7
#else
#define EVEN_1 0, 2
#define ODD_1 1, 3
#endif

INLINE vec lane_sums_pair(int level, vec a, vec b)
{
#if LANES_HERE >= 8
    if (level >= 2)
        return __builtin_shufflevector(a, b, EVEN_4) + __builtin_shufflevector(a, b, ODD_4);
#endif
    (void)level;
    return __builtin_shufflevector(a, b, EVEN_1) + __builtin_shufflevector(a, b, ODD_1);
}

#define LANE_SUMS_LEVEL(level)                                                                     \
    if (VN > 1 << (level)) {                                                                       \
        if (!(i >> (level)&1)) {                                                                   \
            s->part[level] = x;                                                                    \
            return;                                                                                \
        }                                                                                          \
        x = lane_sums_pair(level, s->part[level], x);                                              \
    }

/* The i-th vector, a constant where loops are unrolled: its sum is added to sums[i] when the VN
 * vectors around it are complete. */
INLINE void lane_sums_push(struct lane_sums *s, int i, vec x, scalar *sums)
{
    LANE_SUMS_LEVEL(0)
    LANE_SUMS_LEVEL(1)
    LANE_SUMS_LEVEL(2)
    LANE_SUMS_LEVEL(3)
    v_store(sums + i / VN * VN, v_load(sums + i / VN * VN) + x);
}

/* The square of VN vectors turned over: x[k] lane j becomes x[j] lane k. Blocks off the diagonal
 * change places, halves first. */
#define TURN_STEP(h)                                                                               \
    UNROLL                                                                                         \
    for (int k = 0; k < VN; k++)                                                                   \
        if ((k & (h)) == 0) {                                                                      \
            vec low = __builtin_shufflevector(x[k], x[k + (h)], LOW_##h);                          \
            x[k + (h)] = __builtin_shufflevector(x[k], x[k + (h)], HIGH_##h);                      \
            x[k] = low;                                                                            \
        }

INLINE void v_transpose(vec x[VN])
{
#if LANES_HERE >= 16
    TURN_STEP(8)
#endif
#if LANES_HERE >= 8
    TURN_STEP(4)
#endif
#if LANES_HERE >= 4
    TURN_STEP(2)
#endif
    TURN_STEP(1)
}
