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

enum status bench_ceiling(struct bench *b, struct ceiling *out, struct error *err)
{
    struct backend *be = b->engine->backend;
    float *host = calloc((size_t)MATMUL * MATMUL, sizeof *host);
    real *x = engine_alloc(b->engine, COPY_ELEMENTS, be->real_size);
    real *y = engine_alloc(b->engine, COPY_ELEMENTS, be->real_size);
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
        out->flops = best_matmul(be, w, x, y, b->repeats);
        out->bytes = best_copy(be, x, y, b->repeats);
        status = be->sync(be, err);
    }
    be->op.weight_free(be, w);
    engine_free(b->engine, x);
    engine_free(b->engine, y);
    free(host);
    return status;
}

/* ---- a batch of random images ---------------------------------------------------------------- */

static enum status take_images(struct bench *b, struct error *err)
{
    const struct engine_info *info = &b->engine->info;
    size_t n = (size_t)b->batch;
    b->image_bytes = 3 * (size_t)info->image_size * (size_t)info->image_size;
    uint8_t *host = malloc(n * b->image_bytes);
    b->rgb = engine_alloc(b->engine, n, b->image_bytes);
    b->views = calloc(n, sizeof *b->views);
    b->logits = malloc(n * (size_t)info->classes * sizeof *b->logits);
    enum status status = OK;
    if (host == NULL || b->rgb == NULL || b->views == NULL || b->logits == NULL)
        status = fail(err, E_NOMEM, "%s: no memory for %d images", info->device, b->batch);
    uint64_t state = 7;
    for (size_t i = 0; status == OK && i < n * b->image_bytes; i++)
        host[i] = (uint8_t)(next_random(&state) >> 56);
    if (status == OK)
        engine_upload(b->engine, b->rgb, host, n * b->image_bytes);
    for (size_t i = 0; status == OK && i < n; i++)
        b->views[i] = (struct view){ .rgb = b->rgb + i * b->image_bytes };
    free(host);
    return status;
}

/* The precision that was asked for is the one that is measured. */
static enum status check_precision(const struct bench *b, const struct engine_options *options,
                                   struct error *err)
{
    const struct engine_info *info = &b->engine->info;
    if (options->precision == PRECISION_FP32 || info->precision == options->precision)
        return OK;
    return fail(err, E_CONFIG,
                "--precision: the engine '%s' has no such matrix products on this machine (on a "
                "CPU bf16 needs avx512_bf16, and tf32 a GPU), so fp32 would be measured",
                info->device);
}

enum status bench_open(struct bench *b, const struct engine_options *options, int repeats,
                       struct error *err)
{
    *b = (struct bench){ .repeats = repeats };
    enum status status = engine_open(options, &b->engine, err);
    if (status == OK)
        status = engine_start(b->engine, err);
    if (status == OK) {
        b->batch = b->engine->info.batch;
        status = check_precision(b, options, err);
    }
    if (status == OK)
        status = take_images(b, err);
    if (status != OK)
        bench_close(b);
    return status;
}

void bench_close(struct bench *b)
{
    if (b->engine != NULL)
        engine_free(b->engine, b->rgb);
    engine_close(b->engine);
    free(b->views);
    free(b->logits);
    *b = (struct bench){ 0 };
}

/* ---- forward passes -------------------------------------------------------------------------- */

static enum status forward_once(struct bench *b, double *seconds, struct error *err)
{
    double start = now();
    TRY(engine_classify(b->engine, b->views, (size_t)b->batch, b->logits, err));
    *seconds = now() - start;
    return OK;
}

enum status bench_forward(struct bench *b, struct timing *out, struct error *err)
{
    const int warm = b->engine->backend->repeat != NULL ? 2 : 1; /* the second may be recorded */
    double *seconds = calloc((size_t)b->repeats + 1, sizeof *seconds);
    enum status status = seconds == NULL ? fail(err, E_NOMEM, "out of memory") : OK;
    for (int i = 0; i < warm && status == OK; i++)
        status = forward_once(b, &seconds[0], err);
    for (int i = 0; i < b->repeats && status == OK; i++)
        status = forward_once(b, &seconds[i], err);
    if (status == OK)
        *out = summarise(seconds, b->repeats);
    free(seconds);
    return status;
}

enum status bench_operations(const struct engine_options *options,
                             struct profile_row rows[PROFILE_ROWS], struct error *err)
{
    struct engine_options profiled = *options;
    struct bench b;
    double seconds;
    profiled.profiled = true;
    TRY(bench_open(&b, &profiled, 1, err));
    enum status status = forward_once(&b, &seconds, err);
    if (status == OK) {
        profile_reset(b.engine->backend);
        status = forward_once(&b, &seconds, err);
        profile_read(b.engine->backend, rows);
    }
    bench_close(&b);
    return status;
}

/* ---- explanations ---------------------------------------------------------------------------- */

struct maps {
    struct explain_image *images;
    struct explain_result result;
};

static bool maps_take(struct maps *x, const struct bench *b)
{
    size_t n = (size_t)b->batch;
    x->images = calloc(n, sizeof *x->images);
    x->result.predicted = calloc(n, sizeof *x->result.predicted);
    x->result.maps = calloc(n * engine_map_values(b->engine), sizeof *x->result.maps);
    x->result.identity_error = calloc(n, sizeof *x->result.identity_error);
    x->result.zero_row_sum = calloc(n, sizeof *x->result.zero_row_sum);
    if (!x->images || !x->result.predicted || !x->result.maps || !x->result.identity_error ||
        !x->result.zero_row_sum)
        return false;
    for (size_t i = 0; i < n; i++)
        x->images[i] = (struct explain_image){ .rgb = b->views[i].rgb, .label = 0, .predicted = 1 };
    return true;
}

static void maps_free(struct maps *x)
{
    free(x->images);
    free(x->result.predicted);
    free(x->result.maps);
    free(x->result.identity_error);
    free(x->result.zero_row_sum);
}

/* Forward and explanation in turn, so that both see the same machine. */
static enum status alternate(struct bench *b, const struct maps *x, double *explain,
                             double *forward, struct error *err)
{
    for (int i = -1; i < b->repeats; i++) {
        int at = i < 0 ? 0 : i; /* the first round warms up */
        TRY(forward_once(b, &forward[at], err));
        double start = now();
        TRY(engine_explain(b->engine, x->images, b->batch, &x->result, err));
        explain[at] = now() - start;
    }
    return OK;
}

enum status bench_explain(struct bench *b, const struct explain_options *options,
                          const struct engine_method *const *methods, int method_count,
                          struct timing *explain, struct timing *forward, struct error *err)
{
    const bool classes[CLASS_CHOICES] = { true, false };
    struct maps x = { 0 };
    TRY(engine_prepare(b->engine, methods, method_count, classes, options, err));
    double *seconds = calloc(2 * (size_t)b->repeats, sizeof *seconds);
    enum status status = OK;
    if (seconds == NULL || !maps_take(&x, b))
        status = fail(err, E_NOMEM, "out of memory");
    if (status == OK)
        status = alternate(b, &x, seconds, seconds + b->repeats, err);
    if (status == OK) {
        *explain = summarise(seconds, b->repeats);
        *forward = summarise(seconds + b->repeats, b->repeats);
    }
    maps_free(&x);
    free(seconds);
    return status;
}
