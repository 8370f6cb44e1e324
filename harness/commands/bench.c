#include "bench.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "free_all.h"

/* Large enough that nothing but the machine's rate is measured: an H100 makes a product of 2048 at
 * half of what it makes one of 8192 at, and copies 4 GB a third faster than 0.1 GB. */
struct ceiling_sizes {
    size_t product, copy; /* side; elements */
};
static const struct ceiling_sizes host_sizes = { 2048, (size_t)1 << 24 };
static const struct ceiling_sizes device_sizes = { 8192, (size_t)1 << 29 };

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

/* Nanoseconds for which this process' threads have had a core, and have waited for one. false: the
 * system does not say. */
static bool read_waiting(double *ran, double *waited)
{
    DIR *tasks = opendir("/proc/self/task");
    bool known = false;
    *ran = *waited = 0;
    for (struct dirent *e; tasks != NULL && (e = readdir(tasks)) != NULL;) {
        char path[300];
        double a, b;
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f != NULL && fscanf(f, "%lf %lf", &a, &b) == 2) {
            *ran += a;
            *waited += b;
            known = true;
        }
        if (f != NULL)
            fclose(f);
    }
    if (tasks != NULL)
        closedir(tasks);
    return known;
}

static struct timing summarise(double *seconds, int count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, by_value);
    return (struct timing){ seconds[count / 2], seconds[0], seconds[count - 1], NAN };
}

static uint64_t next_random(uint64_t *state) /* xorshift64 (Marsaglia 2003) */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- ceilings -------------------------------------------------------------------------------- */

static void multiply(struct backend *be, const void *args)
{
    be->op.linear(be, args);
}

static void copy(struct backend *be, const void *args)
{
    be->op.map2(be, args);
}

/* Seconds of the best of `repeats` calls; the first one warms up. */
static double best_of(struct backend *be, void (*call)(struct backend *, const void *),
                      const void *args, int repeats)
{
    double best = INFINITY;
    for (int i = 0; i <= repeats; i++) {
        double start = now();
        call(be, args);
        be->sync(be, NULL);
        if (i > 0)
            best = fmin(best, now() - start);
    }
    return best;
}

static enum status measure_product(struct bench *b, size_t side, struct ceiling *out,
                                   struct error *err)
{
    struct backend *be = b->engine->backend;
    size_t count = side * side;
    float *host = malloc(count * sizeof *host);
    real *x = engine_alloc(b->engine, count, be->real_size);
    real *y = engine_alloc(b->engine, count, be->real_size);
    uint64_t state = 1;
    for (size_t i = 0; host != NULL && i < count; i++)
        host[i] = (float)(next_random(&state) >> 40) * 0x1p-24f - 0.5f;
    struct weight *w =
        host == NULL ? NULL : be->op.weight_new(be, host, (int)side, (int)side, WEIGHT_FORWARD);
    enum status status = OK;
    if (w == NULL || x == NULL || y == NULL) {
        status = fail(err, E_NOMEM, "%s: no memory to measure a matrix product", be->name);
    } else {
        const struct linear_args a = {
            .rows = (int)side, .w = w, .x = x, .ldx = side, .y = y, .ldy = side
        };
        be_write_floats(be, x, host, count);
        out->product = (int)side;
        out->flops = 2.0 * (double)side * (double)count / best_of(be, multiply, &a, b->repeats);
        status = be->sync(be, err);
    }
    be->op.weight_free(be, w);
    engine_free(b->engine, x);
    engine_free(b->engine, y);
    free(host);
    return status;
}

/* Halves the size of the copy until there is memory for it. */
static enum status measure_copy(struct bench *b, size_t elements, struct ceiling *out,
                                struct error *err)
{
    struct backend *be = b->engine->backend;
    real *x = NULL, *y = NULL;
    enum status status = OK;
    for (; elements > 0; elements /= 2) {
        x = engine_alloc(b->engine, elements, be->real_size);
        y = x == NULL ? NULL : engine_alloc(b->engine, elements, be->real_size);
        if (y != NULL)
            break;
        engine_free(b->engine, x);
        x = NULL;
    }
    if (y == NULL) {
        status = fail(err, E_NOMEM, "%s: no memory to measure a copy", be->name);
    } else {
        const struct map2_args fill = { .f = MAP_COPY, .count = elements, .a = x, .out = x };
        const struct map2_args whole = {
            .f = MAP_COPY, .count = elements, .a = x, .scale = 1, .out = y
        };
        be->op.map2(be, &fill); /* zeros: memory that was never written costs nothing to read */
        out->copied = 2.0 * (double)elements * (double)be->real_size;
        out->bytes = out->copied / best_of(be, copy, &whole, b->repeats);
        status = be->sync(be, err);
    }
    engine_free(b->engine, x);
    engine_free(b->engine, y);
    return status;
}

enum status bench_ceiling(struct bench *b, struct ceiling *out, struct error *err)
{
    const struct ceiling_sizes *sizes =
        b->engine->backend->memory != NULL ? &device_sizes : &host_sizes;
    TRY(measure_product(b, sizes->product, out, err));
    return measure_copy(b, sizes->copy, out, err);
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

/* An engine may open in another precision than was asked for; the one asked for must be
 * measured. */
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
    FREE_ALL(b->views, b->logits);
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

int bench_callers(const struct bench *b)
{
    const struct backend *be = b->engine->backend;
    return be->lane_images > 0 && b->batch > be->lane_images ? be->lanes : 1;
}

enum status bench_forward(struct bench *b, struct timing *out, struct error *err)
{
    const int warm = b->engine->backend->repeat != NULL ? 2 : 1; /* the second may be recorded */
    double *seconds = calloc((size_t)b->repeats + 1, sizeof *seconds);
    enum status status = seconds == NULL ? fail(err, E_NOMEM, "out of memory") : OK;
    for (int i = 0; i < warm && status == OK; i++)
        status = forward_once(b, &seconds[0], err);
    double ran[2], waited[2];
    bool known = read_waiting(&ran[0], &waited[0]);
    for (int i = 0; i < b->repeats && status == OK; i++)
        status = forward_once(b, &seconds[i], err);
    known = known && read_waiting(&ran[1], &waited[1]);
    if (status == OK)
        *out = summarise(seconds, b->repeats);
    if (status == OK && known) {
        double wait = waited[1] - waited[0], all = wait + ran[1] - ran[0];
        out->waited = all > 0 ? wait / all : NAN;
    }
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
    FREE_ALL(x->images, x->result.predicted, x->result.maps, x->result.identity_error,
             x->result.zero_row_sum);
}

/* Methods that begin at images of a data set begin at one of noise. */
static enum status refer(struct bench *b, struct error *err)
{
    uint8_t *rgb = malloc(b->image_bytes);
    uint64_t state = 11;
    if (rgb == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < b->image_bytes; i++)
        rgb[i] = (uint8_t)(next_random(&state) >> 56);
    return engine_references(b->engine, rgb, 1, err);
}

static enum status prepare_set(struct bench *b, const struct explain_options *options,
                               const struct bench_set *set, struct error *err)
{
    const bool classes[CLASS_CHOICES] = { true, false };
    TRY(engine_prepare(b->engine, set->methods, set->count, classes, options, err));
    return refer(b, err);
}

/* A forward pass and an explanation of the batch, after one of a few images, which touches what the
 * explanation takes of memory. */
static enum status explain_once(struct bench *b, const struct explain_options *options,
                                const struct bench_set *set, double *explain, double *forward,
                                struct error *err)
{
    struct maps x = { 0 };
    int lanes = b->engine->backend->lanes, few = lanes < b->batch ? lanes : b->batch;
    TRY(prepare_set(b, options, set, err));
    enum status status = maps_take(&x, b) ? OK : fail(err, E_NOMEM, "out of memory");
    if (status == OK)
        status = engine_explain(b->engine, x.images, few, &x.result, err);
    if (status == OK)
        status = forward_once(b, forward, err);
    double start = now();
    if (status == OK)
        status = engine_explain(b->engine, x.images, b->batch, &x.result, err);
    *explain = now() - start;
    maps_free(&x);
    return status;
}

/* Sets in turn, so that all see the same machine. */
enum status bench_explain(struct bench *b, const struct explain_options *options,
                          struct bench_set *sets, int count, struct error *err)
{
    size_t repeats = (size_t)b->repeats;
    double *seconds = calloc(2 * repeats * (size_t)count + 1, sizeof *seconds);
    enum status status = seconds != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < repeats; i++)
        for (int k = 0; status == OK && k < count; k++) {
            double *own = seconds + 2 * repeats * (size_t)k;
            status = explain_once(b, options, &sets[k], &own[i], &own[repeats + i], err);
            sets[k].bytes = b->engine->info.explain_bytes;
            if (status == OK && engine_plan(b->engine, -1, &sets[k].passes, err) != OK)
                sets[k].passes = (struct explain_passes){ 0 };
        }
    for (int k = 0; status == OK && k < count; k++) {
        double *own = seconds + 2 * repeats * (size_t)k;
        sets[k].explain = summarise(own, b->repeats);
        sets[k].forward = summarise(own + repeats, b->repeats);
    }
    free(seconds);
    return status;
}
