#include "inspect.h"

#include <stdlib.h>

#include "sweep.h"

struct inspector {
    const struct model *model;
    const struct arch_attention *attention;
    struct backend *be;
    void *weights;
    struct input_format format;
    struct sweep *sweep; /* no methods: only records */
    uint8_t *rgb;        /* device memory */
};

/* A method that is not public: it makes the sweep compute whole matrices, or gradient and
 * relevance. */
static void on_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    (void)view;
    (void)r;
    (void)tracks;
}

static const struct method matrices = { .info = { .name = "matrices" },
                                        .on = METHOD_ON({ "", { .layer = on_layer } }) };
static const struct method relevance = { .info = { .name = "relevance" },
                                         .gradient = GRADIENT_PLAIN,
                                         .on = METHOD_ON(
                                             { "", { .layer = on_layer, .relevance = true } }) };

static const struct arch_attention *attention_of(const struct model *m)
{
    return m->type->explain != NULL ? m->type->explain->attention : NULL;
}

const struct attention_kind *inspect_kind(const struct model *m)
{
    const struct arch_attention *a = attention_of(m);
    return a != NULL ? &a->kind : NULL;
}

int inspect_count(const struct model *m)
{
    const struct arch_attention *a = attention_of(m);
    return a != NULL ? a->count(&m->geo) : 0;
}

int inspect_inner_count(const struct model *m)
{
    const struct arch_attention *a = attention_of(m);
    return a != NULL && a->inner != NULL ? a->inner(&m->geo) : 0;
}

enum status inspect_open(const struct model *model, const char *backend,
                         const struct backend_options *bo, const struct input_format *format,
                         struct inspector **out, struct error *err)
{
    struct inspector *in = calloc(1, sizeof *in);
    if (in == NULL)
        return fail(err, E_NOMEM, "out of memory");
    if (attention_of(model) == NULL) {
        free(in);
        return fail(err, E_CONFIG, "%s: a %s has no attention to look at", model->checkpoint->path,
                    model->type->title);
    }
    in->model = model;
    in->attention = attention_of(model);
    in->format = *format;
    size_t side = (size_t)model->geo.image_size;
    enum status s = backend_open(backend, bo, &in->be, err);
    if (s == OK) {
        in->weights = model->type->bind(model, in->be, WEIGHT_FORWARD);
        in->rgb = in->be->alloc(in->be, side * side * 3);
        if (in->weights == NULL || in->rgb == NULL)
            s = fail(err, E_NOMEM, "%s: no memory for %s", backend, model->checkpoint->path);
    }
    struct job job = { .method = &matrices };
    job.rules.full_matrix = true;
    job.rules.start = model->geo.depth - 1;
    const struct sweep_on on = { in->be, in->be, in->weights, in->weights, NULL };
    if (s == OK)
        s = sweep_open(model, &on, &in->format, &job, 1, 1, LAYERS_AUTO, &in->sweep, err);
    return OPENED(s, in, inspect_close, out);
}

void inspect_close(struct inspector *in)
{
    if (in == NULL)
        return;
    sweep_close(in->sweep);
    if (in->be != NULL) {
        in->model->type->unbind(in->weights, in->be);
        if (in->rgb != NULL)
            in->be->free(in->be, in->rgb);
    }
    backend_close(in->be);
    free(in);
}

static enum status check_layer(const struct inspector *in, int layer, struct error *err)
{
    if (layer < 0 || layer >= in->model->geo.depth)
        return fail(err, E_CONFIG, "layer %d: the model has layers 0 to %d", layer,
                    in->model->geo.depth - 1);
    return OK;
}

static struct view upload(struct inspector *in, const uint8_t *rgb)
{
    size_t side = (size_t)in->model->geo.image_size;
    in->be->upload(in->be, in->rgb, rgb, side * side * 3);
    return (struct view){ .rgb = in->rgb };
}

enum status inspect_layer(struct inspector *in, const uint8_t *rgb, int layer, struct error *err)
{
    TRY(check_layer(in, layer, err));
    const struct view view = upload(in, rgb);
    sweep_record(in->sweep, &view, 1, layer);
    return in->be->sync(in->be, err);
}

enum status inspect_relevance(struct inspector *in, const uint8_t *rgb, int layer, int k,
                              float *out, struct error *err)
{
    const struct geometry *g = &in->model->geo;
    TRY(check_layer(in, layer, err));
    if (in->attention->relevance == NULL)
        return fail(err, E_CONFIG, "a %s has no relevance of attention maps",
                    in->model->type->title);
    if (k < 0 || k >= g->classes)
        return fail(err, E_CONFIG, "class %d: should be 0 to %d", k, g->classes - 1);
    void *weights =
        in->model->type->bind(in->model, in->be, WEIGHT_FORWARD | WEIGHT_BACK | WEIGHT_LRP);
    if (weights == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %s", in->be->name,
                    in->model->checkpoint->path);
    struct job job = { .method = &relevance };
    job.rules.start = layer;
    job.rules.gradient = GRADIENT_PLAIN;
    struct sweep *s = NULL;
    const struct sweep_on on = { in->be, in->be, weights, weights, NULL };
    enum status st = sweep_open(in->model, &on, &in->format, &job, 1, 1, LAYERS_AUTO, &s, err);
    if (st == OK) {
        int32_t predicted = k, target = k;
        const struct view view = upload(in, rgb);
        sweep_run(s, &view, 1, &predicted, &target);
        be_read_floats(in->be, out, in->attention->relevance(s),
                       (size_t)in->attention->count(g) * (size_t)g->tokens * (size_t)g->tokens);
        st = in->be->sync(in->be, err);
    }
    sweep_close(s);
    in->model->type->unbind(weights, in->be);
    return st;
}

enum status inspect_cls_row(struct inspector *in, int direction, float *out, struct error *err)
{
    const struct geometry *g = &in->model->geo;
    if (in->attention->cls_row == NULL)
        return fail(err, E_CONFIG, "a %s has whole attention maps, and no CLS rows apart from them",
                    in->model->type->title);
    size_t count = (size_t)in->attention->count(g), len = (size_t)g->tokens;
    float *values = malloc(count * len * sizeof *values);
    if (values == NULL)
        return fail(err, E_NOMEM, "out of memory");
    be_read_floats(in->be, values, in->attention->cls_row(in->sweep, direction), count * len);
    for (size_t e = 0; e < count; e++)
        for (size_t t = 0; t < len; t++)
            out[e * len + t] = values[t * count + e];
    free(values);
    return in->be->sync(in->be, err);
}

enum status inspect_matrix(struct inspector *in, int which, float *out, struct error *err)
{
    size_t cells = (size_t)in->model->geo.tokens * (size_t)in->model->geo.tokens;
    int count = in->attention->count(&in->model->geo);
    if (which >= count)
        return fail(err, E_CONFIG, "attention matrix %d: a layer has 0 to %d (-1: their mean)",
                    which, count - 1);
    be_read_floats(in->be, out, in->attention->matrix(in->sweep, which), cells);
    return in->be->sync(in->be, err);
}

enum status inspect_influence(struct inspector *in, double *absolute, double *mean,
                              struct error *err)
{
    return in->attention->influence(in->sweep, absolute, mean, err);
}
