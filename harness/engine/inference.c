#include "inference.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "auto" takes the first engine that opens. */
static enum status open_backend(struct inference *s, const char *device, struct error *err)
{
    static const char *const automatic[] = { "cuda", "cpu", NULL };
    const char *const named[] = { device, NULL };
    const char *const *names = strcmp(device, "auto") == 0 ? automatic : named;
    enum status status = E_CONFIG;
    for (int i = 0; status != OK && names[i] != NULL; i++) {
        s->device = names[i];
        status = backend_open(names[i], &s->backend_options, &s->backend, err);
    }
    return status;
}

static enum status open_model(struct inference *s, const struct inference_options *o,
                              struct error *err)
{
    struct checkpoint *checkpoint;
    const struct model_options options = { .image_size = o->image_size,
                                           .heads = o->heads,
                                           .heads_if_any = o->heads_if_any };
    TRY(checkpoint_open(o->checkpoint, &checkpoint, err));
    return model_open(checkpoint, &options, &s->model, err);
}

static enum status open_scene(struct inference *s, const struct inference_options *o,
                              struct error *err)
{
    TRY(open_model(s, o, err));
    int threads = o->threads > 0 ? o->threads : omp_get_num_procs();
    omp_set_num_threads(threads);
    s->backend_options = (struct backend_options){ .threads = threads, .simd = "" };
    TRY(open_backend(s, o->device, err));
    TRY(net_open(s->model, s->backend, &input_imagenet, 1, &s->net, err));
    const struct geometry *g = &s->model->geo;
    size_t bytes = (size_t)g->image_size * (size_t)g->image_size * 3;
    s->picture = (struct image){ g->image_size, g->image_size, malloc(bytes) };
    s->logits = malloc((size_t)g->classes * sizeof *s->logits);
    s->rgb_device = s->backend->alloc(s->backend, bytes);
    if (s->picture.rgb == NULL || s->logits == NULL || s->rgb_device == NULL)
        return fail(err, E_NOMEM, "no memory for an image of %d x %d pixels", g->image_size,
                    g->image_size);
    return OK;
}

enum status inference_open(struct inference *s, const struct inference_options *o,
                           struct error *err)
{
    *s = (struct inference){ .preprocess = o->preprocess };
    enum status status = open_scene(s, o, err);
    if (status != OK)
        inference_close(s);
    return status;
}

void inference_close(struct inference *s)
{
    if (s->rgb_device != NULL)
        s->backend->free(s->backend, s->rgb_device);
    net_close(s->net);
    backend_close(s->backend);
    model_close(s->model);
    image_free(&s->picture);
    free(s->logits);
    *s = (struct inference){ 0 };
}

enum status inference_run(struct inference *s, const struct image *image, struct error *err)
{
    size_t side = (size_t)s->model->geo.image_size;
    TRY(image_preprocess(image, s->preprocess, (int)side, s->picture.rgb, err));
    s->backend->upload(s->backend, s->rgb_device, s->picture.rgb, side * side * 3);
    const struct view view = { .rgb = s->rgb_device };
    return net_forward(s->net, &view, 1, s->logits, err);
}

enum status inference_heat(struct inference *s, const float *map, int grid, float *heat,
                           struct error *err)
{
    const struct geometry *g = &s->model->geo;
    struct backend *be = s->backend;
    size_t cells = (size_t)grid * (size_t)grid * sizeof(float);
    size_t pixels = (size_t)g->image_size * (size_t)g->image_size * sizeof(float);
    float *from = be->alloc(be, cells), *to = be->alloc(be, pixels);
    enum status status = OK;
    if (from == NULL || to == NULL) {
        status = fail(err, E_NOMEM, "no memory for a heat map");
    } else {
        const struct heat_args args = {
            .n = 1, .grid = grid, .side = g->image_size, .maps = from, .heat = to
        };
        be->upload(be, from, map, cells);
        be->op.heat(be, &args);
        be->download(be, heat, to, pixels);
        status = be->sync(be, err);
    }
    if (from != NULL)
        be->free(be, from);
    if (to != NULL)
        be->free(be, to);
    return status;
}

void inference_title(const struct inference *s, char *out, size_t size)
{
    const char *name = model_name(s->model);
    if (strcmp(name, s->model->arch) != 0)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s (%d layers, width %d)", name, s->model->geo.depth,
                 s->model->geo.width);
}
