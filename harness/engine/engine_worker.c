/* The engine whose model is another process (docs/worker.md). Images are decoded, masked and ranked
 * here, on the CPU; logits and maps come from the worker. Controls that need no model are made
 * here. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_kinds.h"
#include "free_all.h"
#include "sha256.h"
#include "worker.h"

struct worker_engine {
    struct worker *worker;
    char fingerprint[65]; /* SHA-256 over name, fingerprint and command */
    float level[3][256];  /* the normalised value of every byte, by channel */
    float fill[3];        /* the normalised value of a removed pixel */
    struct view *views;   /* [batch] of one request */
    int32_t *classes;     /* the same: the explained classes */
    int *rows;            /* the same: which images of the call they are */
};

static bool serves(const struct engine_options *o)
{
    return o->model.arch != NULL && strcmp(o->model.arch, "worker") == 0;
}

static const char *const *method_names(void)
{
    return NULL; /* the worker says which it has */
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum status check_options(const struct engine_options *o, struct error *err)
{
    if (o->command == NULL)
        return fail_key(err, E_CONFIG, "model.command",
                        "not set; arch = worker wants the command that starts the model");
    if (o->checkpoint != NULL)
        return fail_key(err, E_CONFIG, "model.checkpoint",
                        "set, and a worker (model.arch) loads its own weights, and its "
                        "command may name them");
    if (o->model.image_size > 0 || o->model.heads > 0)
        return fail_key(err, E_CONFIG, o->model.image_size > 0 ? "model.image_size" : "model.heads",
                        "set, and a worker (model.arch) says itself what its model is");
    if (strcmp(o->device, "cuda") == 0)
        return fail_key(err, E_CONFIG, "compute.device",
                        "set, and a worker chooses its device itself, and evalh masks "
                        "images for it on the cpu");
    if (o->precision != PRECISION_FP32)
        return fail_key(err, E_CONFIG, "compute.precision",
                        "set, and a worker computes in a precision of its own, and its command "
                        "may choose one");
    return OK;
}

static void hash_identity(struct worker_engine *x, const char *command)
{
    const char *const texts[] = { x->worker->hello.name, x->worker->hello.fingerprint, command };
    struct sha256 hash;
    sha256_begin(&hash);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sha256_add(&hash, texts[i], strlen(texts[i]) + 1); /* the NUL ends each */
    sha256_end(&hash, x->fingerprint);
}

static void describe(struct engine *e, const struct worker_engine *x)
{
    const struct worker_hello *h = &x->worker->hello;
    struct engine_info *info = &e->info;
    const struct engine_identity identity[] = {
        { .name = "checkpoint_sha256", .text = x->fingerprint, .noun = "model", .decides = true },
        { .name = "worker", .text = h->name, .noun = "model" },
        { .name = "worker_fingerprint", .text = h->fingerprint, .noun = "model" },
        { .name = "worker_command", .text = e->options.command, .noun = "command" },
    };
    snprintf(info->name, sizeof info->name, "%.*s", (int)sizeof info->name - 1, h->name);
    snprintf(info->title, sizeof info->title, "%.*s", (int)sizeof info->title - 1, h->name);
    snprintf(info->weights.title, sizeof info->weights.title, "%.60s, in another process", h->name);
    info->arch = "worker";
    info->image_size = h->size;
    info->classes = h->classes;
    info->grid = h->grid;
    memcpy(info->format.mean, h->mean, sizeof h->mean);
    memcpy(info->format.std, h->std, sizeof h->std);
    memcpy(info->identity, identity, sizeof identity);
    info->identity_count = sizeof identity / sizeof identity[0];
    snprintf(info->about, sizeof info->about,
             "%d x %d pixels, %d classes, up to %d images at a time; controls' maps %d x %d",
             h->size, h->size, h->classes, h->batch, h->grid, h->grid);
    snprintf(info->source, sizeof info->source, "worker %.200s, fingerprint %.100s",
             e->options.command, h->fingerprint);
}

static enum status list_methods(struct engine *e, const struct worker_hello *h, struct error *err)
{
    e->methods = calloc((size_t)h->method_count + engine_count_controls() + 1, sizeof *e->methods);
    if (e->methods == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int i = 0; i < h->method_count; i++)
        e->methods[e->method_count++] =
            (struct engine_method){ .name = h->methods[i].name,
                                    .summary = h->methods[i].summary,
                                    .class_agnostic = h->methods[i].class_agnostic,
                                    .side = h->methods[i].side };
    engine_add_controls(e);
    return OK;
}

static enum status open_worker(struct engine *e, struct error *err)
{
    const struct engine_options *o = &e->options;
    struct worker_engine *x = calloc(1, sizeof *x);
    if (x == NULL)
        return fail(err, E_NOMEM, "out of memory");
    e->state = x;
    TRY(check_options(o, err));
    const struct worker_start with = { .command = o->command,
                                       .timeout = o->timeout,
                                       .stopped = o->stopped };
    int threads = o->threads > 0 ? o->threads : omp_get_num_procs();
    TRY(worker_open(&with, threads, o->place, &x->worker, err));
    hash_identity(x, o->command);
    describe(e, x);
    return list_methods(e, &x->worker->hello, err);
}

static void close_worker(struct engine *e)
{
    struct worker_engine *x = e->state;
    if (x == NULL)
        return;
    worker_close(x->worker);
    FREE_ALL(x->views, x->classes, x->rows, x);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* In float, and in this order, as torchvision's ToTensor and Normalize have it. */
static float normalised(float value, const struct worker_hello *h, int channel)
{
    return (value - h->mean[channel]) / h->std[channel];
}

static void tabulate(struct worker_engine *x, const struct engine_info *info)
{
    for (int c = 0; c < 3; c++) {
        x->fill[c] = normalised(info->format.fill_rgb[c], &x->worker->hello, c);
        for (int v = 0; v < 256; v++)
            x->level[c][v] = normalised((float)v / 255.0f, &x->worker->hello, c);
    }
}

/* out [3, pixels] */
static void write_view(const struct worker_engine *x, const struct view *view, size_t pixels,
                       float *out)
{
    for (size_t i = 0; i < pixels; i++) {
        bool removed = view->rank != NULL && view->rank[i] < view->removed;
        const uint8_t *from = removed ? view->fill : view->rgb;
        for (size_t c = 0; c < 3; c++)
            out[c * pixels + i] = from != NULL ? x->level[c][from[3 * i + c]] : x->fill[c];
    }
}

static void write_views(const struct engine *e, const struct view *views, int n)
{
    const struct worker_engine *x = e->state;
    size_t pixels = (size_t)e->info.image_size * (size_t)e->info.image_size;
    float *images = worker_images(x->worker);
#pragma omp parallel for schedule(static) num_threads(e->info.threads)
    for (int i = 0; i < n; i++)
        write_view(x, &views[i], pixels, images + (size_t)i * 3 * pixels);
}

/* ---- running --------------------------------------------------------------------------------- */

static enum status start(struct engine *e, struct error *err)
{
    struct worker_engine *x = e->state;
    struct engine_info *info = &e->info;
    int most = x->worker->hello.batch, asked = e->options.batch;
    if (strcmp(e->options.device, "auto") == 0)
        e->options.device = "cpu";
    TRY(engine_open_backend(e, err));
    info->device = "worker";
    info->batch = asked > 0 && asked < most ? asked : most;
    if (info->batch != asked)
        snprintf(info->batch_why, sizeof info->batch_why, "what the worker takes at most");
    info->busy = info->batch;
    memset(info->format.fill_rgb, 0, sizeof info->format.fill_rgb);
    if (e->options.mean_fill)
        memcpy(info->format.fill_rgb, info->format.mean, sizeof info->format.mean);
    tabulate(x, info);
    size_t batch = (size_t)info->batch;
    x->views = calloc(batch, sizeof *x->views);
    x->classes = calloc(batch, sizeof *x->classes);
    x->rows = calloc(batch, sizeof *x->rows);
    if (x->views == NULL || x->classes == NULL || x->rows == NULL)
        return fail(err, E_NOMEM, "out of memory");
    TRY(worker_attach(x->worker, info->batch, err));
    info->workspace_bytes = x->worker->bytes;
    return OK;
}

static enum status shrink(struct engine *e, bool prepared, struct error *err)
{
    (void)e;
    (void)prepared;
    return fail(err, E_NOMEM, "out of memory");
}

static enum status classify(struct engine *e, const struct view *views, size_t n, float *logits,
                            struct error *err)
{
    const struct worker_engine *x = e->state;
    size_t classes = (size_t)e->info.classes, batch = (size_t)e->info.batch;
    for (size_t at = 0; at < n; at += batch) {
        int count = (int)(n - at < batch ? n - at : batch);
        const float *answer;
        write_views(e, views + at, count);
        TRY(worker_classify(x->worker, count, &answer, err));
        memcpy(logits + at * classes, answer, (size_t)count * classes * sizeof *logits);
    }
    return OK;
}

/* Predicts the class of images whose prediction the caller does not know. */
static enum status predict(struct engine *e, const struct explain_image *images, int n,
                           int32_t *predicted, struct error *err)
{
    const struct worker_engine *x = e->state;
    int classes = e->info.classes;
    for (int i = 0; i < n; i++) {
        const struct view view = { .rgb = images[i].rgb };
        const float *answer;
        predicted[i] = images[i].predicted;
        if (predicted[i] >= 0)
            continue;
        write_views(e, &view, 1);
        TRY(worker_classify(x->worker, 1, &answer, err));
        predicted[i] = 0;
        for (int k = 1; k < classes; k++)
            if (answer[k] > answer[predicted[i]])
                predicted[i] = k;
    }
    return OK;
}

static void copy_map(const struct engine *e, const struct explain_result *r, int image, int method,
                     enum class_choice choice, const float *map)
{
    size_t side = (size_t)e->prepared[method]->side;
    memcpy(r->maps + engine_map_at(e, image, method, choice), map, side * side * sizeof *map);
}

/* Copies maps that do not depend on the class, and those of a target that is the prediction. */
static void share_maps(const struct engine *e, const struct explain_image *images, int n,
                       int method, const struct explain_result *r)
{
    for (int i = 0; i < n; i++)
        if (e->prepared[method]->class_agnostic || images[i].label == r->predicted[i])
            copy_map(e, r, i, method, CLASS_TARGET,
                     r->maps + engine_map_at(e, i, method, CLASS_PREDICTED));
}

/* Asks the worker for the maps of those images that need a separate one for this choice of
 * class. */
static enum status ask_maps(struct engine *e, const struct explain_image *images, int n, int method,
                            enum class_choice choice, const struct explain_result *r,
                            struct error *err)
{
    struct worker_engine *x = e->state;
    const struct engine_method *m = e->prepared[method];
    size_t cells = (size_t)m->side * (size_t)m->side;
    const float *maps;
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (choice == CLASS_TARGET && (m->class_agnostic || images[i].label == r->predicted[i]))
            continue;
        x->views[count] = (struct view){ .rgb = images[i].rgb };
        x->classes[count] = choice == CLASS_TARGET ? images[i].label : r->predicted[i];
        x->rows[count++] = i;
    }
    if (count == 0)
        return OK;
    write_views(e, x->views, count);
    TRY(worker_explain(x->worker, (int)(m - e->methods), count, x->classes, &maps, err));
    for (int k = 0; k < count; k++)
        copy_map(e, r, x->rows[k], method, choice, maps + (size_t)k * cells);
    return OK;
}

static enum status explain_by(struct engine *e, const struct explain_image *images, int n,
                              int method, const struct explain_result *r, struct error *err)
{
    const struct engine_method *m = e->prepared[method];
    const struct worker_engine *x = e->state;
    bool shared = e->classes[CLASS_PREDICTED] || m->class_agnostic;
    if (m - e->methods >= x->worker->hello.method_count) {
        engine_explain_control(e, images, n, method, r);
        return OK;
    }
    /* Where the target is the prediction, its map is the prediction's. */
    for (int i = 0; i < n && !shared; i++)
        shared = images[i].label == r->predicted[i];
    if (shared)
        TRY(ask_maps(e, images, n, method, CLASS_PREDICTED, r, err));
    if (e->classes[CLASS_TARGET])
        TRY(ask_maps(e, images, n, method, CLASS_TARGET, r, err));
    if (e->classes[CLASS_TARGET])
        share_maps(e, images, n, method, r);
    return OK;
}

static enum status explain(struct engine *e, const struct explain_image *images, int n,
                           const struct explain_result *r, struct error *err)
{
    int classes = e->info.classes;
    for (int i = 0; i < n; i++)
        if (e->classes[CLASS_TARGET] && (images[i].label < 0 || images[i].label >= classes))
            return fail_key(err, E_CONFIG, "explain.class",
                            "target needs labels of 0 to %d, not %d", classes - 1, images[i].label);
    TRY(predict(e, images, n, r->predicted, err));
    for (int i = 0; i < n; i++) { /* values that only a model with hidden attention has */
        r->identity_error[i] = NAN;
        r->zero_row_sum[i] = 0;
    }
    for (int m = 0; m < e->prepared_count; m++)
        TRY(explain_by(e, images, n, m, r, err));
    return OK;
}

const struct engine_kind engine_worker = {
    .name = "worker",
    .serves = serves,
    .method_names = method_names,
    .no_switches = "and a worker's have none",
    .life = { open_worker, start, shrink, close_worker },
    .classify = classify,
    .maps = { .explain = explain },
};
