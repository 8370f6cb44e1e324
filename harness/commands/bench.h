/* Measurements of `evalh bench`: medians, all taken in one process. */
#pragma once

#include "engine.h"
#include "profile.h"

/* An engine with a batch of random images in its memory. */
struct bench {
    struct engine *engine;
    size_t image_bytes;
    uint8_t *rgb; /* [batch, S, S, 3], engine memory */
    struct view *views;
    float *logits;
    int batch, repeats;
};

/* The model's engine with options->batch images. */
enum status bench_open(struct bench *, const struct engine_options *options, int repeats,
                       struct error *err);
void bench_close(struct bench *);

struct ceiling {   /* of this machine, through this engine, measured now */
    double flops;  /* per second, of a large matrix product in the run's precision */
    double bytes;  /* per second, of a large copy; reads and writes both count */
    int product;   /* side of the product's square matrices */
    double copied; /* bytes that the copy reads and writes */
};

enum status bench_ceiling(struct bench *, struct ceiling *out, struct error *err);

struct timing { /* seconds for one batch */
    double median, least, most;
    double waited; /* share of the time in which threads wanted a core and had none, 0-1; NaN where
                      the system does not say (Linux: /proc/self/task/N/schedstat) */
};
/* From this share on, the figures are those of a busy machine. */
#define BENCH_BUSY 0.05

/* The number of threads that call operations in parallel during a forward pass: 1 where each
 * operation has all threads, or a GPU, to itself. A profile's seconds are summed over these
 * threads. */
int bench_callers(const struct bench *);

/* Forward passes. */
enum status bench_forward(struct bench *, struct timing *out, struct error *err);
/* How the time of a forward pass divides between operations, measured on a separate, profiled
 * engine. */
enum status bench_operations(const struct engine_options *, struct profile_row rows[PROFILE_ROWS],
                             struct error *err);

/* Methods that explain together, and what was measured of them. */
enum { BENCH_METHODS = 32 };
struct bench_set {
    const struct engine_method *methods[BENCH_METHODS];
    int count;
    enum explain_precision runs_in; /* the most that explain.precision = auto takes for one */
    struct timing explain, forward; /* forward passes in turns with them */
    struct explain_passes passes;   /* planned, an image */
    size_t bytes;                   /* that they hold */
};
/* Explanations (predicted class) of the same batch by each of the sets in turn. */
enum status bench_explain(struct bench *, const struct explain_options *, struct bench_set *sets,
                          int count, struct error *err);
