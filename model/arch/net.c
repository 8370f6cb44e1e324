/* A model bound to a backend, and forward passes that are divided into lanes. */
#include <omp.h>
#include <stdlib.h>

#include "arch.h"

const struct input_format input_imagenet = {
    .mean = { 0.485f, 0.456f, 0.406f },
    .std = { 0.229f, 0.224f, 0.225f },
};

struct lane {     /* one part of the batch, with separate memory */
    real *tokens; /* [n, L, D] */
    real *logits; /* [n, classes] */
    struct stem_ws stem;
    void *ws; /* the architecture's */
};

struct net {
    const struct model *model;
    struct backend *be;
    struct input_format format;
    void *weights;
    unsigned uses; /* that the weights serve */
    size_t weight_bytes;
    int lane_batch; /* images a lane takes at once */
    int lanes;
    struct lane *lane;
    void *memory; /* all lanes' arrays */
    size_t bytes;
};

static void layout_lane(const struct net *net, struct lane *l, struct bump *b)
{
    const struct geometry *g = &net->model->geo;
    size_t n = (size_t)net->lane_batch;
    l->tokens = bump_take(b, n * (size_t)g->tokens * (size_t)g->width, net->be->real_size);
    l->logits = bump_take(b, n * (size_t)g->classes, net->be->real_size);
    stem_layout(g, net->be, net->lane_batch, b, &l->stem);
    net->model->type->layout(g, net->be, net->lane_batch, b, l->ws);
}

/* A net without weights and memory, whose memory is measured; NULL: the host's ran out. */
static struct net *new_net(const struct model *model, struct backend *be, int batch)
{
    struct bump measure = { 0 };
    struct net *net = calloc(1, sizeof *net);
    if (net == NULL)
        return NULL;
    net->model = model;
    net->be = be;
    net->lane_batch = be->lane_images > 0 ? be->lane_images : batch;
    net->lanes = be->lanes;
    net->lane = calloc((size_t)net->lanes, sizeof *net->lane);
    for (int i = 0; net->lane != NULL && i < net->lanes; i++) {
        net->lane[i].ws = calloc(1, model->type->ws_size);
        if (net->lane[i].ws == NULL) {
            net_close(net);
            return NULL;
        }
        layout_lane(net, &net->lane[i], &measure);
    }
    net->bytes = measure.used;
    return net;
}

size_t net_plan_bytes(const struct model *model, struct backend *be, int batch)
{
    struct net *net = new_net(model, be, batch);
    size_t bytes = net != NULL ? net->bytes : 0;
    net_close(net);
    return bytes;
}

static enum status take_memory(struct net *net, struct error *err)
{
    int images = net->lanes * net->lane_batch;
    char fit[120];
    net->memory = net->be->alloc(net->be, net->bytes);
    if (net->memory == NULL)
        return fail(err, E_NOMEM, "%s: no %.1f MiB for activations of %d images at once; %s",
                    net->be->name, (double)net->bytes / 1048576.0, images,
                    be_would_fit(net->be, net->bytes, images, fit, sizeof fit));
    struct bump b = { .base = net->memory };
    for (int i = 0; i < net->lanes; i++)
        layout_lane(net, &net->lane[i], &b);
    return OK;
}

enum status net_open(const struct model *model, struct backend *be,
                     const struct input_format *format, int batch, struct net **out,
                     struct error *err)
{
    struct net *net = new_net(model, be, batch);
    if (net == NULL || net->lane == NULL) {
        net_close(net);
        return fail(err, E_NOMEM, "out of memory");
    }
    net->format = *format;
    net->uses = WEIGHT_FORWARD;
    size_t held = be->held;
    net->weights = model->type->bind(model, be, net->uses);
    net->weight_bytes = be->memory != NULL ? be->held - held : model->parameters * be->real_size;
    enum status s = OK;
    if (net->weights == NULL)
        s = fail(err, E_NOMEM, "%s: no memory for the weights of %s", be->name,
                 model->checkpoint->path);
    if (s == OK)
        s = take_memory(net, err);
    return OPENED(s, net, net_close, out);
}

void net_close(struct net *net)
{
    if (net == NULL)
        return;
    for (int i = 0; net->lane != NULL && i < net->lanes; i++)
        free(net->lane[i].ws);
    if (net->memory != NULL)
        net->be->free(net->be, net->memory);
    if (net->weights != NULL)
        net->model->type->unbind(net->weights, net->be);
    free(net->lane);
    free(net);
}

const struct backend *net_backend(const struct net *net)
{
    return net->be;
}

enum status net_lend(struct net *net, unsigned uses, struct backend **be, void **weights,
                     struct error *err)
{
    if ((net->uses & uses) != uses) { /* the old ones go first: there may be no room for both */
        net->model->type->unbind(net->weights, net->be);
        net->uses |= uses;
        net->weights = net->model->type->bind(net->model, net->be, net->uses);
        if (net->weights == NULL)
            return fail(err, E_NOMEM, "%s: no memory for the weights of %s", net->be->name,
                        net->model->checkpoint->path);
    }
    *be = net->be;
    *weights = net->weights;
    return net->be->sync(net->be, err);
}

size_t net_weight_bytes(const struct net *net)
{
    return net->weight_bytes;
}

size_t net_workspace_bytes(const struct net *net)
{
    return net->bytes;
}

/* Computes a lane's logits from its patches: the part that is the same for all views. */
struct net_pass {
    struct net *net;
    struct lane *lane;
    int n;
};

static void run_pass(void *context)
{
    const struct net_pass *p = context;
    const struct net *net = p->net;
    const struct arch_type *type = net->model->type;
    const struct geometry *g = &net->model->geo;
    stem_embed(g, net->be, type->stem(net->weights), &p->lane->stem, p->n, p->lane->tokens);
    type->forward(g, net->be, net->weights, p->lane->ws, p->n, p->lane->tokens, p->lane->logits);
}

/* Runs the images from `at` on, as many of the n as a lane takes. */
static void forward_chunk(struct net *net, struct lane *l, const struct view *views, size_t n,
                          size_t at, float *logits)
{
    size_t step = (size_t)net->lane_batch, count = n - at < step ? n - at : step;
    const struct geometry *g = &net->model->geo;
    struct net_pass pass = { net, l, (int)count };
    const struct pass_key key = { net, (int)(l - net->lane), (int)count };
    stem_patches(g, net->be, &l->stem, &net->format, views + at, (int)count);
    be_repeat(net->be, &key, run_pass, &pass);
    /* We do not wait here, so that the next chunk follows on the device at once. */
    if (net->be->real_size == sizeof *logits)
        net->be->download(net->be, logits + at * (size_t)g->classes, l->logits,
                          count * (size_t)g->classes * sizeof *logits);
    else
        be_read_floats(net->be, logits + at * (size_t)g->classes, l->logits,
                       count * (size_t)g->classes);
}

enum status net_forward(struct net *net, const struct view *views, size_t n, float *logits,
                        struct error *err)
{
    size_t step = (size_t)net->lane_batch;
    /* A single chunk is not inside a parallel region, not even one of a single thread: operations
     * use all threads then, which OpenMP would make anew for every nested region. */
    if (net->lanes == 1 || n <= step) {
        for (size_t at = 0; at < n; at += step)
            forward_chunk(net, &net->lane[0], views, n, at, logits);
        return net->be->sync(net->be, err);
    }
#pragma omp parallel for schedule(dynamic) num_threads(net->lanes)
    for (size_t at = 0; at < n; at += step)
        forward_chunk(net, &net->lane[omp_get_thread_num()], views, n, at, logits);
    return net->be->sync(net->be, err);
}
