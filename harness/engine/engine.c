#include "engine.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_kinds.h"
#include "free_all.h"
#include "log.h"
#include "profile.h"
#include "sizes.h"

/* The first kind that accepts the options is taken. */
static const struct engine_kind *const engine_kinds[] = { &engine_worker, &engine_none,
                                                          &engine_native };

static const struct engine_kind *kind_for(const struct engine_options *o)
{
    const size_t last = sizeof engine_kinds / sizeof engine_kinds[0] - 1;
    for (size_t i = 0; i < last; i++)
        if (engine_kinds[i]->serves(o))
            return engine_kinds[i];
    return engine_kinds[last];
}

/* ---- opening --------------------------------------------------------------------------------- */

enum status engine_open(const struct engine_options *o, struct engine **out, struct error *err)
{
    *out = NULL;
    struct engine *e = calloc(1, sizeof *e);
    if (e == NULL)
        return fail(err, E_NOMEM, "out of memory");
    e->kind = kind_for(o);
    e->options = *o;
    if (o->device == NULL)
        e->options.device = "auto";
    enum status status = e->kind->life.open(e, err);
    return OPENED(status, e, engine_close, out);
}

void engine_close(struct engine *e)
{
    if (e == NULL)
        return;
    if (e->kind->life.close != NULL)
        e->kind->life.close(e);
    backend_close(e->backend);
    FREE_ALL(e->methods, e->prepared, e->map_offset, e->references, e);
}

static enum status open_backend(struct engine *e, const struct backend_options *options,
                                struct error *err)
{
    static const char *const automatic[] = { "cuda", "cpu", NULL };
    const char *const named[] = { e->options.device, NULL };
    const char *const *names = strcmp(named[0], "auto") == 0 ? automatic : named;
    enum status status = E_CONFIG;
    for (int i = 0; status != OK && names[i] != NULL; i++) {
        bool last = names[i + 1] == NULL;
        if (!last && !backend_known(names[i]))
            continue;
        e->info.device = names[i];
        status = backend_open(names[i], options, &e->backend, err);
        /* A machine without a GPU is normal. A GPU that fails must be reported: otherwise the run
         * would be slow for days without an explanation. */
        if (status != OK && status != E_ABSENT && !last)
            log_warn("device auto: %s; going on with %s", err->text, names[i + 1]);
    }
    return status;
}

enum status engine_open_backend(struct engine *e, struct error *err)
{
    const struct engine_options *o = &e->options;
    int threads = o->threads > 0 ? o->threads : omp_get_num_procs();
    const struct backend_options options = { .precision = o->precision,
                                             .threads = threads,
                                             .device = o->place,
                                             .share_devices = true,
                                             .simd = "",
                                             .no_graphs = o->no_graphs };
    omp_set_num_threads(threads);
    TRY(open_backend(e, &options, err));
    if (o->profiled)
        TRY(profile_begin(e->backend, err));
    struct engine_info *info = &e->info;
    info->threads = threads;
    info->kernels = e->backend->other_kernels;
    /* Kernels round differently, as devices do. */
    if (e->backend->kernels[0] != '\0')
        info->identity[info->identity_count++] = (struct engine_identity){
            .name = "kernels", .text = e->backend->kernels, .noun = "EVALH_KERNELS", .decides = true
        };
    info->precision = e->backend->precision;
    info->on_host = e->backend->lane_images > 0;
    engine_choose_memory(e);
    info->busy = info->on_host ? e->backend->lanes : info->batch;
    return OK;
}

void engine_settle(struct engine *e, const struct explain_options *options)
{
    if (e->kind->maps.settle != NULL)
        e->kind->maps.settle(e, options);
}

void engine_take_beside(struct engine *e, const struct engine_beside *beside)
{
    e->beside = *beside;
}

enum status engine_start(struct engine *e, struct error *err)
{
    enum status status = e->kind->life.start(e, err);
    if (status == E_NOMEM)
        status = engine_halve(e, err);
    e->started = status == OK;
    return status;
}

static enum status lay_out_maps(struct engine *e, const struct engine_method *const *methods,
                                int count, struct error *err)
{
    size_t at = 0, side;
    FREE_ALL(e->prepared, e->map_offset);
    e->prepared_count = 0;
    e->prepared = calloc((size_t)count + 1, sizeof *e->prepared);
    e->map_offset = calloc((size_t)count + 1, sizeof *e->map_offset);
    if (e->prepared == NULL || e->map_offset == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int i = 0; i < count; i++) {
        side = (size_t)methods[i]->side;
        e->prepared[i] = methods[i];
        e->map_offset[i] = at;
        at += CLASS_CHOICES * side * side;
    }
    e->map_offset[count] = at;
    e->prepared_count = count;
    return OK;
}

enum status engine_prepare(struct engine *e, const struct engine_method *const *methods, int count,
                           const bool classes[CLASS_CHOICES], const struct explain_options *options,
                           struct error *err)
{
    engine_settle(e, options);
    TRY(lay_out_maps(e, methods, count, err));
    memcpy(e->classes, classes, sizeof e->classes);
    e->explain_options = *options;
    if (e->kind->no_switches != NULL)
        TRY(engine_refuse_switches(options, e->kind->no_switches, err));
    enum status status = e->kind->maps.prepare != NULL ? e->kind->maps.prepare(e, err) : OK;
    if (status != E_NOMEM)
        return status;
    TRY(engine_halve(e, err));
    return OK;
}

enum status engine_references(struct engine *e, uint8_t *rgb, int count, struct error *err)
{
    free(e->references);
    e->references = rgb;
    e->reference_count = count;
    return e->kind->maps.refer != NULL ? e->kind->maps.refer(e, err) : OK;
}

enum status engine_plan(const struct engine *e, int method, struct explain_passes *out,
                        struct error *err)
{
    if (e->kind->maps.plan == NULL)
        return fail(err, E_ABSENT, "%s: its passes are not known", e->info.name);
    return e->kind->maps.plan(e, method, out, err);
}

const struct engine_method *engine_method(const struct engine *e, const char *name)
{
    for (int i = 0; i < e->method_count; i++)
        if (strcmp(e->methods[i].name, name) == 0)
            return &e->methods[i];
    return NULL;
}

const char *const *engine_method_names(const struct engine_options *o)
{
    return kind_for(o)->method_names();
}

const char *engine_identity(const struct engine *e, const char *name)
{
    for (int i = 0; i < e->info.identity_count; i++)
        if (strcmp(e->info.identity[i].name, name) == 0)
            return e->info.identity[i].text;
    return NULL;
}

const char *engine_fingerprint(const struct engine *e)
{
    for (int i = 0; i < e->info.identity_count; i++)
        if (e->info.identity[i].decides)
            return e->info.identity[i].text;
    return "";
}

enum status engine_halve(struct engine *e, struct error *err)
{
    if (e->halved || e->info.batch < 2 || e->backend == NULL || e->backend->memory == NULL)
        return E_NOMEM;
    log_warn("%s; going on with half of compute.batch, %d", err->text, e->info.batch / 2);
    e->halved = true;
    e->info.batch /= 2;
    snprintf(e->info.batch_why, sizeof e->info.batch_why, "memory ran out with twice as many");
    e->backend->sync(e->backend, NULL); /* its error was reported above */
    engine_altered_rest(e->altered);
    return e->kind->life.shrink != NULL ? e->kind->life.shrink(e, e->prepared_count > 0, err) : OK;
}

/* ---- running --------------------------------------------------------------------------------- */

enum status engine_classify(struct engine *e, const struct view *views, size_t n, float *logits,
                            struct error *err)
{
    TRY(e->kind->classify(e, views, n, logits, err));
    if (e->heard != NULL)
        e->heard(e->listener, n);
    return OK;
}

void engine_listen(struct engine *e, void (*heard)(void *listener, size_t forwards), void *listener)
{
    e->heard = heard;
    e->listener = listener;
}

enum status engine_explain(struct engine *e, const struct explain_image *images, int n,
                           const struct explain_result *result, struct error *err)
{
    if (n > e->info.batch)
        return fail(err, E_CONFIG, "%d images in one call, planned for %d", n, e->info.batch);
    return e->kind->maps.explain(e, images, n, result, err);
}

size_t engine_map_values(const struct engine *e)
{
    return e->map_offset[e->prepared_count];
}

size_t engine_map_at(const struct engine *e, int image, int method, enum class_choice choice)
{
    size_t side = (size_t)e->prepared[method]->side;
    return (size_t)image * engine_map_values(e) + e->map_offset[method] +
           (size_t)choice * side * side;
}

float *engine_sum_error(const struct engine *e, const struct explain_result *r, int image,
                        int method, enum class_choice choice)
{
    size_t at = (size_t)image * (size_t)e->prepared_count + (size_t)method;
    return r->sum_error + at * CLASS_CHOICES + (size_t)choice;
}

void engine_heat(struct engine *e, const float *maps, int n, int side, float *heat)
{
    const struct heat_args args = {
        .n = n, .grid = side, .side = e->info.image_size, .maps = maps, .heat = heat
    };
    e->backend->op.heat(e->backend, &args);
}

void engine_rank(struct engine *e, const struct rank_args *args)
{
    e->backend->op.rank(e->backend, args);
}

void engine_impute(struct engine *e, const struct impute_args *args)
{
    e->backend->op.impute(e->backend, args);
}

/* ---- engine memory --------------------------------------------------------------------------- */

void *engine_alloc(struct engine *e, size_t count, size_t size)
{
    size_t bytes;
    return size_mul(count, size, &bytes) ? e->backend->alloc(e->backend, bytes) : NULL;
}

void engine_free(struct engine *e, void *p)
{
    if (p != NULL)
        e->backend->free(e->backend, p);
}

void engine_upload(struct engine *e, void *to, const void *host, size_t bytes)
{
    e->backend->upload(e->backend, to, host, bytes);
}

void engine_download(struct engine *e, void *host, const void *from, size_t bytes)
{
    e->backend->download(e->backend, host, from, bytes);
}

enum status engine_sync(struct engine *e, struct error *err)
{
    return e->backend->sync(e->backend, err);
}
