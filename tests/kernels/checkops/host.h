/* For tests on ref64, whose arrays are doubles in host memory: no copies needed. */
#pragma once

#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#include "run_tests.h"

/* A host array as the backend's. */
static inline real *R(double *p)
{
    return (real *)(void *)p;
}

static inline double next_uniform(uint64_t *state, double low, double high)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return low + (high - low) * ((double)(*state >> 11) / 9007199254740992.0);
}

static inline double *zeros(size_t count)
{
    double *p = calloc(count + 1, sizeof *p);
    assert_non_null(p);
    return p;
}

static inline double *randoms(uint64_t seed, size_t count, double low, double high)
{
    double *p = zeros(count);
    for (size_t i = 0; i < count; i++)
        p[i] = next_uniform(&seed, low, high);
    return p;
}

static inline double dot(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* |got - want| <= tolerance * max|want| for all of them. */
static inline void assert_close(const char *name, const double *got, const double *want,
                                size_t count, double tolerance)
{
    double largest = 1e-300;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * largest))
            fail_msg("%s[%zu] of %zu: %.12g, should be %.12g", name, i, count, got[i], want[i]);
}

/* The loss of a forward pass: its outputs weighted by fixed random numbers. */
typedef double loss_fn(void *context);

/* h = 1e-5: truncation h² and rounding 1e-16 / h both stay below 1e-9 of the gradient. */
static inline void check_gradient(const char *name, double *x, size_t count, const double *gradient,
                                  loss_fn *loss, void *context)
{
    const double h = 1e-5;
    double *want = zeros(count);
    for (size_t i = 0; i < count; i++) {
        double keep = x[i];
        x[i] = keep + h;
        double up = loss(context);
        x[i] = keep - h;
        want[i] = (up - loss(context)) / (2 * h);
        x[i] = keep;
    }
    assert_close(name, gradient, want, count, 1e-7);
    free(want);
}

static inline int setup_ref64(void **state)
{
    struct error err;
    struct backend *be;
    if (backend_open("ref64", NULL, &be, &err) != OK)
        return -1;
    *state = be;
    return 0;
}

static inline int teardown_ref64(void **state)
{
    backend_close(*state);
    return 0;
}
