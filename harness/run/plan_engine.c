/* The part of a plan that computes: model, engine, explanations. */
#include "plan_internal.h"

#include <string.h>

#include "log.h"

enum status plan_open_model(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    struct checkpoint *checkpoint;
    if (v->model.checkpoint == NULL)
        return config_fail(p->config, &v->model.checkpoint, err,
                           "not set; a .pth or .safetensors file is wanted");
    const struct checkpoint_options which = { .weights = (enum checkpoint_weights)v->model.weights,
                                              .prefix = v->model.prefix };
    enum status status = checkpoint_open_as(v->model.checkpoint, &which, &checkpoint, err);
    struct model_options options = { .arch = v->model.arch,
                                     .prefix = v->model.prefix,
                                     .image_size = (int)v->model.image_size,
                                     .heads = (int)v->model.heads };
    if (status == OK)
        status = model_open(checkpoint, &options, &p->model, err);
    if (status != OK && strncmp(err->text, "model.", 6) == 0)
        config_blame_named(p->config, err);
    else if (status != OK)
        config_blame(p->config, &v->model.checkpoint, err);
    return status;
}

static enum status open_backend(struct plan *p, struct error *err)
{
    static const char *const candidates[][3] = {
        [DEVICE_AUTO] = { "cuda", "cpu", NULL },
        [DEVICE_CPU] = { "cpu", NULL },
        [DEVICE_CUDA] = { "cuda", NULL },
        [DEVICE_REF] = { "ref", NULL },
    };
    const char *const *names = candidates[p->v->compute.device];
    const struct backend_options options = { .precision = (enum precision)p->v->compute.precision,
                                             .threads = p->threads,
                                             .device = p->place.device,
                                             .share_devices = true,
                                             .simd = "" };
    enum status status = E_CONFIG;
    for (int i = 0; status != OK && names[i] != NULL; i++) {
        bool last = names[i + 1] == NULL;
        if (!last && !backend_known(names[i]))
            continue;
        p->device = names[i];
        status = backend_open(names[i], &options, &p->backend, err);
        /* no GPU is no surprise; one that fails is, as the run would be slow for days unexplained
         */
        if (status != OK && status != E_ABSENT && !last)
            log_warn("compute.device = auto: %s; going on with %s", err->text, names[i + 1]);
    }
    if (status != OK)
        return config_blame(p->config, &p->v->compute.device, err);
    if (options.precision != PRECISION_FP32 && p->backend->precision != options.precision) {
        struct error why;
        config_fail(p->config, &p->v->compute.precision, &why,
                    "the engine '%s' has no such matrix products on this machine (on a CPU bf16 "
                    "needs avx512_bf16, and tf32 a GPU); computing in fp32",
                    p->device);
        log_warn("%s", why.text);
    }
    return OK;
}

static struct explain_options explain_section(const struct config_values *v)
{
    struct explain_options o = v->explain.options;
    o.protocol = protocol_names[v->run.protocol];
    o.seed = (uint64_t)v->run.seed;
    return o;
}

static enum status open_net(struct plan *p, struct error *err)
{
    return net_open(p->model, p->backend, &p->format, p->batch, &p->net, err);
}

static enum status open_sweeps(struct plan *p, struct error *err)
{
    const struct explain_options options = explain_section(p->v);
    const struct backend_options bo = {
        .threads = p->threads, .device = p->place.device, .share_devices = true, .simd = ""
    };
    enum status status = explainer_open(p->model, p->device, &bo, &p->format, &options, p->methods,
                                        p->method_count, p->classes, p->batch, &p->explainer, err);
    if (status != OK)
        config_blame_named(p->config, err);
    return status;
}

enum status plan_halve(struct plan *p, struct error *err)
{
    bool explains = p->explainer != NULL;
    if (p->halved || p->batch < 2 || p->backend == NULL || p->backend->memory == NULL)
        return E_NOMEM;
    log_warn("%s; going on with half of compute.batch, %d", err->text, p->batch / 2);
    explainer_close(p->explainer);
    net_close(p->net);
    p->explainer = NULL;
    p->net = NULL;
    p->halved = true;
    p->batch /= 2;
    p->backend->sync(p->backend, NULL); /* what failed is told */
    TRY(open_net(p, err));
    return explains ? open_sweeps(p, err) : OK;
}

/* A step's outcome, or that of the step with half of the batch where memory ran out. */
static enum status or_halved(struct plan *p, enum status status, struct error *err)
{
    return status == E_NOMEM ? plan_halve(p, err) : status;
}

enum status plan_open_engine(struct plan *p, struct error *err)
{
    static const float black[3] = { 0 };
    p->format = input_imagenet;
    memcpy(p->format.fill_rgb, p->v->task.fill == FILL_MEAN ? p->format.mean : black, sizeof black);
    TRY(open_backend(p, err));
    /* On a CPU a lane takes one image: enough of them to keep all lanes busy. On a GPU the batch is
     * what one call works on. */
    int lanes = p->backend->lanes;
    bool host = p->backend->lane_images > 0;
    p->batch = (int)p->v->compute.batch;
    if (p->batch == 0)
        p->batch = host ? (lanes > 4 ? 2 * lanes : 8) : 64;
    return or_halved(p, open_net(p, err), err);
}

size_t plan_shard_size(const struct plan *p, int ranks)
{
    enum { HOST = 32, BATCHES = 4, EACH = 16 /* shards of a rank, at least */ };
    if (p->v->run.shard_size > 0)
        return (size_t)p->v->run.shard_size;
    if (p->backend == NULL || p->backend->lane_images > 0)
        return HOST;
    size_t size = BATCHES * (size_t)p->batch, fair = p->images / (EACH * (size_t)ranks);
    if (ranks > 1 && size > fair)
        size = fair > (size_t)p->batch ? fair : (size_t)p->batch;
    return size;
}

enum status plan_open_explainer(struct plan *p, struct error *err)
{
    enum status status = open_sweeps(p, err);
    if (status != E_NOMEM)
        return status;
    TRY(plan_halve(p, err));
    return open_sweeps(p, err);
}
