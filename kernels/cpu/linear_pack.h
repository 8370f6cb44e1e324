/* A matrix packed for oneDNN, and products with it on one thread. */
#pragma once

#include "backend.h"

struct pack;

/* B [k, n] for y = x B: of host [n, k] where `transposed`, else of host [k, n]; in bf16 where
 * asked. NULL when memory ran out or oneDNN refused. */
struct pack *pack_new(const float *host, int k, int n, bool transposed, bool bf16);
void pack_free(struct pack *); /* accepts NULL */

struct product { /* y = gelu(x B + bias) (+ y) */
    int rows;
    const float *x; /* [rows, k], ldx */
    size_t ldx;
    const float *bias; /* [n] or NULL */
    bool gelu, accumulate;
    float *y; /* [rows, n], ldy */
    size_t ldy;
};

/* Any number of threads may run products with one pack at the same time. */
void pack_run(struct backend *be, struct pack *, const struct product *);
