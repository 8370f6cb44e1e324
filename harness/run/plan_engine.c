/* The computing part of a plan: model, device, explanations. */
#include "plan_internal.h"

#include <string.h>

#include "log.h"
#include "runner.h"
#include "stop.h"
#include "task.h"

static struct engine_options engine_section(const struct plan *p)
{
    static const char *const devices[] = {
        [DEVICE_AUTO] = "auto", [DEVICE_CPU] = "cpu", [DEVICE_CUDA] = "cuda", [DEVICE_REF] = "ref"
    };
    static const char *const activations[] = { NULL, "gelu", "tanh", "quick", "silu" };
    static const char *const pools[] = { NULL, "cls", "mean", "all" };
    static const char *const places[] = { NULL, "middle", "first", "last" };
    const struct config_values *v = p->v;
    return (struct engine_options){ .checkpoint = v->model.checkpoint,
                                    .which = { .weights = (enum checkpoint_weights)v->model.weights,
                                               .prefix = v->model.prefix },
                                    .model = { .arch = v->model.arch,
                                               .prefix = v->model.prefix,
                                               .image_size = (int)v->model.image_size,
                                               .heads = (int)v->model.heads,
                                               .eps = v->model.eps,
                                               .cls = places[v->model.cls],
                                               .undivided = v->model.divide == 0,
                                               .pool = pools[v->model.pool],
                                               .activation = activations[v->model.activation],
                                               .plain_blocks = v->model.blocks == 1 },
                                    .command = v->model.command,
                                    .timeout = (double)v->model.timeout,
                                    .stopped = stop_requested,
                                    .device = devices[v->compute.device],
                                    .precision = (enum precision)v->compute.precision,
                                    .threads = p->threads,
                                    .place = p->place.device,
                                    .batch = (int)v->compute.batch,
                                    .memory = (size_t)(v->compute.memory * 1048576.0),
                                    .mean_fill = v->task.fill == FILL_MEAN };
}

const char *const *plan_method_names(const struct plan *p)
{
    const struct engine_options options = engine_section(p);
    return engine_method_names(&options);
}

/* Mean and standard deviation of the input; a worker brings its own. */
static enum status read_colours(const struct plan *p, bool worker, struct engine_options *o,
                                struct error *err)
{
    const char *const *fields[] = { &p->v->data.mean, &p->v->data.std };
    for (int i = 0; worker && i < 2; i++)
        if (config_is_set(p->config, fields[i]))
            return config_fail(p->config, fields[i], err,
                               "means nothing with model.arch = worker, which says it itself");
    TRY(config_colour(p->config, fields[0], o->mean, err));
    return config_colour(p->config, fields[1], o->std, err);
}

/* Known weights were trained with a certain mean and standard deviation. */
static void tell_colours(const struct plan *p)
{
    const struct published_entry *known = &p->engine->info.weights.published;
    struct error why;
    if (p->engine->info.weights.how == WEIGHTS_UNKNOWN || known->norm[0] == '\0' ||
        (strcmp(known->norm, p->v->data.mean) == 0 && strcmp(known->norm, p->v->data.std) == 0))
        return;
    config_fail(p->config, &p->v->data.mean, &why,
                "%s was trained with mean and std '%s'; should be data.mean = %s and data.std = %s",
                known->name, known->norm, known->norm, known->norm);
    log_warn("%s", why.text);
}

/* Without a model: whether everything can be had without one. */
static enum status check_without_model(const struct plan *p, struct error *err)
{
    const char *what = NULL;
    for (int i = 0; i < p->task_count; i++)
        if (!(p->tasks[i]->traits & TASK_ALONE))
            what = p->tasks[i]->name;
    for (int i = 0; i < p->method_count; i++) {
        const struct explain_method *own = explain_find(p->wanted[i]);
        if (plan_find_map(p, p->wanted[i]) < 0 && (own == NULL || !explain_needs_no_model(own)))
            what = p->wanted[i];
    }
    if (what == NULL)
        return OK;
    return config_fail(p->config, &p->v->model.checkpoint, err,
                       "not set; a .pth or .safetensors file is wanted, since '%s' needs a model "
                       "(segmentation and localisation of maps from files and of controls do not)",
                       what);
}

enum status plan_open_model(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    struct engine_options options = engine_section(p);
    bool worker = v->model.arch != NULL && strcmp(v->model.arch, "worker") == 0;
    const char *const *key = worker ? &v->model.command : &v->model.checkpoint;
    if (v->model.command != NULL && !worker)
        return config_fail(p->config, &v->model.command, err,
                           "set, but model.arch is not worker; one of the two should change");
    if (v->model.checkpoint == NULL && v->model.arch != NULL && !worker)
        return config_fail(p->config, &v->model.checkpoint, err,
                           "not set; a .pth or .safetensors file is wanted");
    if (v->model.checkpoint == NULL && !worker)
        TRY(check_without_model(p, err));
    TRY(read_colours(p, worker, &options, err));
    enum status status = engine_open(&options, &p->engine, err);
    if (status != OK && status != E_STOPPED)
        config_blame(p->config, key, err);
    if (status == OK)
        tell_colours(p);
    return status;
}

/* Reports that the machine cannot do what compute.precision asks for. */
static void tell_precision(const struct plan *p)
{
    enum precision wanted = (enum precision)p->v->compute.precision;
    struct error why;
    if (wanted == PRECISION_FP32 || p->engine->info.precision == wanted)
        return;
    config_fail(p->config, &p->v->compute.precision, &why,
                "the engine '%s' has no such matrix products on this machine (on a CPU bf16 needs "
                "avx512_bf16, and tf32 a GPU); computing in fp32",
                p->engine->info.device);
    log_warn("%s", why.text);
}

static struct explain_options explain_section(const struct config_values *v)
{
    struct explain_options o = v->explain.options;
    o.protocol = protocol_names[v->run.protocol];
    o.seed = (uint64_t)v->run.seed;
    return o;
}

static size_t beside_bytes(const void *plan, int batch)
{
    return runner_device_bytes(plan, (size_t)batch);
}

/* Tells the engine what the run takes of the device beside it. */
static void tell_beside(const struct plan *p)
{
    enum { SHARDS = 4 }; /* of a rank among several at least, so that they finish together */
    size_t sharers = (size_t)p->place.sharers;
    struct engine_beside beside = { .context = p,
                                    .images = p->images / (sharers > 1 ? SHARDS * sharers : 1) };
    for (int i = 0; i < p->method_count; i++)
        if (p->methods[i] == NULL)
            return; /* the methods are wrong, which is told elsewhere */
    beside.bytes = beside_bytes;
    beside.altered = task_any(p, TASK_ALTERS);
    engine_take_beside(p->engine, &beside);
}

enum status plan_open_engine(struct plan *p, struct error *err)
{
    const struct explain_options options = explain_section(p->v);
    engine_settle(p->engine, &options);
    tell_beside(p);
    enum status status = engine_start(p->engine, err);
    /* the error of missing memory already says what would fit */
    if (status != OK && status != E_NOMEM)
        config_blame(p->config, &p->v->compute.device, err);
    if (status == OK)
        tell_precision(p);
    return status;
}

/* Into p->explained_in, by the options that the engine was prepared with. */
static void list_precisions(struct plan *p)
{
    size_t used = 0, size = sizeof p->explained_in;
    for (int i = 0; i < p->method_count; i++) {
        const struct engine_method *m = p->methods[i];
        if (m->runs_in > EXPLAIN_FP32 && used < size)
            used += (size_t)snprintf(p->explained_in + used, size - used, "%s%s %s",
                                     used > 0 ? ", " : "", m->name,
                                     explain_precision_names[m->runs_in]);
    }
}

enum status plan_open_explainer(struct plan *p, struct error *err)
{
    const struct explain_options options = explain_section(p->v);
    const struct engine_method *methods[PLAN_METHODS];
    int count = 0;
    for (int i = 0; i < p->method_count; i++) {
        p->engine_index[i] = p->files[i] != NULL ? -1 : count;
        if (p->files[i] == NULL)
            methods[count++] = p->methods[i];
    }
    enum status status = engine_prepare(p->engine, methods, count, p->classes, &options, err);
    list_precisions(p);
    if (status == OK)
        status = plan_take_references(p, err);
    if (status != OK)
        config_blame(p->config, NULL, err);
    return status;
}

size_t plan_shard_size(const struct plan *p, int ranks)
{
    enum { HOST = 32, BATCHES = 4, EACH = 16 /* the least number of shards for a rank */ };
    if (p->v->run.shard_size > 0)
        return (size_t)p->v->run.shard_size;
    if (p->engine == NULL || p->engine->info.on_host || p->engine->info.batch == 0)
        return HOST;
    size_t batch = (size_t)p->engine->info.batch;
    size_t size = BATCHES * batch, fair = p->images / (EACH * (size_t)ranks);
    if (ranks > 1 && size > fair)
        size = fair > batch ? fair : batch;
    return size;
}
