#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sampling {
    struct samples made;
    real *x, *base, *difference; /* base: NULL where no path begins elsewhere than at 0 */
    double *values;              /* [count] host scratch */
    double *logits;              /* [n, classes] at the images */
    double *begin_logits;        /* [classes] where paths begin */
    bool begin_known;
    double *range, *wx, *wy, *score, *score_begin; /* [n] */
    uint64_t *stream;                              /* [n] */
    struct view *views;                            /* [n] */
};

void gauss_legendre(int n, int i, double *at, double *weight)
{
    enum { STEPS = 100 };
    const double pi = 3.14159265358979323846;
    double x = -cos(pi * (i + 0.75) / (n + 0.5)), slope = 1, step = 1;
    for (int k = 0; k < STEPS && fabs(step) > 1e-15; k++) { /* Newton's, at a root of P_n */
        double p = 1, before = 0;
        for (int j = 1; j <= n; j++) {
            double next = ((2 * j - 1) * x * p - (j - 1) * before) / j;
            before = p;
            p = next;
        }
        slope = n * (x * p - before) / (x * x - 1);
        step = p / slope;
        x -= step;
    }
    *at = (1 + x) / 2;
    *weight = 1 / ((1 - x * x) * slope * slope);
}

/* ---- what samplers and their methods do ---- */

void sampling_add(struct layer_view *v, double w, const real *x, size_t count)
{
    for (int i = 0; i < v->n; i++)
        v->at->scratch[i] = w;
    const struct mix_args add = { .n = v->n,
                                  .count = count,
                                  .x = x,
                                  .wx = v->at->scratch,
                                  .accumulate = v->at->number > 0,
                                  .out = v->at->sum };
    v->be->op.mix(v->be, &add);
}

void sampling_mix(struct samples *s, double wx, const real *x, double wy, const real *y, real *out)
{
    for (int i = 0; i < s->n; i++) {
        s->wx[i] = wx;
        s->wy[i] = wy;
    }
    const struct mix_args mix = { .n = s->n,
                                  .count = s->count,
                                  .x = x,
                                  .y = y,
                                  .wx = s->wx,
                                  .wy = y != NULL ? s->wy : NULL,
                                  .out = out };
    s->be->op.mix(s->be, &mix);
}

void sampling_noise(struct samples *s, real *patches)
{
    const struct geometry *g = s->geo;
    const struct noise_args noise = { .n = s->n,
                                      .side = g->image_size,
                                      .patch = g->patch,
                                      .stride = g->stride,
                                      .grid = g->grid,
                                      .stream = s->stream,
                                      .sigma = s->wx,
                                      .patches = patches };
    s->be->op.noise(s->be, &noise);
}

void sampling_settle(struct rules *r, double noise)
{
    r->start = 0;
    r->clamp_map = false;
    r->noise = r->noise < 0 ? noise : r->noise;
    if (r->level != LEVEL_TOKEN)
        return;
    r->level = LEVEL_PATCH;
    r->channels = CHANNELS_SUM;
}

enum status settle_sampled(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    sampling_settle(r, 0);
    return OK;
}

/* ---- memory ---- */

static size_t patch_values(const struct geometry *g)
{
    return (size_t)g->grid * (size_t)g->grid * 3 * (size_t)g->patch * (size_t)g->patch;
}

static bool begins_at_black(const struct sweep *s)
{
    for (int i = 0; i < s->job_count; i++)
        if (s->jobs[i].method->sampler != NULL && s->jobs[i].method->sampler->begins &&
            s->jobs[i].rules.baseline == START_BLACK)
            return true;
    return false;
}

bool sampling_new(struct sweep *s)
{
    bool any = false;
    for (int i = 0; i < s->job_count; i++)
        any = any || s->jobs[i].method->sampler != NULL;
    s->sampling = any ? calloc(1, sizeof *s->sampling) : NULL;
    return !any || s->sampling != NULL;
}

bool sampling_open(struct sweep *s)
{
    const struct geometry *g = &s->model->geo;
    struct sampling *p = s->sampling;
    size_t n = (size_t)s->n_max, classes = (size_t)g->classes;
    p->values = calloc(patch_values(g), sizeof *p->values);
    p->logits = calloc(n * classes, sizeof *p->logits);
    p->begin_logits = calloc(classes, sizeof *p->begin_logits);
    p->range = calloc(5 * n, sizeof *p->range);
    p->stream = calloc(n, sizeof *p->stream);
    p->views = calloc(n, sizeof *p->views);
    if (!p->values || !p->logits || !p->begin_logits || !p->range || !p->stream || !p->views)
        return false;
    p->wx = p->range + n;
    p->wy = p->wx + n;
    p->score = p->wy + n;
    p->score_begin = p->score + n;
    return true;
}

void sampling_close(struct sweep *s)
{
    struct sampling *p = s->sampling;
    if (p == NULL)
        return;
    free(p->values);
    free(p->logits);
    free(p->begin_logits);
    free(p->range);
    free(p->stream);
    free(p->views);
    free(p);
}

void sampling_layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    struct sampling *p = s->sampling;
    size_t n = (size_t)s->n_max, size = s->be->real_size;
    p->x = bump_take(b, n * patch_values(g), size);
    p->difference = bump_take(b, n * patch_values(g), size);
    p->base = begins_at_black(s) ? bump_take(b, n * patch_values(g), size) : NULL;
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        const struct sampler *sampler = j->method->sampler;
        if (sampler != NULL && sampler->sum != NULL)
            j->sum = bump_take(b, n * sampler->sum(g, &j->rules), size);
    }
}

/* The first `have` of `total` elements, again and again. */
static void repeat(struct backend *be, real *at, size_t have, size_t total)
{
    for (size_t more; have < total; have += more) {
        more = have < total - have ? have : total - have;
        run_copy(be, at, be_at(be, at, have), more);
    }
}

/* Black, as masked pixels are. */
static void write_base(struct sweep *s)
{
    const struct geometry *g = &s->model->geo;
    struct sampling *p = s->sampling;
    size_t plane = (size_t)g->patch * (size_t)g->patch;
    for (int c = 0; c < 3; c++) {
        const float black = -s->format->mean[c] / s->format->std[c];
        real *at = be_at(s->be, p->base, (size_t)c * plane);
        be_write_floats(s->be, at, &black, 1);
        repeat(s->be, at, 1, plane);
    }
    repeat(s->be, p->base, 3 * plane, (size_t)s->n_max * patch_values(g));
}

/* ---- running ---- */

static void find_ranges(struct sweep *s)
{
    struct sampling *p = s->sampling;
    size_t count = patch_values(&s->model->geo);
    for (int i = 0; i < s->n; i++) {
        be_read_doubles(s->be, p->values, be_at(s->be, p->x, (size_t)i * count), count);
        double least = p->values[0], most = least;
        for (size_t k = 1; k < count; k++) {
            least = p->values[k] < least ? p->values[k] : least;
            most = p->values[k] > most ? p->values[k] : most;
        }
        p->range[i] = most - least;
    }
}

static void begin(struct sweep *s)
{
    struct sampling *p = s->sampling;
    const struct geometry *g = &s->model->geo;
    if (p->base != NULL && !p->begin_known)
        write_base(s);
    run_copy(s->be, s->stem.patches, p->x, (size_t)s->n * patch_values(g));
    memcpy(p->logits, s->host_logits, (size_t)s->n * (size_t)g->classes * sizeof *p->logits);
    find_ranges(s);
    p->made = (struct samples){ .geo = g,
                                .be = s->be,
                                .format = s->format,
                                .n = s->n,
                                .count = patch_values(g),
                                .x = p->x,
                                .base = p->base,
                                .range = p->range,
                                .hash = s->hash,
                                .seed = s->seed,
                                .references = s->references,
                                .reference_count = s->reference_count,
                                .wx = p->wx,
                                .wy = p->wy,
                                .stream = p->stream,
                                .views = p->views };
}

void sampling_forget(struct sweep *s)
{
    if (s->sampling != NULL)
        s->sampling->begin_known = false;
}

/* Once for all images. */
static void score_beginning(struct sweep *s, const struct sampler *sampler,
                            const struct rules *rules)
{
    struct sampling *p = s->sampling;
    if (p->begin_known)
        return;
    p->made.n = 1;
    sampler->make(&p->made, rules, -1, s->stem.patches, NULL);
    sweep_forward(s, 1);
    memcpy(p->begin_logits, s->host_logits,
           (size_t)s->model->geo.classes * sizeof *p->begin_logits);
    p->begin_known = true;
}

/* Calls `bottom` for sample `number` of all images, which is the k-th of those computed at once, or
 * `done`. */
static void show(struct sweep *s, struct job *j, int images, int number, int k, bool done)
{
    const struct geometry *g = &s->model->geo;
    struct sampling *p = s->sampling;
    const struct stream *st = &s->streams[j->stream];
    size_t stream = (size_t)images * (size_t)g->tokens * (size_t)g->width;
    struct at_sample at = { .number = number,
                            .total = j->method->sampler->count(&j->rules),
                            .difference =
                                be_at(s->be, p->difference, (size_t)(k * images) * patch_values(g)),
                            .sum = j->sum,
                            .scratch = p->wx,
                            .score = p->score,
                            .score_begin = p->score_begin };
    if (st->idle)
        return;
    s->view.n = images;
    s->view.at = &at;
    s->view.patches = at.difference;
    s->view.g_tokens = done ? j->sum : be_at(s->be, st->gradient, (size_t)k * stream);
    (done ? j->f->done : j->f->bottom)(&s->view, &j->rules, j->tracks);
}

/* The explained score at the images and where their paths begin. */
static void find_scores(struct sweep *s, const struct job *j, int images, const int32_t *which)
{
    struct sampling *p = s->sampling;
    int classes = s->model->geo.classes;
    for (int i = 0; i < images; i++) {
        const double *z = p->logits + (size_t)i * (size_t)classes;
        p->score[i] = sweep_score(z, classes, j->rules.score, which[i]);
        p->score_begin[i] = sweep_score(p->begin_logits, classes, j->rules.score, which[i]);
    }
}

static bool has(const struct job *j, const struct sampler *sampler)
{
    return j->method->sampler == sampler && j->stream >= 0;
}

static void run_sampler(struct sweep *s, const struct job *first, int images,
                        const int32_t *predicted, const int32_t *target)
{
    struct sampling *p = s->sampling;
    const struct sampler *sampler = first->method->sampler;
    int total = sampler->count(&first->rules), most = s->n_max / images, at_once;
    size_t values = (size_t)images * patch_values(&s->model->geo);
    if (sampler->begins)
        score_beginning(s, sampler, &first->rules);
    p->made.n = images;
    for (int at = 0; at < total; at += at_once) {
        at_once = total - at < most ? total - at : most;
        for (int k = 0; k < at_once; k++)
            sampler->make(&p->made, &first->rules, at + k,
                          be_at(s->be, s->stem.patches, (size_t)k * values),
                          be_at(s->be, p->difference, (size_t)k * values));
        sweep_forward(s, at_once * images);
        sweep_down(s, sampler, images, predicted, target);
        for (int i = 0; i < s->job_count; i++)
            for (int k = 0; has(&s->jobs[i], sampler) && k < at_once; k++)
                show(s, &s->jobs[i], images, at + k, k, false);
    }
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        if (!has(j, sampler) || j->f->done == NULL)
            continue;
        find_scores(s, j, images, j->choice == CLASS_TARGET ? target : predicted);
        show(s, j, images, total, 0, true);
    }
}

void sampling_run(struct sweep *s, const int32_t *predicted, const int32_t *target)
{
    int images = s->n;
    begin(s);
    for (int i = 0; i < s->job_count; i++) {
        const struct sampler *sampler = s->jobs[i].method->sampler;
        bool seen = sampler == NULL;
        for (int k = 0; k < i; k++)
            seen = seen || s->jobs[k].method->sampler == sampler;
        if (!seen)
            run_sampler(s, &s->jobs[i], images, predicted, target);
    }
    s->n = images;
    s->view.n = images;
    s->view.at = NULL;
}
