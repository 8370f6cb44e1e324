/* ROAD (Rong 2022): removed pixels are interpolated from their neighbours, plus a little noise, so
 * that the shape of the hole does not reveal the class (SPEC 14).
 *
 * For every removed pixel i, over its at most 8 neighbours j in the image, w = 1/6 beside and 1/12
 * diagonal: Σ_j w_ij (x_i - x_j) = 0, x_j given outside the hole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define ROAD_NOISE 0.01 /* standard deviation, of pixels in [0, 1] */

struct road {
    int side;
    const uint8_t *rgb;   /* [side, side, 3] */
    const uint32_t *rank; /* [side, side] position in the order of removal */
    uint32_t removed;     /* pixels with rank < removed go; fewer than all */
    double noise;         /* standard deviation; 0: none */
    uint64_t seed;        /* of the image: noise depends on it, the pixel and the channel alone */
    double tolerance;     /* of |residual| / |right-hand side| by channel, e.g. 1e-6 */
};

struct road_report {
    int iterations;  /* of the slowest channel */
    double residual; /* the largest that is left, relative */
};

/* Doubles that one call works in. */
size_t road_scratch(int side);
/* out [side, side, 3]: rgb / 255 outside the hole; inside the solution by conjugate gradients with
 * a Jacobi preconditioner, then noise. Not clipped: noise may leave [0, 1]. Sums have a fixed
 * order, and one thread does it all: run images side by side. With tolerance 1e-6 pixels come out
 * within 1e-4 of the direct solution. E_DATA: no pixel is left, or no convergence. */
enum status road_impute(const struct road *, double *scratch, float *out, struct road_report *,
                        struct error *err);
