#include "inspect.h"

#include <stdlib.h>

#include "sweep.h"

struct inspector {
    const struct model *model;
    struct backend *be;
    void *weights;
    struct input_format format;
    struct sweep *sweep; /* no methods: only records */
    uint8_t *rgb;        /* device memory */
    float *values;       /* host scratch, [L, E] or [H, L, L] */
};

static size_t value_count(const struct geometry *g)
{
    size_t len = (size_t)g->tokens;
    return len * (g->heads > 0 ? (size_t)g->heads * len : (size_t)g->inner);
}

enum status inspect_open(const struct model *model, const char *backend,
                         const struct backend_options *bo, const struct input_format *format,
                         struct inspector **out, struct error *err)
{
    struct inspector *in = calloc(1, sizeof *in);
    if (in == NULL)
        return fail(err, E_NOMEM, "out of memory");
    in->model = model;
    in->format = *format;
    size_t side = (size_t)model->geo.image_size;
    enum status s = backend_open(backend, bo, &in->be, err);
    if (s == OK) {
        in->weights = model->type->bind(model, in->be, WEIGHT_FORWARD);
        in->rgb = in->be->alloc(in->be, side * side * 3);
        in->values = malloc(value_count(&model->geo) * sizeof *in->values);
        if (in->weights == NULL || in->rgb == NULL || in->values == NULL)
            s = fail(err, E_NOMEM, "%s: no memory for %s", backend, model->checkpoint->path);
    }
    /* The matrix needs its array planned, which a job of rollout over whole matrices asks for. */
    struct job job = { .method = &method_rollout };
    job.rules.full_matrix = true;
    job.rules.start = model->geo.depth - 1;
    if (s == OK)
        s = sweep_open(model, in->be, in->weights, &in->format, &job, 1, 1, &in->sweep, err);
    if (s != OK) {
        inspect_close(in);
        return s;
    }
    *out = in;
    return OK;
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
    free(in->values);
    free(in);
}

int inspect_matrix_count(const struct inspector *in)
{
    const struct geometry *g = &in->model->geo;
    return g->heads > 0 ? g->heads : g->inner;
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

enum status inspect_relevance(struct inspector *in, const uint8_t *rgb, int layer, int k, float *out,
                              struct error *err)
{
    const struct geometry *g = &in->model->geo;
    TRY(check_layer(in, layer, err));
    if (g->heads == 0)
        return fail(err, E_CONFIG, "relevance of attention maps is defined for a ViT only");
    if (k < 0 || k >= g->classes)
        return fail(err, E_CONFIG, "class %d: should be 0 to %d", k, g->classes - 1);
    void *weights = in->model->type->bind(in->model, in->be, WEIGHT_FORWARD | WEIGHT_BACK | WEIGHT_LRP);
    if (weights == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %s", in->be->name, in->model->checkpoint->path);
    struct job job = { .method = &method_attribution };
    job.rules.start = layer;
    struct sweep *s = NULL;
    enum status st = sweep_open(in->model, in->be, weights, &in->format, &job, 1, 1, &s, err);
    if (st == OK) {
        int32_t predicted = k, target = k;
        const struct view view = upload(in, rgb);
        sweep_run(s, &view, 1, &predicted, &target);
        be_read_floats(in->be, out, vit_relevance(s), value_count(g));
        st = in->be->sync(in->be, err);
    }
    sweep_close(s);
    in->model->type->unbind(weights, in->be);
    return st;
}

enum status inspect_cls_row(struct inspector *in, int direction, float *out, struct error *err)
{
    const struct geometry *g = &in->model->geo;
    if (g->heads > 0)
        return fail(err, E_CONFIG, "CLS rows of channels are a Vim's; a ViT has attention maps");
    be_read_floats(in->be, in->values, vim_cls_row(in->sweep, direction), value_count(g));
    for (int e = 0; e < g->inner; e++)
        for (int t = 0; t < g->tokens; t++)
            out[(size_t)e * (size_t)g->tokens + (size_t)t] =
                in->values[(size_t)t * (size_t)g->inner + (size_t)e];
    return in->be->sync(in->be, err);
}

enum status inspect_matrix(struct inspector *in, int which, float *out, struct error *err)
{
    size_t cells = (size_t)in->model->geo.tokens * (size_t)in->model->geo.tokens;
    if (which >= inspect_matrix_count(in))
        return fail(err, E_CONFIG, "attention matrix %d: a layer has 0 to %d (-1: their mean)", which,
                    inspect_matrix_count(in) - 1);
    const real *m = in->model->geo.heads > 0 ? vit_matrix(in->sweep, which)
                                             : vim_matrix(in->sweep, which);
    be_read_floats(in->be, out, m, cells);
    return in->be->sync(in->be, err);
}
