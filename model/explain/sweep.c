#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"

static size_t stream_elements(const struct sweep *s) /* n L D */
{
    const struct geometry *g = &s->model->geo;
    return (size_t)s->n_max * (size_t)g->tokens * (size_t)g->width;
}

/* A ViT's maps are [L, L] a layer and image: they stay where they are. Discarding entries sorts
 * them, on the host. */
static bool rolls_on_device(const struct sweep *s, const struct job *j)
{
    return s->model->type->id == ARCH_VIT && j->method->layer[ARCH_VIT] != NULL &&
           !j->method->sums && j->rules.discard == 0;
}

static void layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    size_t size = s->be->real_size, classes = (size_t)s->n_max * (size_t)g->classes;
    stem_layout(g, s->be, s->n_max, b, &s->stem);
    s->x = bump_take(b, stream_elements(s), size);
    s->tape = bump_take(b, stream_elements(s) * (size_t)(g->depth - s->lowest), size);
    s->logits = bump_take(b, classes, size);
    for (int i = 0; i < s->stream_count; i++) {
        struct stream *st = &s->streams[i];
        st->onehot = bump_take(b, classes, size);
        st->gradient = bump_take(b, stream_elements(s), size);
        st->relevance = st->lrp ? bump_take(b, stream_elements(s), size) : NULL;
    }
    for (int i = 0; i < s->job_count; i++)
        if (rolls_on_device(s, &s->jobs[i]))
            s->jobs[i].rolled = (struct rolled){
                .v = bump_take(b, (size_t)s->n_max * (size_t)g->tokens, sizeof(double)),
                .zero = bump_take(b, (size_t)s->n_max, 1),
            };
    s->arch->layout(s, b);
}

/* Jobs that need the same gradient share a stream. */
static void find_streams(struct sweep *s)
{
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        const struct method *m = j->method;
        bool lrp = m->lrp && s->model->type->id == ARCH_VIT;
        int lowest = m->bottom[s->model->type->id] != NULL ? -1 : j->rules.start;
        s->lowest = j->rules.start < s->lowest ? j->rules.start : s->lowest;
        s->lowest = lowest < 0 ? 0 : s->lowest;
        j->stream = -1;
        if (m->gradient == GRADIENT_NONE)
            continue;
        int k = 0;
        while (k < s->stream_count &&
               (s->streams[k].kind != m->gradient || s->streams[k].choice != j->choice))
            k++;
        if (k == s->stream_count)
            s->streams[s->stream_count++] = (struct stream){ .kind = m->gradient,
                                                             .choice = j->choice,
                                                             .lowest = lowest };
        struct stream *st = &s->streams[k];
        st->lrp = st->lrp || lrp;
        st->lowest = lowest < st->lowest ? lowest : st->lowest;
        j->stream = k;
    }
}

static bool host_memory(struct sweep *s)
{
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, len = (size_t)g->tokens, jobs = (size_t)s->job_count;
    s->tracks_v = calloc(jobs * n * len, sizeof *s->tracks_v);
    s->host_logits = calloc(n * (size_t)g->classes, sizeof *s->host_logits);
    s->onehot = calloc((size_t)g->classes, sizeof *s->onehot);
    s->identity = calloc(n, sizeof *s->identity);
    s->zero = calloc(n, sizeof *s->zero);
    s->view.host = calloc(n * len * len, sizeof *s->view.host);
    s->view.host2 = calloc(len * len, sizeof *s->view.host2);
    bool ok = s->tracks_v && s->host_logits && s->onehot && s->identity && s->zero &&
              s->view.host && s->view.host2;
    for (int i = 0; i < s->job_count; i++) {
        s->jobs[i].tracks = calloc(n, sizeof *s->jobs[i].tracks);
        ok = ok && s->jobs[i].tracks != NULL;
        for (size_t k = 0; ok && k < n; k++)
            s->jobs[i].tracks[k].v = s->tracks_v + ((size_t)i * n + k) * len;
    }
    return ok && s->arch->open(s);
}

enum status sweep_open(const struct model *model, struct backend *be, const void *weights,
                       const struct input_format *format, const struct job *jobs, int job_count,
                       int n, struct sweep **out, struct error *err)
{
    struct sweep *s = calloc(1, sizeof *s);
    if (s == NULL)
        return fail(err, E_NOMEM, "out of memory");
    s->model = model;
    s->be = be;
    s->weights = weights;
    s->format = format;
    s->arch = model->type->id == ARCH_VIM ? &vim_sweep : &vit_sweep;
    s->n_max = n;
    s->lowest = model->geo.depth;
    s->view = (struct layer_view){ .geo = &model->geo, .be = be };
    s->jobs = calloc((size_t)job_count, sizeof *s->jobs);
    s->streams = calloc((size_t)job_count, sizeof *s->streams);
    s->scratch = calloc(1, s->arch->scratch_size);
    bool ok = s->jobs != NULL && s->streams != NULL && s->scratch != NULL;
    if (ok) {
        memcpy(s->jobs, jobs, (size_t)job_count * sizeof *jobs);
        s->job_count = job_count;
        find_streams(s);
        struct bump b = { 0 };
        layout(s, &b);
        s->bytes = b.used;
        s->memory = be->alloc(be, s->bytes);
        ok = s->memory != NULL && host_memory(s);
    }
    if (!ok) {
        char fit[120];
        enum status st = fail(err, E_NOMEM, "%s: no %.1f MiB for explaining %d images at once; %s",
                              be->name, (double)s->bytes / 1048576.0, n,
                              be_would_fit(be, s->bytes, n, fit, sizeof fit));
        sweep_close(s);
        return st;
    }
    struct bump b = { .base = s->memory };
    layout(s, &b);
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
        s->arch->close(s);
    for (int i = 0; s->jobs != NULL && i < s->job_count; i++)
        free(s->jobs[i].tracks);
    free(s->view.host);
    free(s->view.host2);
    free(s->identity);
    free(s->zero);
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

/* What a lane may take; on a device with memory of its own, the part of what is free. */
enum { KEEP_BYTES = 256 << 20, KEEP_PART = 2 };

bool sweep_keeps(const struct sweep *s, size_t layer_bytes)
{
    size_t kept = (size_t)(s->model->geo.depth - s->lowest), limit = KEEP_BYTES, total;
    if (s->be->memory != NULL) {
        s->be->memory(s->be, &limit, &total);
        limit /= KEEP_PART;
    }
    return kept > 0 && layer_bytes <= limit / kept;
}

/* ---- running ---- */

static real *tape_at(const struct sweep *s, int layer)
{
    return be_at(s->be, s->tape, (size_t)(layer - s->lowest) * stream_elements(s));
}

static void forward(struct sweep *s, const struct view *views)
{
    const struct geometry *g = &s->model->geo;
    size_t count = (size_t)s->n * (size_t)g->tokens * (size_t)g->width;
    stem_forward(g, s->be, s->model->type->stem(s->weights), &s->stem, s->format, views, s->n,
                 s->x);
    for (int i = 0; i < g->depth; i++) {
        if (i >= s->lowest)
            run_copy(s->be, s->x, tape_at(s, i), count);
        s->arch->forward(s, i, s->x);
    }
    s->recorded = true;
    s->arch->head(s, s->x, s->logits);
    be_read_doubles(s->be, s->host_logits, s->logits, (size_t)s->n * (size_t)g->classes);
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

static int32_t argmax(const double *a, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (a[i] > a[best])
            best = i;
    return best;
}

static void start_streams(struct sweep *s, int32_t *predicted, const int32_t *target)
{
    int classes = s->model->geo.classes;
    bool same = true;
    for (int i = 0; i < s->n; i++) {
        if (predicted[i] < 0)
            predicted[i] = argmax(s->host_logits + (size_t)i * (size_t)classes, classes);
        same = same && predicted[i] == target[i];
    }
    for (int k = 0; k < s->stream_count; k++) {
        struct stream *st = &s->streams[k];
        st->idle = st->choice == CLASS_TARGET && same;
        if (st->idle)
            continue;
        const int32_t *which = st->choice == CLASS_TARGET ? target : predicted;
        for (int i = 0; i < s->n; i++) {
            s->onehot[which[i]] = 1;
            be_write_floats(s->be, be_at(s->be, st->onehot, (size_t)i * (size_t)classes), s->onehot,
                            (size_t)classes);
            s->onehot[which[i]] = 0;
        }
        s->arch->top(s, st, s->x, s->logits);
    }
}

static void start_tracks(struct sweep *s)
{
    size_t len = (size_t)s->model->geo.tokens;
    for (int i = 0; i < s->job_count; i++)
        for (int k = 0; k < s->n; k++) {
            struct track *t = &s->jobs[i].tracks[k];
            memset(t->v, 0, len * sizeof *t->v);
            t->zero_row_sum = false;
            if (!s->jobs[i].method->sums)
                t->v[s->model->geo.cls_at] = 1;
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

static void run_jobs(struct sweep *s, int stream)
{
    enum arch_id id = s->model->type->id;
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        layer_fn *f = j->method->layer[id];
        s->view.rolled = rolls_on_device(s, j) ? &j->rolled : NULL;
        if (j->stream == stream && f != NULL && s->view.layer >= j->rules.start)
            f(&s->view, &j->rules, j->tracks);
    }
}

static void run_bottom(struct sweep *s, const struct stream *st, int stream)
{
    enum arch_id id = s->model->type->id;
    s->view.tokens = tape_at(s, 0);
    s->view.g_tokens = st->gradient;
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        if (j->stream == stream && j->method->bottom[id] != NULL)
            j->method->bottom[id](&s->view, &j->rules, j->tracks);
    }
}

void sweep_run(struct sweep *s, const struct view *views, int n, int32_t *predicted,
               const int32_t *target)
{
    s->n = n;
    s->view.n = n;
    forward(s, views);
    start_tracks(s);
    start_streams(s, predicted, target);
    for (int layer = s->model->geo.depth - 1; layer >= s->lowest; layer--) {
        const real *x = tape_at(s, layer);
        s->view.layer = layer;
        s->arch->record(s, layer, x);
        run_jobs(s, -1);
        for (int k = 0; k < s->stream_count; k++) {
            struct stream *st = &s->streams[k];
            if (st->idle || layer < st->lowest)
                continue;
            s->arch->enter(s, st, layer, x);
            run_jobs(s, k);
            if (layer > st->lowest)
                s->arch->leave(s, st, layer, x);
            if (layer == 0 && st->lowest < 0)
                run_bottom(s, st, k);
        }
    }
    end_tracks(s);
}
