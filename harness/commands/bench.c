#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MATMUL = 2048, COPY_ELEMENTS = 1 << 24 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct timing summarise(double *seconds, int count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, by_value);
    return (struct timing){ seconds[count / 2], seconds[0], seconds[count - 1] };
}

static uint64_t next_random(uint64_t *state) /* xorshift64 (Marsaglia 2003) */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- ceilings -------------------------------------------------------------------------------- */

static double best_matmul(struct backend *be, const struct weight *w, const real *x, real *y,
                          int repeats)
{
    const struct linear_args a = {
        .rows = MATMUL, .w = w, .x = x, .ldx = MATMUL, .y = y, .ldy = MATMUL
    };
    double best = INFINITY;
    for (int i = 0; i <= repeats; i++) { /* the first one warms up */
        double start = now();
        be->op.linear(be, &a);
        be->sync(be, NULL);
        if (i > 0)
            best = fmin(best, now() - start);
    }
    return 2.0 * MATMUL * MATMUL * MATMUL / best;
}

static double best_copy(struct backend *be, const real *x, real *y, int repeats)
{
    const struct map2_args a = {
        .f = MAP_COPY, .count = COPY_ELEMENTS, .a = x, .scale = 1, .out = y
    };
    double best = INFINITY;
    for (int i = 0; i <= repeats; i++) {
        double start = now();
        be->op.map2(be, &a);
        be->sync(be, NULL);
        if (i > 0)
            best = fmin(best, now() - start);
    }
    return 2.0 * COPY_ELEMENTS * (double)be->real_size / best;
}

enum status bench_ceiling(const struct bench_options *o, struct ceiling *out, struct error *err)
{
    struct backend *be;
    TRY(backend_open(o->backend, &o->be, &be, err));
    size_t bytes = (size_t)COPY_ELEMENTS * be->real_size;
    float *host = calloc((size_t)MATMUL * MATMUL, sizeof *host);
    real *x = be->alloc(be, bytes), *y = be->alloc(be, bytes);
    uint64_t state = 1;
    for (size_t i = 0; host != NULL && i < (size_t)MATMUL * MATMUL; i++)
        host[i] = (float)(next_random(&state) >> 40) * 0x1p-24f - 0.5f;
    struct weight *w =
        host == NULL ? NULL : be->op.weight_new(be, host, MATMUL, MATMUL, WEIGHT_FORWARD);
    enum status status = OK;
    if (w == NULL || x == NULL || y == NULL) {
        status = fail(err, E_NOMEM, "%s: no memory to measure the machine's ceilings", be->name);
    } else {
        for (size_t at = 0; at < COPY_ELEMENTS; at += (size_t)MATMUL * MATMUL)
            be_write_floats(be, be_at(be, x, at), host, (size_t)MATMUL * MATMUL);
        out->flops = best_matmul(be, w, x, y, o->repeats);
        out->bytes = best_copy(be, x, y, o->repeats);
        status = be->sync(be, err);
    }
    be->op.weight_free(be, w);
    if (x != NULL)
        be->free(be, x);
    if (y != NULL)
        be->free(be, y);
    free(host);
    backend_close(be);
    return status;
}

/* ---- a batch of random images ---------------------------------------------------------------- */

struct rig {
    struct backend *be;
    struct net *net;
    size_t image_bytes;
    uint8_t *host, *device; /* [batch, S, S, 3] */
    struct view *views;
    float *logits;
};

static enum status rig_open(struct rig *r, const struct model *m, const struct bench_options *o,
                            bool timed, struct error *err)
{
    size_t n = (size_t)o->batch;
    *r = (struct rig){ .image_bytes = 3 * (size_t)m->geo.image_size * (size_t)m->geo.image_size };
    TRY(backend_open(o->backend, &o->be, &r->be, err));
    if (o->be.precision != PRECISION_FP32 && r->be->precision != o->be.precision)
        return fail(err, E_CONFIG,
                    "--precision: the engine '%s' has no such matrix products on this machine (on "
                    "a CPU bf16 needs avx512_bf16, and tf32 a GPU), so fp32 would be measured",
                    o->backend);
    if (timed)
        TRY(profile_begin(r->be, err));
    TRY(net_open(m, r->be, &input_imagenet, o->batch, &r->net, err));
    r->host = malloc(n * r->image_bytes);
    r->device = r->be->alloc(r->be, n * r->image_bytes);
    r->views = calloc(n, sizeof *r->views);
    r->logits = malloc(n * (size_t)m->geo.classes * sizeof *r->logits);
    if (r->host == NULL || r->device == NULL || r->views == NULL || r->logits == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %d images", r->be->name, o->batch);
    uint64_t state = 7;
    for (size_t i = 0; i < n * r->image_bytes; i++)
        r->host[i] = (uint8_t)(next_random(&state) >> 56);
    r->be->upload(r->be, r->device, r->host, n * r->image_bytes);
    for (size_t i = 0; i < n; i++)
        r->views[i] = (struct view){ .rgb = r->device + i * r->image_bytes };
    return OK;
}

static void rig_close(struct rig *r)
{
    net_close(r->net);
    if (r->device != NULL)
        r->be->free(r->be, r->device);
    backend_close(r->be);
    free(r->host);
    free(r->views);
    free(r->logits);
}

static enum status forward_once(struct rig *r, int batch, double *seconds, struct error *err)
{
    double start = now();
    TRY(net_forward(r->net, r->views, (size_t)batch, r->logits, err));
    *seconds = now() - start;
    return OK;
}

static enum status measure_forward(struct rig *r, const struct bench_options *o, double *seconds,
                                   struct error *err)
{
    const int warm = r->be->repeat != NULL ? 2 : 1; /* the second pass may be recorded */
    for (int i = 0; i < warm; i++)
        TRY(forward_once(r, o->batch, &seconds[0], err));
    for (int i = 0; i < o->repeats; i++)
        TRY(forward_once(r, o->batch, &seconds[i], err));
    return OK;
}

static enum status measure_operations(const struct model *m, const struct bench_options *o,
                                      struct profile_row *rows, struct error *err)
{
    struct rig r;
    double seconds;
    enum status status = rig_open(&r, m, o, true, err);
    if (status == OK)
        status = forward_once(&r, o->batch, &seconds, err);
    if (status == OK) {
        profile_reset(r.be);
        status = forward_once(&r, o->batch, &seconds, err);
        profile_read(r.be, rows);
    }
    rig_close(&r);
    return status;
}

enum status bench_forward(const struct model *m, const struct bench_options *o,
                          struct bench_forward *out, struct error *err)
{
    struct rig r;
    double *seconds = calloc((size_t)o->repeats + 1, sizeof *seconds);
    enum status status =
        seconds == NULL ? fail(err, E_NOMEM, "out of memory") : rig_open(&r, m, o, false, err);
    if (seconds == NULL)
        return status;
    if (status == OK)
        status = measure_forward(&r, o, seconds, err);
    if (status == OK) {
        out->time = summarise(seconds, o->repeats);
        out->repeats = r.be->repeat != NULL;
        out->passes = r.be->pass_counts;
        out->weight_bytes = net_weight_bytes(r.net);
        out->workspace_bytes = net_workspace_bytes(r.net);
    }
    rig_close(&r);
    free(seconds);
    return status == OK ? measure_operations(m, o, out->ops, err) : status;
}

/* ---- explanations ---------------------------------------------------------------------------- */

struct maps {
    struct explain_subject *subjects;
    struct explain_result result;
};

static bool maps_take(struct maps *x, const struct rig *r, int batch, size_t values)
{
    size_t n = (size_t)batch;
    x->subjects = calloc(n, sizeof *x->subjects);
    x->result.predicted = calloc(n, sizeof *x->result.predicted);
    x->result.maps = calloc(n * values, sizeof *x->result.maps);
    x->result.identity_error = calloc(n, sizeof *x->result.identity_error);
    x->result.zero_row_sum = calloc(n, sizeof *x->result.zero_row_sum);
    if (!x->subjects || !x->result.predicted || !x->result.maps || !x->result.identity_error ||
        !x->result.zero_row_sum)
        return false;
    for (size_t i = 0; i < n; i++)
        x->subjects[i] = (struct explain_subject){ .rgb = r->host + i * r->image_bytes,
                                                   .label = 0,
                                                   .predicted = 1 };
    return true;
}

static void maps_free(struct maps *x)
{
    free(x->subjects);
    free(x->result.predicted);
    free(x->result.maps);
    free(x->result.identity_error);
    free(x->result.zero_row_sum);
}

/* Forward and explanation in turn, so that both see the same machine. */
static enum status alternate(struct rig *r, struct explainer *ex, const struct maps *x,
                             const struct bench_options *o, double *explain, double *forward,
                             struct error *err)
{
    for (int i = -1; i < o->repeats; i++) {
        int at = i < 0 ? 0 : i; /* the first round warms up */
        TRY(forward_once(r, o->batch, &forward[at], err));
        double start = now();
        TRY(explainer_run(ex, x->subjects, o->batch, &x->result, err));
        explain[at] = now() - start;
    }
    return OK;
}

enum status bench_explain(const struct model *m, const struct bench_options *o,
                          const struct explain_options *eo,
                          const struct explain_method *const *methods, int method_count,
                          struct timing *explain, struct timing *forward, size_t *bytes,
                          struct error *err)
{
    const bool classes[CLASS_CHOICES] = { true, false };
    struct rig r;
    struct maps x = { 0 };
    struct explainer *ex = NULL;
    double *seconds = calloc(2 * (size_t)o->repeats, sizeof *seconds);
    if (seconds == NULL)
        return fail(err, E_NOMEM, "out of memory");
    enum status status = rig_open(&r, m, o, false, err);
    if (status == OK)
        status = explainer_open(m, o->backend, &o->be, &input_imagenet, eo, methods, method_count,
                                classes, o->batch, &ex, err);
    if (status == OK && !maps_take(&x, &r, o->batch, explainer_map_values(ex)))
        status = fail(err, E_NOMEM, "out of memory");
    if (status == OK)
        status = alternate(&r, ex, &x, o, seconds, seconds + o->repeats, err);
    if (status == OK) {
        *explain = summarise(seconds, o->repeats);
        *forward = summarise(seconds + o->repeats, o->repeats);
        *bytes = explainer_bytes(ex);
    }
    explainer_close(ex);
    maps_free(&x);
    rig_close(&r);
    free(seconds);
    return status;
}
