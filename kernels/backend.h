/* A backend: where arrays live, and the table of operations on them.
 *
 * Model code is written once against this table and runs in float or double, on a CPU or a GPU. It
 * never looks inside an array: `real` is incomplete, its element is the backend's floating type
 * (float or double), and be_at() steps through it.
 *
 * Backends:
 *   ref    naive C, float arrays, double accumulation: the specification that all others are held to
 *   ref64  the same source with double arrays: finite differences, golden numbers
 *   cpu    OpenMP, oneDNN, SIMD chosen at run time; float arrays; fp32 or bf16 matmuls
 *   cpu64  the same with double arrays (OpenBLAS): the ViT's attribution (SPEC 6)
 *   cuda, cuda64   NVIDIA GPUs
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops.h"
#include "status.h"

enum precision { PRECISION_FP32, PRECISION_TF32, PRECISION_BF16, PRECISION_DOUBLE };

struct backend_options {
    enum precision precision; /* of matrix products; everything else keeps the array type */
    int threads;              /* CPU threads; 0 = all available */
    int device;               /* GPU ordinal */
    bool share_devices;       /* ordinals count round the GPUs that there are: 4 of 4 is 0 */
    const char *simd;         /* "", or cap CPU code at "c", "avx2", "avx512" (for tests) */
    bool no_graphs;           /* passes are never recorded: be_repeat only ever calls them */
};

/* Work that comes again and again: a sequence of operations, told from others of the backend by its
 * key. Equal keys promise the same operations with the same arguments in the same order, until memory
 * that these use is freed. A pass may be called twice and gives then what it gave before; it does
 * nothing but operations (no copies, no sync). */
struct pass_key {
    const void *of; /* an object that owns the arrays */
    int part, count;
};
typedef void pass_fn(void *context);

struct pass_counts { /* of be_repeat, since the backend was opened */
    uint64_t passes, recorded, replayed;
    struct error given_up; /* why nothing is recorded any more; code OK while it may be */
};

struct backend {
    const char *name;
    size_t real_size; /* bytes of one element: 4 or 8 */
    enum precision precision;
    int threads; /* that this backend uses; 1 for ref */
    bool narrow; /* takes arrays that ops.h flags as narrow; see there */

    /* Lanes: parts of a batch that may run at the same time, each with a workspace of its own. A
     * CPU has one lane per thread (operations called inside a lane are then serial); a GPU has
     * one lane that takes the whole batch. lane_images is how many images a lane takes at once;
     * 0 = all. */
    int lanes;
    int lane_images;

    /* Device memory. Sizes in bytes. alloc returns NULL when memory ran out; an upload
     * is complete when it returns; a download, like everything else, after sync, and its target
     * must stay until then. */
    void *(*alloc)(struct backend *, size_t bytes);
    void (*free)(struct backend *, void *);
    void (*upload)(struct backend *, void *to, const void *from_host, size_t bytes);
    void (*download)(struct backend *, void *to_host, const void *from, size_t bytes);

    /* Bytes of device memory that are free, and that there are. NULL: memory is the host's. */
    void (*memory)(struct backend *, size_t *available, size_t *total);

    /* Waits for all work and returns the first error since the last sync. Operations themselves
     * do not report: after an error they do nothing until it is collected here. */
    enum status (*sync)(struct backend *, struct error *);

    /* What be_repeat does; NULL where recording is no use. Calls the pass, records it, or launches
     * what was recorded under the same key. A failure to record is none of the pass. */
    void (*repeat)(struct backend *, const struct pass_key *, pass_fn *, void *context);
    struct pass_counts pass_counts;

    void (*destroy)(struct backend *);

    struct ops op;
    struct error failed; /* sticky, code OK when there is none */
    void *impl;
    struct profile *profile; /* profile.h; NULL unless operations are timed */
};

/* Opens a backend by name. Never leaves a slot of the table NULL. E_CONFIG for an unknown name, one
 * that this build does not have or options that it cannot honour; E_ABSENT when there is no device
 * for it; E_DEVICE when there is one, and it or its libraries fail. */
enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out, struct error *err);
void backend_close(struct backend *);

/* Runs the operations of pass(context): as a CUDA graph where the backend has one for the key. While
 * operations are timed (profile.h) they are run one by one. */
void be_repeat(struct backend *, const struct pass_key *, pass_fn *pass, void *context);

/* Waits for all work. An error stays for sync to find. */
void be_wait(struct backend *);

/* Names of the backends in this build, NULL-terminated. */
const char *const *backend_names(void);
bool backend_known(const char *name);

/* The name of the same backend with double arrays (the name itself where it has them); NULL for an
 * unknown name. */
const char *backend_double_name(const char *name);

static inline real *be_at(const struct backend *be, const real *p, size_t index)
{
    return (real *)((uintptr_t)p + index * be->real_size);
}

/* The same in an array that may be narrow: bytes of an element, and element `index`. */
static inline size_t be_size(const struct backend *be, bool narrow)
{
    return narrow ? sizeof(uint16_t) : be->real_size;
}

static inline real *be_at_narrow(const struct backend *be, bool narrow, const real *p, size_t index)
{
    return (real *)((uintptr_t)p + index * be_size(be, narrow));
}

/* For messages when `bytes` for `count` images could not be had: "compute.batch = 12 would fit", or
 * "a smaller compute.batch would fit" where nobody can tell. Returns `text`. */
const char *be_would_fit(struct backend *be, size_t bytes, int count, char *text, size_t size);

/* Allocates and uploads `n` floats, converted to the backend's type. NULL when memory ran out. */
real *be_upload_floats(struct backend *be, const float *host, size_t n);
/* Into existing device memory of n elements. */
void be_write_floats(struct backend *be, real *to, const float *host, size_t n);
/* Downloads n elements as double or float; waits for them. */
void be_read_doubles(struct backend *be, double *host, const real *from, size_t n);
void be_read_floats(struct backend *be, float *host, const real *from, size_t n);
