/* Measurements of `evalh bench`: everything in one process, side by side, medians. */
#pragma once

#include "explain.h"
#include "profile.h"

struct bench_options {
    const char *backend;
    struct backend_options be;
    int batch, repeats;
};

struct ceiling {  /* of this machine, through this backend, measured now */
    double flops; /* a second: a large matrix product, in the run's precision */
    double bytes; /* a second: a large copy, read and write counted */
};

enum status bench_ceiling(const struct bench_options *, struct ceiling *out, struct error *err);

struct timing { /* seconds for one batch */
    double median, least, most;
};

struct bench_forward {
    struct timing time;
    struct profile_row ops[PROFILE_ROWS]; /* of one batch */
    bool repeats;                         /* the backend records passes; how many it did: */
    struct pass_counts passes;
    size_t weight_bytes, workspace_bytes;
};

/* Forward passes of random images. Operations are timed in passes of their own. */
enum status bench_forward(const struct model *, const struct bench_options *,
                          struct bench_forward *out, struct error *err);

/* Explanations by `methods` (predicted class) of the same batch, alternating with forward passes,
 * in `forward`. */
enum status bench_explain(const struct model *, const struct bench_options *,
                          const struct explain_options *,
                          const struct explain_method *const *methods, int method_count,
                          struct timing *explain, struct timing *forward, size_t *bytes,
                          struct error *err);
