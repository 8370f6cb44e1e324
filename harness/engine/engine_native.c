/* The native engine: a model of this program on one of its backends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_kinds.h"
#include "inspect.h"

struct native {
    struct model *model;
    struct net *net;             /* classifies */
    struct explainer *explainer; /* NULL before engine_prepare */
};

static bool serves(const struct engine_options *o)
{
    (void)o;
    return true;
}

static const char *const *method_names(void)
{
    enum { MOST = 64 };
    static const char *names[MOST + 1];
    for (int i = 0; i < MOST && explain_methods[i] != NULL; i++)
        names[i] = explain_methods[i]->name;
    return names;
}

/* ---- the model ------------------------------------------------------------------------------- */

static enum status open_model(const struct engine_options *o, struct model **out, struct error *err)
{
    struct checkpoint *checkpoint;
    if (o->checkpoint == NULL)
        return model_synthesise(o->model.arch, 1, out, err);
    TRY(checkpoint_open_as(o->checkpoint, &o->which, &checkpoint, err));
    return model_open(checkpoint, &o->model, out, err);
}

static void describe(struct engine_info *info, const struct model *m,
                     const struct engine_options *o)
{
    const struct geometry *g = &m->geo;
    const struct checkpoint *c = m->checkpoint;
    char own[200], tokens[200];
    const char *slash = strrchr(c->path, '/');
    model_describe(m, false, own, sizeof own);
    engine_know_weights(info, m);
    info->arch = m->arch;
    info->notes = &m->notes;
    info->image_size = g->image_size;
    info->classes = g->classes;
    info->grid = g->grid;
    info->others = g->others;
    info->format = input_imagenet;
    if (o->std[0] > 0) {
        memcpy(info->format.mean, o->mean, sizeof o->mean);
        memcpy(info->format.std, o->std, sizeof o->std);
    }
    snprintf(info->about, sizeof info->about,
             "%d x %d pixels, %d layers, width %d, %s, %s%s%d classes; %.2f "
             "million parameters",
             g->image_size, g->image_size, g->depth, g->width,
             model_tokens(m, tokens, sizeof tokens), own, *own != '\0' ? ", " : "", g->classes,
             (double)m->parameters / 1e6);
    snprintf(info->source, sizeof info->source, "checkpoint %s (%s), sha256 %.16s...", c->path,
             c->format, c->sha256);
    info->identity[info->identity_count++] = (struct engine_identity){
        .name = "checkpoint", .text = slash != NULL ? slash + 1 : c->path, .noun = "checkpoint"
    };
    info->identity[info->identity_count++] = (struct engine_identity){
        .name = "checkpoint_sha256", .text = c->sha256, .noun = "checkpoint", .decides = true
    };
}

static enum status list_methods(struct engine *e, const struct model *m, struct error *err)
{
    size_t count = 0;
    while (explain_methods[count] != NULL)
        count++;
    e->methods = calloc(count + 1, sizeof *e->methods);
    if (e->methods == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct explain_method *x = explain_methods[i];
        const struct engine_method method = { .name = x->name,
                                              .summary = x->summary,
                                              .class_agnostic = x->class_agnostic,
                                              .control = x->control,
                                              .runs_in = explain_runs_in(x, m, &explain_defaults),
                                              .adds_up = x->adds_up,
                                              .sampled = explain_takes_samples(x),
                                              .references = explain_needs_references(x),
                                              .side = m->geo.grid };
        if (explain_supports(x, m))
            e->methods[e->method_count++] = method;
    }
    return OK;
}

static enum status open_native(struct engine *e, struct error *err)
{
    struct native *x = calloc(1, sizeof *x);
    if (x == NULL)
        return fail(err, E_NOMEM, "out of memory");
    e->state = x;
    TRY(open_model(&e->options, &x->model, err));
    describe(&e->info, x->model, &e->options);
    return list_methods(e, x->model, err);
}

static void close_native(struct engine *e)
{
    struct native *x = e->state;
    if (x == NULL)
        return;
    explainer_close(x->explainer);
    net_close(x->net);
    model_close(x->model);
    free(x);
}

const struct model *engine_model(const struct engine *e)
{
    return e->kind == &engine_native ? ((const struct native *)e->state)->model : NULL;
}

/* ---- what works on a batch ------------------------------------------------------------------- */

static enum status open_net(struct engine *e, struct error *err)
{
    static const float black[3] = { 0 };
    struct native *x = e->state;
    struct engine_info *info = &e->info;
    memcpy(info->format.fill_rgb, e->options.mean_fill ? info->format.mean : black, sizeof black);
    TRY(net_open(x->model, e->backend, &info->format, info->batch, &x->net, err));
    info->weight_bytes = net_weight_bytes(x->net);
    info->workspace_bytes = net_workspace_bytes(x->net);
    return OK;
}

struct backend_options engine_own_backend(const struct engine *e)
{
    return (struct backend_options){ .threads = e->info.threads,
                                     .device = e->options.place,
                                     .share_devices = true,
                                     .simd = "",
                                     .no_graphs = e->options.no_graphs };
}

enum status engine_inspect(const struct engine *e, struct inspector **out, struct error *err)
{
    const struct backend_options options = engine_own_backend(e);
    const struct model *m = engine_model(e);
    *out = NULL;
    if (m == NULL)
        return fail(err, E_CONFIG, "%s: attention is shown of a checkpoint's model alone",
                    e->info.name);
    return inspect_open(m, e->info.device, &options, &e->info.format, out, err);
}

enum status engine_native_refer(const struct engine *e, struct explainer *explainer,
                                struct error *err)
{
    size_t side = (size_t)e->info.image_size, count = (size_t)e->reference_count;
    const uint8_t **rgb = calloc(count + 1, sizeof *rgb);
    if (rgb == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        rgb[i] = e->references + i * 3 * side * side;
    enum status status = explainer_references(explainer, rgb, (int)count, err);
    free(rgb);
    return status;
}

static enum status refer(struct engine *e, struct error *err)
{
    return engine_native_refer(e, ((const struct native *)e->state)->explainer, err);
}

static enum status plan_passes(const struct engine *e, int method, struct explain_passes *out,
                               struct error *err)
{
    return explainer_plan(((const struct native *)e->state)->explainer, method, out, err);
}

const struct explain_method **engine_native_methods(const struct engine *e)
{
    const struct explain_method **methods = calloc((size_t)e->prepared_count + 1, sizeof *methods);
    for (int i = 0; methods != NULL && i < e->prepared_count; i++)
        methods[i] = explain_find(e->prepared[i]->name);
    return methods;
}

static enum status open_explainer(struct engine *e, struct error *err)
{
    struct native *x = e->state;
    const struct backend_options options = engine_own_backend(e);
    const struct explain_method **methods = engine_native_methods(e);
    if (methods == NULL)
        return fail(err, E_NOMEM, "out of memory");
    struct explain_room own = { 0 }, *room = engine_room(e, &own);
    enum status status = explainer_open_beside(
        x->net, x->model, e->info.device, &options, &e->info.format, &e->explain_options, methods,
        e->prepared_count, e->classes, e->info.batch, room, &x->explainer, err);
    free(methods);
    if (status == OK) {
        e->info.explain_bytes = explainer_bytes(x->explainer);
        e->info.at_once = explainer_images(x->explainer);
    }
    if (status == E_NOMEM && room != NULL && room->needed > 0)
        status = engine_refuse_memory(e, room, err);
    return status == OK && e->references != NULL ? refer(e, err) : status;
}

static size_t activations(const struct engine *e, int batch)
{
    return net_plan_bytes(engine_model(e), e->backend, batch);
}

static enum status start(struct engine *e, struct error *err)
{
    TRY(engine_open_backend(e, err));
    engine_choose_batch(e, activations);
    return open_net(e, err);
}

static void settle(struct engine *e, const struct explain_options *options)
{
    const struct native *x = e->state;
    for (int i = 0; i < e->method_count; i++) {
        const struct explain_method *m = explain_find(e->methods[i].name);
        e->methods[i].side = explain_map_side(m, x->model, options);
        e->methods[i].runs_in = explain_runs_in(m, x->model, options);
    }
}

static enum status shrink(struct engine *e, bool prepared, struct error *err)
{
    struct native *x = e->state;
    explainer_close(x->explainer);
    x->explainer = NULL;
    net_close(x->net);
    x->net = NULL;
    TRY(open_net(e, err));
    return prepared ? open_explainer(e, err) : OK;
}

static enum status prepare(struct engine *e, struct error *err)
{
    struct native *x = e->state;
    explainer_close(x->explainer);
    x->explainer = NULL;
    enum status status = open_explainer(e, err);
    while (status != OK && engine_halve_choice(e))
        status = shrink(e, true, err);
    return status;
}

static enum status classify(struct engine *e, const struct view *views, size_t n, float *logits,
                            struct error *err)
{
    return net_forward(((struct native *)e->state)->net, views, n, logits, err);
}

static enum status explain(struct engine *e, const struct explain_image *images, int n,
                           const struct explain_result *result, struct error *err)
{
    /* The explainer's backends have separate queues, and read what was uploaded here. */
    be_wait(e->backend);
    return explainer_run(((struct native *)e->state)->explainer, images, n, result, err);
}

float engine_dropped(const struct engine *e, int image, int method, enum class_choice choice)
{
    bool native = e->kind == &engine_native && e->info.others > 0;
    return native ? explainer_dropped(((struct native *)e->state)->explainer, image, method, choice)
                  : NAN;
}

const struct engine_kind engine_native = {
    .name = "native",
    .serves = serves,
    .method_names = method_names,
    .life = { open_native, start, shrink, close_native },
    .classify = classify,
    .maps = { settle, prepare, refer, plan_passes, explain },
};
