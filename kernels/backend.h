/* A backend: where arrays live, and the table of operations on them.
 *
 * Model code is written once against this table and runs in float or double, on a CPU or a GPU. It
 * never looks inside an array: `real` is incomplete, its element is the backend's floating type
 * (float or double), and be_at() steps through it.
 *
 * Backends:
 *   ref    naive C, float arrays, sums in double: all others are compared with it
 *   ref64  the same source with double arrays: finite differences, golden numbers
 *   cpu    OpenMP, SIMD chosen at run time, else oneDNN; float arrays; fp32 or bf16 matmuls
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
    bool share_devices;       /* `device` is taken modulo the number of GPUs: with 4, 5 means 1 */
    const char *simd;         /* "", or cap CPU code at "c", "avx2", "avx512" (for tests) */
    bool no_graphs;           /* passes are never recorded: be_repeat only ever calls them */
};

/* A pass is a sequence of operations that is run again and again; its key identifies it within a
 * backend. Code that uses a key twice promises the same operations with the same arguments in the
 * same order, until the memory that they use is freed. A pass that is called twice gives the same
 * result twice. It calls operations only: no copies, no sync. */
struct pass_key {
    const void *of; /* an object that owns the arrays */
    int part, count;
};
typedef void pass_fn(void *context);

struct pass_counts { /* of be_repeat, since the backend was opened */
    uint64_t passes, recorded, replayed;
    struct error given_up; /* why recording was given up; code OK where it was not */
};

struct backend {
    const char *name;
    size_t real_size; /* bytes of one element: 4 or 8 */
    enum precision precision;
    int threads;                           /* CPU threads in use; 1 for ref */
    char kernels[200], other_kernels[200]; /* a GPU's choices (cuda/choice.h), and those of them
                                              that are not its first; else "" */
    bool narrow;     /* accepts arrays that ops.h flags as narrow; see there */
    bool narrow_vit; /* accepts them in layernorm, linear and attention alone */

    /* Lanes: parts of a batch that may run at the same time, each with a separate workspace. A
     * CPU has one lane per thread (operations called inside a lane are then serial); a GPU has
     * one lane for the whole batch. lane_images: the images that a lane computes at once;
     * 0 = all. */
    int lanes;
    int lane_images;

    /* Device memory; sizes in bytes. alloc returns NULL when memory ran out. An upload is complete
     * when it returns; a download, like everything else, is complete after sync, and its target
     * must stay valid until then. */
    void *(*alloc)(struct backend *, size_t bytes);
    void (*free)(struct backend *, void *);
    void (*upload)(struct backend *, void *to, const void *from_host, size_t bytes);
    void (*download)(struct backend *, void *to_host, const void *from, size_t bytes);

    /* Bytes of device memory: free, and in total. NULL where device memory is the host's. */
    void (*memory)(struct backend *, size_t *available, size_t *total);
    size_t held; /* there: bytes that alloc gave and free has not taken back */

    /* Waits for all work and returns the first error since the last sync. Operations themselves
     * do not report: after an error they do nothing until it is collected here. */
    enum status (*sync)(struct backend *, struct error *);

    /* What be_repeat does; NULL where recording has no advantage. Calls the pass, records it, or
     * launches the record of its key. Where recording fails the pass is called; no error then. */
    void (*repeat)(struct backend *, const struct pass_key *, pass_fn *, void *context);
    struct pass_counts pass_counts;

    void (*destroy)(struct backend *);

    /* Of a backend with double arrays: opens its sister, see backend_single. NULL: of float. */
    enum status (*open_single)(struct backend *, struct backend **out, struct error *);
    struct backend *single; /* the sister, or NULL */

    struct ops op;
    struct error failed; /* sticky, code OK when there is none */
    void *impl;
    struct profile *profile; /* profile.h; NULL unless operations are timed */
};

/* Opens a backend by name; leaves no slot of the table NULL. E_CONFIG: an unknown name, or options
 * that it cannot honour; E_ABSENT: no such device here; E_DEVICE: it or its libraries fail. A
 * device without products of the precision asked for opens with PRECISION_FP32 in `precision`. */
enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out, struct error *err);
void backend_close(struct backend *);

/* Opens, once, the sister of a backend with double arrays: the same with float arrays and fp32
 * products, as be->single. It has the same device, threads and lanes; its operations take their
 * turns with those of `be`, and either may use memory that the other allocated. Closed with `be`.
 */
enum status backend_single(struct backend *be, struct error *);
/* be->sync, also of the sister. */
enum status be_sync(struct backend *, struct error *);

/* Runs the operations of pass(context), as a CUDA graph where the backend has recorded one for the
 * key. While operations are timed (profile.h) they run one by one. */
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

/* For messages after an allocation of `bytes` for `count` images failed: "compute.batch = 12 would
 * fit", or "a smaller compute.batch would fit" where free memory is unknown. Returns `text`. */
const char *be_would_fit(struct backend *be, size_t bytes, int count, char *text, size_t size);

/* Allocates and uploads `n` floats, converted to the backend's type. NULL when memory ran out. */
real *be_upload_floats(struct backend *be, const float *host, size_t n);
/* Into existing device memory of n elements. */
void be_write_floats(struct backend *be, real *to, const float *host, size_t n);
/* Downloads n elements as double or float; waits for them. */
void be_read_doubles(struct backend *be, double *host, const real *from, size_t n);
void be_read_floats(struct backend *be, float *host, const real *from, size_t n);
