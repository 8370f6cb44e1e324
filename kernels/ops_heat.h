/* Operations on heat maps and on what they remove, which no model runs through (part of ops.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct view; /* ops.h */

/* ---- heat maps (SPEC 6) ------------------------------------------------------------------ */

struct heat_args { /* bilinear (half-pixel centres) g×g -> S×S, then min-max; constant -> 0 */
    int n, grid, side;
    const float *maps; /* [n, g, g], device memory */
    float *heat;       /* [n, S, S] */
};

enum ties { TIES_INDEX, TIES_REVERSE, TIES_RANDOM };

struct rank_args { /* position of each pixel in the order of removal */
    int n;
    int pixels;        /* S*S */
    const float *heat; /* [n, S*S] */
    bool ascending;    /* false: highest first (positive test); true: lowest first (negative) */
    enum ties
        ties; /* equal pixels: lowest index first | highest first | by a hash of seed, index */
    const uint64_t *seeds; /* [n], host memory, for TIES_RANDOM; or NULL */
    uint32_t *rank;        /* [n, S*S] */
    int32_t *largest_tie;  /* [n] out: pixels of the largest group of equals; or NULL */
};

/* ---- removed pixels as their neighbours suggest (SPEC 14) -------------------------------- */

/* Noisy linear imputation: road.h says of what. Each view's solution has a residual of `tolerance`
 * at most, relative, by channel; sums are in double and have a fixed order. E_DATA: a view that
 * keeps no pixel, or one whose solution does not converge. */
struct impute_args {
    int n, side;
    const struct view *views; /* [n], host memory; rank may not be NULL, fill is not looked at */
    const uint64_t *seeds;    /* [n], host memory, of the noise; NULL without noise */
    double noise;             /* standard deviation, of pixels in [0, 1] */
    double tolerance;         /* 1e-6 */
    uint8_t *out;             /* [n, S, S, 3] rounded to 8 bits, and held in their range */
    float *exact;             /* [n, S, S, 3] the same in [0, 1] before that; or NULL */
};

#define OP_HEAT_LIST(OP)                                                                           \
    OP(heat, struct heat_args)                                                                     \
    OP(rank, struct rank_args)                                                                     \
    OP(impute, struct impute_args)
