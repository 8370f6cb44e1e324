/* The arrays of reference.txt, which scripts/reference_scores.py writes: inputs and what an
 * independent implementation makes of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reference_case {
    char name[64]; /* "curve_falls" */
    struct reference_array *arrays;
    size_t count;
};

struct reference_array {
    char name[64]; /* "want_area" */
    size_t n;
    double *values;
};

/* Reads the file at `path`; false where it cannot be read. */
bool reference_open(const char *path);
void reference_close(void);

/* Calls `check` for every case whose name begins with `prefix`. Returns how many there were. */
size_t reference_each(const char *prefix, void (*check)(const struct reference_case *));

/* An array of the case; a test that asks for one that is not there ends. *n may be NULL. */
const double *reference_get(const struct reference_case *, const char *name, size_t *n);
double reference_number(const struct reference_case *, const char *name);
/* Malloc'ed, converted. */
float *reference_floats(const struct reference_case *, const char *name, size_t *n);
uint32_t *reference_ranks(const struct reference_case *, const char *name, size_t *n);
int8_t *reference_labels(const struct reference_case *, const char *name, size_t *n);

/* Holds got [n] to the array `name` of the case, whose length must be n: both NaN, or apart by at
 * most 1e-6. Ends the test with the case's name otherwise. */
void reference_hold(const struct reference_case *, const char *name, const double *got, size_t n);
void reference_hold_one(const struct reference_case *, const char *name, double got);
