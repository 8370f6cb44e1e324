/* Times every operation of a backend: a wrapper in each slot of the table. For benchmarks. */
#pragma once

#include "backend.h"

struct profile_row {
    const char *op;
    uint64_t calls;
    double seconds; /* summed over threads that call at the same time */
    double flops;   /* multiply and add are two; 0 where they are not counted */
    double bytes;   /* read and written at least once; 0 where they are not counted */
};

#define PROFILE_COUNT_ONE(name, args) +1
enum { PROFILE_ROWS = 0 OP_LIST(PROFILE_COUNT_ONE) };
#undef PROFILE_COUNT_ONE

/* Installs the wrappers. Call it before weights are made, because it records their sizes.
 * E_NOMEM. */
enum status profile_begin(struct backend *, struct error *err);
/* The counts since profile_begin or profile_reset; rows [PROFILE_ROWS]. To be called only while no
 * operation runs. */
void profile_read(const struct backend *, struct profile_row *rows);
void profile_reset(struct backend *);
/* Removes the wrappers; does nothing where there are none. */
void profile_end(struct backend *);
