#include "sweep.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "input.h"
#include "sampling.h"

static size_t stream_elements(const struct sweep *s) /* n L D */
{
    const struct geometry *g = &s->model->geo;
    return (size_t)s->n_max * (size_t)g->tokens * (size_t)g->width;
}

/* Discarding entries sorts them, on the host. */
static bool rolls_on_device(const struct sweep *s, const struct job *j)
{
    return s->arch->rolls_on_device && j->f->layer != NULL && !(j->method->traits & METHOD_SUMS) &&
           j->rules.discard == 0;
}

/* Elements of a job's track: of one image. */
static size_t track_length(const struct sweep *s, const struct job *j)
{
    const struct geometry *g = &s->model->geo;
    size_t side = (size_t)method_pixel_side(g, &j->rules);
    return side > 0 ? side * side : (size_t)g->tokens;
}

static void layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    size_t classes = (size_t)s->n_max * (size_t)g->classes;
    size_t size = s->be->real_size, down = s->down->real_size;
    stem_layout(g, s->be, s->n_max, b, &s->stem);
    s->x = bump_take(b, stream_elements(s), size);
    s->g_tokens = geometry_stem_goes_on(g) ? bump_take(b, stream_elements(s), down) : NULL;
    s->tape = bump_take(b, stream_elements(s) * (size_t)(g->depth - s->lowest), size);
    s->logits = bump_take(b, classes, size);
    s->view.sums = bump_take(b, (size_t)s->n_max * (size_t)g->tokens, down);
    s->view.row = bump_take(b, (size_t)s->n_max * (size_t)g->width, down);
    s->patch_mean = bump_take(b, (size_t)g->tokens, down);
    s->view.patch_mean = s->patch_mean;
    if (sweep_mixed(s))
        single_layout(s, b);
    if (s->input != NULL)
        input_layout(s, b);
    if (s->sampling != NULL)
        sampling_layout(s, b);
    for (int i = 0; i < s->stream_count; i++) {
        struct stream *st = &s->streams[i];
        st->onehot = bump_take(b, classes, down);
        st->gradient = bump_take(b, stream_elements(s), down);
        st->bias = st->wants_bias ? bump_take(b, (size_t)s->n_max * (size_t)g->tokens, down) : NULL;
        st->relevance = st->lrp ? bump_take(b, stream_elements(s), down) : NULL;
    }
    for (int i = 0; i < s->job_count; i++)
        if (rolls_on_device(s, &s->jobs[i]))
            s->jobs[i].rolled = (struct rolled){
                .v = bump_take(b, (size_t)s->n_max * (size_t)g->tokens, sizeof(double)),
                .zero = bump_take(b, (size_t)s->n_max, 1),
            };
    s->arch->scratch.layout(s, b);
}

static bool host_memory(struct sweep *s)
{
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, len = (size_t)g->tokens, values = 0;
    for (int i = 0; i < s->job_count; i++)
        values += n * track_length(s, &s->jobs[i]);
    s->tracks_v = calloc(values, sizeof *s->tracks_v);
    s->host_logits = calloc(n * (size_t)g->classes, sizeof *s->host_logits);
    s->onehot = calloc((size_t)g->classes, sizeof *s->onehot);
    s->identity = calloc(n, sizeof *s->identity);
    s->zero = calloc(n, sizeof *s->zero);
    s->zeros = calloc(n * len, sizeof *s->zeros);
    s->scores = calloc((size_t)s->stream_count * n + 1, sizeof *s->scores);
    for (int k = 0; s->scores != NULL && k < s->stream_count; k++)
        s->streams[k].score_of = s->scores + (size_t)k * n;
    size_t square = len * (size_t)(g->heads > g->tokens ? g->heads : g->tokens);
    s->view.host = calloc(n * square, sizeof *s->view.host);
    s->view.host2 = calloc(square, sizeof *s->view.host2);
    bool ok = s->tracks_v && s->host_logits && s->onehot && s->identity && s->zero && s->zeros &&
              s->scores && s->view.host && s->view.host2;
    double *v = s->tracks_v;
    for (int i = 0; i < s->job_count; i++) {
        s->jobs[i].tracks = calloc(n, sizeof *s->jobs[i].tracks);
        ok = ok && s->jobs[i].tracks != NULL;
        for (size_t k = 0; ok && k < n; k++, v += track_length(s, &s->jobs[i]))
            s->jobs[i].tracks[k].v = v;
    }
    return ok && s->arch->scratch.open(s) && (s->input == NULL || input_open(s)) &&
           (s->sampling == NULL || sampling_open(s));
}

/* What a lane may take; on a device with memory of its own, the part of what is free. */
enum { KEEP_BYTES = 256 << 20, KEEP_PART = 2 };

/* Whether the layers' activations are kept from the forward pass; else each layer is computed again
 * on the way down. */
static bool keeps_layers(const struct sweep *s, enum sweep_layers layers)
{
    size_t kept = (size_t)(s->model->geo.depth - s->lowest), limit = KEEP_BYTES, total;
    struct bump one = { 0 };
    if (kept == 0 || s->arch->scratch.layout_layer == NULL)
        return false;
    if (layers != LAYERS_AUTO)
        return layers == LAYERS_KEPT;
    if (s->be->memory != NULL) {
        s->be->memory(s->be, &limit, &total);
        limit /= KEEP_PART;
    }
    s->arch->scratch.layout_layer(s, &one);
    return one.used <= limit / kept;
}

static void write_patch_mean(struct sweep *s)
{
    const struct geometry *g = &s->model->geo;
    const float share = 1.0F / (float)(g->tokens - g->others), none = 0;
    for (int t = 0; t < g->tokens; t++)
        be_write_floats(s->down, be_at(s->down, s->patch_mean, (size_t)t),
                        geometry_is_patch(g, t) ? &share : &none, 1);
}

/* All that takes no memory on the device. */
static bool prepare(struct sweep *s, const struct input_weights *input, const struct job *jobs,
                    int count, enum sweep_layers layers)
{
    s->jobs = calloc((size_t)count, sizeof *s->jobs);
    s->streams = calloc((size_t)count, sizeof *s->streams);
    s->scratch = calloc(1, s->arch->scratch.size);
    s->input = input != NULL ? calloc(1, sizeof *s->input) : NULL;
    if (!s->jobs || !s->streams || !s->scratch || (input != NULL && s->input == NULL))
        return false;
    memcpy(s->jobs, jobs, (size_t)count * sizeof *jobs);
    s->job_count = count;
    sweep_find_streams(s);
    if (!sampling_new(s))
        return false;
    if (input != NULL)
        s->input->w = input;
    s->view = (struct layer_view){
        .geo = &s->model->geo, .be = s->down, .own = s->scratch, .input = s->input
    };
    s->keeps = keeps_layers(s, layers); /* asked once: what is free changes */
    return host_memory(s);
}

/* A sweep whose memory on the device is measured and not taken; NULL: the host's ran out. */
static struct sweep *new_sweep(const struct model *model, const struct sweep_on *on,
                               const struct job *jobs, int job_count, int n,
                               enum sweep_layers layers)
{
    struct sweep *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->model = model;
    s->be = on->be;
    s->down = on->down;
    s->weights = on->weights;
    s->down_weights = on->down_weights;
    s->arch = model->type->explain;
    s->n_max = n;
    if (!prepare(s, on->input, jobs, job_count, layers)) {
        sweep_close(s);
        return NULL;
    }
    struct bump b = { 0 };
    layout(s, &b);
    s->bytes = b.used;
    return s;
}

enum status sweep_measure(const struct model *model, const struct sweep_on *on,
                          const struct job *jobs, int job_count, int n, enum sweep_layers layers,
                          size_t *bytes, struct error *err)
{
    struct sweep *s = new_sweep(model, on, jobs, job_count, n, layers);
    if (s == NULL)
        return fail(err, E_NOMEM, "out of memory");
    *bytes = s->bytes;
    sweep_close(s);
    return OK;
}

enum status sweep_open(const struct model *model, const struct sweep_on *on,
                       const struct input_format *format, const struct job *jobs, int job_count,
                       int n, enum sweep_layers layers, struct sweep **out, struct error *err)
{
    struct backend *be = on->be;
    struct sweep *s = new_sweep(model, on, jobs, job_count, n, layers);
    bool ok = s != NULL;
    if (ok) {
        s->format = format;
        s->memory = be->alloc(be, s->bytes);
        ok = s->memory != NULL;
    }
    if (!ok) {
        char fit[120];
        size_t bytes = s != NULL ? s->bytes : 0;
        enum status st =
            fail(err, E_NOMEM, "%s: no %.1f MiB for explaining %d images at once; %s", be->name,
                 (double)bytes / 1048576.0, n, be_would_fit(be, bytes, n, fit, sizeof fit));
        sweep_close(s);
        return st;
    }
    struct bump b = { .base = s->memory };
    layout(s, &b);
    assert(b.used == s->bytes); /* else arrays lie beyond the memory */
    write_patch_mean(s);
    *out = s;
    return OK;
}

void sweep_close(struct sweep *s)
{
    if (s == NULL)
        return;
    if (s->memory != NULL)
        s->be->free(s->be, s->memory);
    if (s->scratch != NULL)
        s->arch->scratch.close(s);
    if (s->input != NULL)
        input_close(s);
    sampling_close(s);
    free(s->input);
    for (int i = 0; s->jobs != NULL && i < s->job_count; i++)
        free(s->jobs[i].tracks);
    free(s->view.host);
    free(s->view.host2);
    free(s->identity);
    free(s->zero);
    free(s->zeros);
    free(s->scores);
    free(s->onehot);
    free(s->host_logits);
    free(s->tracks_v);
    free(s->scratch);
    free(s->streams);
    free(s->jobs);
    free(s);
}

size_t sweep_bytes(const struct sweep *s)
{
    return s->bytes;
}

/* ---- running ---- */

static real *tape_at(const struct sweep *s, int layer)
{
    return be_at(s->be, s->tape, (size_t)(layer - s->lowest) * stream_elements(s));
}

void sweep_forward(struct sweep *s, int items)
{
    const struct geometry *g = &s->model->geo;
    size_t count = (size_t)items * (size_t)g->tokens * (size_t)g->width;
    s->n = items;
    s->view.n = items;
    stem_embed(g, s->be, s->model->type->stem(s->weights), &s->stem, items, s->x);
    for (int i = 0; i < g->depth; i++) {
        if (i >= s->lowest)
            run_copy(s->be, s->x, tape_at(s, i), count);
        s->arch->forward(s, i, s->x);
    }
    s->recorded = true;
    s->arch->head(s, s->x, s->logits);
    be_read_doubles(s->be, s->host_logits, s->logits, (size_t)items * (size_t)g->classes);
    s->passes.forward += items;
}

void sweep_record(struct sweep *s, const struct view *views, int n, int layer)
{
    s->n = n;
    s->view.n = n;
    s->view.layer = layer;
    s->recorded = false;
    stem_forward(&s->model->geo, s->be, s->model->type->stem(s->weights), &s->stem, s->format,
                 views, n, s->x);
    for (int i = 0; i < layer; i++)
        s->arch->forward(s, i, s->x);
    s->arch->record(s, layer, s->x);
}

/* The classes that the model itself sees; and which streams have nothing to do. */
static void settle_classes(struct sweep *s, int32_t *predicted, const int32_t *target)
{
    int classes = s->model->geo.classes;
    bool same = true;
    for (int i = 0; i < s->n; i++) {
        if (predicted[i] < 0)
            predicted[i] = sweep_argmax(s->host_logits + (size_t)i * (size_t)classes, classes);
        same = same && predicted[i] == target[i];
    }
    for (int k = 0; k < s->stream_count; k++)
        s->streams[k].idle = same && s->streams[k].twin;
}

/* At the logits of the inputs in hand, which are made of `images`. */
static void start_stream(struct sweep *s, struct stream *st, int images, const int32_t *which,
                         const real *x, const real *logits)
{
    size_t classes = (size_t)s->model->geo.classes;
    if (st->bias != NULL)
        be_write_floats(s->down, st->bias, s->zeros, (size_t)s->n * (size_t)s->model->geo.tokens);
    for (int i = 0; i < s->n; i++) {
        st->score_of[i] = sweep_score_gradient(s, st->score, i, which[i % images]);
        be_write_floats(s->down, be_at(s->down, st->onehot, (size_t)i * classes), s->onehot,
                        classes);
    }
    s->arch->top(s, st, x, logits);
}

static void start_tracks(struct sweep *s)
{
    size_t len = (size_t)s->model->geo.tokens;
    for (int i = 0; i < s->job_count; i++)
        for (int k = 0; k < s->n; k++) {
            struct track *t = &s->jobs[i].tracks[k];
            memset(t->v, 0, track_length(s, &s->jobs[i]) * sizeof *t->v);
            t->zero_row_sum = false;
            t->sum = t->size = 0;
            t->sum_error = NAN;
            if (!(s->jobs[i].method->traits & METHOD_SUMS))
                geometry_readout(&s->model->geo, t->v);
        }
    for (int k = 0; k < s->n; k++)
        s->identity[k] = NAN;
    memset(s->zero, 0, (size_t)s->n * sizeof *s->zero);
    for (int i = 0; i < s->job_count; i++) {
        const struct job *j = &s->jobs[i];
        if (!rolls_on_device(s, j))
            continue;
        s->be->upload(s->be, j->rolled.v, j->tracks[0].v, (size_t)s->n * len * sizeof(double));
        s->be->upload(s->be, j->rolled.zero, s->zero, (size_t)s->n);
    }
}

/* The tracks of a job lie one behind the other. */
static void end_tracks(struct sweep *s)
{
    size_t len = (size_t)s->model->geo.tokens;
    for (int i = 0; i < s->job_count; i++) {
        const struct job *j = &s->jobs[i];
        if (!rolls_on_device(s, j))
            continue;
        s->be->download(s->be, j->tracks[0].v, j->rolled.v, (size_t)s->n * len * sizeof(double));
        s->be->download(s->be, s->zero, j->rolled.zero, (size_t)s->n);
        be_wait(s->be);
        for (int k = 0; k < s->n; k++)
            j->tracks[k].zero_row_sum = s->zero[k] != 0;
    }
}

static void run_jobs(struct sweep *s, int stream, bool passed)
{
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        layer_fn *f = passed ? j->f->passed : j->f->layer;
        s->view.rolled = rolls_on_device(s, j) ? &j->rolled : NULL;
        if (j->stream == stream && f != NULL && s->view.layer >= j->rules.start)
            f(&s->view, &j->rules, j->tracks);
    }
}

static void run_bottom(struct sweep *s, const struct stream *st, int stream, const real *x)
{
    s->view.tokens = x;
    s->view.g_tokens = st->gradient;
    if (s->g_tokens != NULL) {
        s->view.tokens = single_tokens(s, s->stem.tokens, s->single.tokens);
        s->view.g_tokens = s->g_tokens;
        s->arch->below(s, st, s->view.tokens, s->g_tokens);
    }
    s->view.relevance = st->relevance;
    s->view.patches = single_patches(s);
    s->view.bias = st->bias;
    s->view.score = st->score_of;
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        if (j->stream == stream && j->f->bottom != NULL)
            j->f->bottom(&s->view, &j->rules, j->tracks);
    }
}

/* One gradient through one layer, whose input is x. */
static void run_stream(struct sweep *s, int k, int layer, const real *x)
{
    struct stream *st = &s->streams[k];
    s->arch->enter(s, st, layer, x);
    s->passes.backward += (double)s->n / s->model->geo.depth;
    run_jobs(s, k, false);
    if (layer == st->lowest && layer < st->passed)
        return;
    s->arch->leave(s, st, layer, x);
    s->view.x = x;
    s->view.g_x = st->gradient;
    run_jobs(s, k, true);
    if (layer == 0 && st->bottom && st->sampler == NULL)
        run_bottom(s, st, k, x);
}

void sweep_down(struct sweep *s, const struct sampler *sampler, int images,
                const int32_t *predicted, const int32_t *target)
{
    const size_t classes = (size_t)s->n * (size_t)s->model->geo.classes;
    const real *top = single_tokens(s, s->x, s->single.x);
    const real *logits = to_single(s, s->logits, s->single.logits, classes);
    for (int k = 0; k < s->stream_count; k++)
        if (s->streams[k].sampler == sampler && !s->streams[k].idle)
            start_stream(s, &s->streams[k], images,
                         s->streams[k].choice == CLASS_TARGET ? target : predicted, top, logits);
    s->at_samples = sampler != NULL;
    int lowest = sampler != NULL ? s->lowest : s->own_lowest;
    for (int layer = s->model->geo.depth - 1; layer >= lowest; layer--) {
        const real *x = single_tokens(s, tape_at(s, layer), s->single.x);
        s->layer_x = tape_at(s, layer);
        s->view.layer = layer;
        s->arch->record(s, layer, s->layer_x);
        if (sampler == NULL)
            run_jobs(s, -1, false);
        for (int k = 0; k < s->stream_count; k++)
            if (s->streams[k].sampler == sampler && !s->streams[k].idle &&
                layer >= s->streams[k].lowest)
                run_stream(s, k, layer, x);
    }
    s->at_samples = false;
}

void sweep_run(struct sweep *s, const struct view *views, int n, int32_t *predicted,
               const int32_t *target)
{
    stem_patches(&s->model->geo, s->be, &s->stem, s->format, views, n);
    sweep_forward(s, n);
    start_tracks(s);
    settle_classes(s, predicted, target);
    sweep_down(s, NULL, n, predicted, target);
    end_tracks(s);
    if (s->sampling != NULL)
        sampling_run(s, predicted, target);
}
