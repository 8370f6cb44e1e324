#include "explain.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "randomise.h"
#include "sweep.h"

/* ---- passes: methods that share a model and a precision ---- */

struct where { /* a job's place in the result */
    int method;
    enum class_choice choice;
};

struct pass {
    const struct model *model;
    struct model *own_model; /* randomised; else NULL */
    struct backend *be;
    void *weights;
    bool borrowed;               /* be and weights are the lender's */
    struct input_weights *input; /* NULL: no method needs it */
    struct sweep **sweeps;       /* [lanes] */
    int lane_batch;
    struct job *jobs;
    struct where *wheres;
    int job_count;
    struct view *views; /* [batch] */
};

enum { PASS_PLAIN, PASS_DOUBLE, PASS_RANDOM, PASS_RANDOM_DOUBLE, PASSES };

struct explainer {
    const struct model *model;
    struct net *lender; /* or NULL */
    const struct explain_method **methods;
    int method_count, batch;
    int *side;         /* [methods] values a side of a map */
    size_t *map_start; /* [methods + 1] where a method's maps begin among an image's */
    bool classes[CLASS_CHOICES];
    struct input_format format;
    uint64_t seed;
    struct pass passes[PASSES];
};

/* ---- where maps lie ---- */

size_t explainer_map_values(const struct explainer *ex)
{
    return ex->map_start[ex->method_count];
}

int explainer_side(const struct explainer *ex, int method)
{
    return ex->side[method];
}

static size_t map_size(const struct explainer *ex, int method)
{
    return (size_t)explainer_side(ex, method) * (size_t)explainer_side(ex, method);
}

size_t explainer_map_at(const struct explainer *ex, int image, int method, enum class_choice choice)
{
    return (size_t)image * explainer_map_values(ex) + ex->map_start[method] +
           (size_t)choice * map_size(ex, method);
}

static float *map_at(const struct explainer *ex, const struct explain_result *r, int image,
                     int method, enum class_choice choice)
{
    return r->maps + explainer_map_at(ex, image, method, choice);
}

/* ---- opening ---- */

static int pass_for(const struct method *m, const struct explain_options *o, const char *backend,
                    const struct model *model)
{
    bool wants = explain_in_double(&m->info, model);
    bool twice = o->precision == EXPLAIN_AUTO ? wants : o->precision == EXPLAIN_DOUBLE;
    const char *double_name = backend_double_name(backend);
    if (double_name != NULL && strcmp(double_name, backend) == 0)
        twice = false; /* all passes are double already */
    return (m->randomised != NULL ? PASS_RANDOM : PASS_PLAIN) + (twice ? 1 : 0);
}

static enum status add_job(struct explainer *ex, int index, enum class_choice choice, int pass,
                           const struct rules *rules, struct error *err)
{
    struct pass *p = &ex->passes[pass];
    size_t room = (size_t)ex->method_count * CLASS_CHOICES;
    if (p->jobs == NULL) {
        p->jobs = calloc(room, sizeof *p->jobs);
        p->wheres = calloc(room, sizeof *p->wheres);
    }
    if (p->jobs == NULL || p->wheres == NULL)
        return fail(err, E_NOMEM, "out of memory");
    p->jobs[p->job_count] = (struct job){ .method = method_run_by(method_of(ex->methods[index])),
                                          .rules = *rules,
                                          .choice = choice };
    p->wheres[p->job_count++] = (struct where){ index, choice };
    return OK;
}

static enum status plan_jobs(struct explainer *ex, const struct explain_options *o,
                             const char *backend, struct error *err)
{
    for (int i = 0; i < ex->method_count; i++) {
        const struct method *m = method_of(ex->methods[i]);
        struct rules rules;
        if (!explain_supports(ex->methods[i], ex->model))
            return fail_key(err, E_CONFIG, "explain.methods", "'%s' is not defined for a %s",
                            m->info.name, ex->model->arch);
        TRY(rules_settle(o, method_run_by(m), ex->model, &rules, err));
        if (m->map != NULL)
            continue;
        int pass = pass_for(m, o, backend, ex->model);
        bool first = true;
        for (int c = 0; c < CLASS_CHOICES; c++) {
            if (!ex->classes[c] || (m->info.class_agnostic && !first))
                continue;
            TRY(add_job(ex, i, (enum class_choice)c, pass, &rules, err));
            first = false;
        }
    }
    return OK;
}

/* The net's backend and weights, if it computes as the pass does; else of the pass's own. */
static enum status open_weights(struct explainer *ex, struct pass *p, int index, const char *name,
                                const struct backend_options *options, struct error *err)
{
    const struct backend *be = ex->lender != NULL ? net_backend(ex->lender) : NULL;
    if (be != NULL && index == PASS_PLAIN && be->precision == PRECISION_FP32 &&
        strcmp(be->name, name) == 0) {
        p->borrowed = true;
        return net_lend(ex->lender, jobs_weight_uses(p->jobs, p->job_count, p->model->type), &p->be,
                        &p->weights, err);
    }
    TRY(backend_open(name, options, &p->be, err));
    p->weights = p->model->type->bind(p->model, p->be,
                                      jobs_weight_uses(p->jobs, p->job_count, p->model->type));
    if (p->weights == NULL)
        return fail(err, E_NOMEM, "%s: no memory for the weights of %s", p->be->name,
                    p->model->checkpoint->path);
    return p->be->sync(p->be, err);
}

static enum status open_pass(struct explainer *ex, int index, const char *backend,
                             const struct backend_options *bo, const struct explain_options *o,
                             struct error *err)
{
    struct pass *p = &ex->passes[index];
    bool twice = index == PASS_DOUBLE || index == PASS_RANDOM_DOUBLE;
    const char *double_name = backend_double_name(backend);
    const char *name = twice && double_name != NULL ? double_name : backend;
    struct backend_options options = *bo;
    options.precision = twice ? PRECISION_DOUBLE : PRECISION_FP32;
    p->model = ex->model;
    if (index >= PASS_RANDOM) {
        int layers = o->randomise_layers >= 0 ? o->randomise_layers : ex->model->geo.depth;
        TRY(model_randomise(ex->model, layers, o->seed, &p->own_model, err));
        p->model = p->own_model;
    }
    TRY(open_weights(ex, p, index, name, &options, err));
    TRY(input_bind_for(&p->input, p->model, p->be, p->jobs, p->job_count, err));
    p->lane_batch = p->be->lane_images > 0 ? p->be->lane_images : ex->batch;
    p->sweeps = calloc((size_t)p->be->lanes, sizeof *p->sweeps);
    p->views = calloc((size_t)ex->batch, sizeof *p->views);
    if (p->sweeps == NULL || p->views == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %d images", name, ex->batch);
    for (int i = 0; i < p->be->lanes; i++)
        TRY(sweep_open(p->model, p->be, p->weights, p->input, &ex->format, p->jobs, p->job_count,
                       p->lane_batch, &p->sweeps[i], err));
    return OK;
}

enum status explainer_open(const struct model *model, const char *backend,
                           const struct backend_options *bo, const struct input_format *format,
                           const struct explain_options *o,
                           const struct explain_method *const *methods, int method_count,
                           const bool classes[CLASS_CHOICES], int batch, struct explainer **out,
                           struct error *err)
{
    return explainer_open_beside(NULL, model, backend, bo, format, o, methods, method_count,
                                 classes, batch, out, err);
}

enum status explainer_open_beside(struct net *lender, const struct model *model,
                                  const char *backend, const struct backend_options *bo,
                                  const struct input_format *format,
                                  const struct explain_options *o,
                                  const struct explain_method *const *methods, int method_count,
                                  const bool classes[CLASS_CHOICES], int batch,
                                  struct explainer **out, struct error *err)
{
    struct explainer *ex = calloc(1, sizeof *ex);
    if (ex == NULL)
        return fail(err, E_NOMEM, "out of memory");
    ex->model = model;
    ex->lender = lender;
    ex->batch = batch;
    ex->format = *format;
    ex->seed = o->seed;
    ex->method_count = method_count;
    memcpy(ex->classes, classes, sizeof ex->classes);
    ex->methods = calloc((size_t)method_count + 1, sizeof *ex->methods);
    ex->side = calloc((size_t)method_count + 1, sizeof *ex->side);
    ex->map_start = calloc((size_t)method_count + 1, sizeof *ex->map_start);
    bool ok = ex->methods != NULL && ex->side != NULL && ex->map_start != NULL;
    enum status s = ok ? OK : fail(err, E_NOMEM, "out of memory");
    if (s == OK) {
        memcpy(ex->methods, methods, (size_t)method_count * sizeof *methods);
        for (int i = 0; i < method_count; i++)
            ex->side[i] = explain_map_side(methods[i], model, o);
        for (int i = 0; i < method_count; i++)
            ex->map_start[i + 1] = ex->map_start[i] + CLASS_CHOICES * map_size(ex, i);
        s = plan_jobs(ex, o, backend, err);
    }
    for (int i = 0; s == OK && i < PASSES; i++)
        if (ex->passes[i].job_count > 0)
            s = open_pass(ex, i, backend, bo, o, err);
    if (s != OK) {
        explainer_close(ex);
        return s;
    }
    *out = ex;
    return OK;
}

static void close_pass(struct pass *p)
{
    if (p->be != NULL) {
        for (int i = 0; p->sweeps != NULL && i < p->be->lanes; i++)
            sweep_close(p->sweeps[i]);
        input_unbind(p->input, p->be);
        if (!p->borrowed) {
            p->model->type->unbind(p->weights, p->be);
            backend_close(p->be);
        }
    }
    model_close(p->own_model);
    free(p->input);
    free(p->sweeps);
    free(p->views);
    free(p->jobs);
    free(p->wheres);
}

void explainer_close(struct explainer *ex)
{
    if (ex == NULL)
        return;
    for (int i = 0; i < PASSES; i++)
        close_pass(&ex->passes[i]);
    free(ex->methods);
    free(ex->side);
    free(ex->map_start);
    free(ex);
}

size_t explainer_bytes(const struct explainer *ex)
{
    size_t bytes = 0;
    for (int i = 0; i < PASSES; i++) {
        const struct pass *p = &ex->passes[i];
        if (p->be == NULL)
            continue;
        for (int k = 0; k < p->be->lanes; k++)
            bytes += sweep_bytes(p->sweeps[k]);
        if (!p->borrowed)
            bytes += p->model->parameters * p->be->real_size;
    }
    return bytes;
}

/* ---- running ---- */

/* drop_c: the map is v without the CLS entry (SPEC 1), or v itself where it is a whole map. */
static void finish_map(const struct geometry *g, const struct job *j, const double *v, size_t size,
                       float *map)
{
    bool tokens = method_pixel_side(g, &j->rules) == 0;
    size_t count = tokens ? (size_t)g->tokens : size;
    for (size_t k = 0; k < count; k++) {
        if (tokens && !geometry_is_patch(g, (int)k))
            continue;
        double x = j->rules.clamp_map && v[k] < 0 ? 0 : v[k];
        *map++ = (float)x;
    }
}

static float *sum_error_at(const struct explainer *ex, const struct explain_result *r, int image,
                           int method, enum class_choice choice)
{
    size_t at = (size_t)image * (size_t)ex->method_count + (size_t)method;
    return r->sum_error + at * CLASS_CHOICES + (size_t)choice;
}

/* Takes a chunk's tracks into the result. */
static void collect(const struct explainer *ex, const struct pass *p, const struct sweep *s, int at,
                    const struct explain_result *r)
{
    for (int k = 0; k < p->job_count; k++) {
        const struct job *j = &s->jobs[k];
        bool idle = j->stream >= 0 && s->streams[j->stream].idle;
        for (int i = 0; i < s->n; i++) {
            float *map = map_at(ex, r, at + i, p->wheres[k].method, p->wheres[k].choice);
            if (!idle)
                finish_map(&ex->model->geo, j, j->tracks[i].v, map_size(ex, p->wheres[k].method),
                           map);
            r->zero_row_sum[at + i] |= !idle && j->tracks[i].zero_row_sum;
            if (r->sum_error != NULL && !idle)
                *sum_error_at(ex, r, at + i, p->wheres[k].method, p->wheres[k].choice) =
                    (float)j->tracks[i].sum_error;
        }
    }
    /* The identity is told of the model itself: with the control's fresh weights the scan's share
     * of y is some 1e-4 of D u, and y - D u loses as many digits. */
    for (int i = 0; i < s->n && p->own_model == NULL; i++)
        if (!(s->identity[i] <= r->identity_error[at + i]) && !isnan(s->identity[i]))
            r->identity_error[at + i] = s->identity[i];
}

/* Images from `at` on, as many as a lane takes of the n. */
static void run_chunk(struct explainer *ex, struct pass *p, struct sweep *s, const int32_t *target,
                      int n, int at, const struct explain_result *r)
{
    int count = n - at < p->lane_batch ? n - at : p->lane_batch;
    sweep_run(s, p->views + at, count, r->predicted + at, target + at);
    collect(ex, p, s, at, r);
}

static enum status run_pass(struct explainer *ex, struct pass *p,
                            const struct explain_image *images, const int32_t *target, int n,
                            const struct explain_result *r, struct error *err)
{
    for (int i = 0; i < n; i++)
        p->views[i] = (struct view){ .rgb = images[i].rgb };
    int step = p->lane_batch;
    if (p->be->lanes == 1 || n <= step) { /* no parallel region around it: see net_forward */
        for (int at = 0; at < n; at += step)
            run_chunk(ex, p, p->sweeps[0], target, n, at, r);
        return p->be->sync(p->be, err);
    }
#pragma omp parallel for schedule(dynamic) num_threads(p->be->lanes)
    for (int at = 0; at < n; at += step)
        run_chunk(ex, p, p->sweeps[omp_get_thread_num()], target, n, at, r);
    return p->be->sync(p->be, err);
}

/* Maps that were not computed because they are known: class-agnostic ones, and the target's where
 * the target is the predicted class. */
static void copy_known(const struct explainer *ex, const struct explain_image *images, int n,
                       const struct explain_result *r)
{
    if (!ex->classes[CLASS_PREDICTED] || !ex->classes[CLASS_TARGET])
        return;
    for (int i = 0; i < n; i++)
        for (int m = 0; m < ex->method_count; m++)
            if (ex->methods[m]->class_agnostic || images[i].label == r->predicted[i]) {
                if (r->sum_error != NULL)
                    *sum_error_at(ex, r, i, m, CLASS_TARGET) =
                        *sum_error_at(ex, r, i, m, CLASS_PREDICTED);
                memcpy(map_at(ex, r, i, m, CLASS_TARGET), map_at(ex, r, i, m, CLASS_PREDICTED),
                       map_size(ex, m) * sizeof(float));
            }
}

static enum status check_images(const struct explainer *ex, const struct explain_image *images,
                                int n, struct error *err)
{
    if (n > ex->batch)
        return fail(err, E_CONFIG, "%d images in one call, planned for %d", n, ex->batch);
    bool plain = ex->passes[PASS_PLAIN].job_count > 0 || ex->passes[PASS_DOUBLE].job_count > 0;
    bool randomised =
        ex->passes[PASS_RANDOM].job_count + ex->passes[PASS_RANDOM_DOUBLE].job_count > 0;
    for (int i = 0; i < n; i++) {
        int classes = ex->model->geo.classes;
        if (images[i].predicted >= classes || (images[i].predicted < 0 && !plain && randomised))
            return fail(err, E_CONFIG, "predicted class %d, should be 0 to %d", images[i].predicted,
                        classes - 1);
        if (ex->classes[CLASS_TARGET] && (images[i].label < 0 || images[i].label >= classes))
            return fail_key(err, E_CONFIG, "explain.class",
                            "target needs labels of 0 to %d, not %d", classes - 1, images[i].label);
    }
    return OK;
}

enum status explainer_run(struct explainer *ex, const struct explain_image *images, int n,
                          const struct explain_result *r, struct error *err)
{
    TRY(check_images(ex, images, n, err));
    int32_t *target = calloc((size_t)n + 1, sizeof *target);
    if (target == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int i = 0; i < n; i++) {
        r->predicted[i] = images[i].predicted;
        r->identity_error[i] = NAN;
        r->zero_row_sum[i] = 0;
        for (int k = 0; r->sum_error != NULL && k < ex->method_count * CLASS_CHOICES; k++)
            *sum_error_at(ex, r, i, k / CLASS_CHOICES, (enum class_choice)(k % CLASS_CHOICES)) =
                NAN;
        target[i] =
            images[i].label >= 0 && images[i].label < ex->model->geo.classes ? images[i].label : 0;
    }
    enum status s = OK;
    for (int i = 0; s == OK && i < PASSES; i++)
        if (ex->passes[i].job_count > 0)
            s = run_pass(ex, &ex->passes[i], images, target, n, r, err);
    free(target);
    for (int m = 0; s == OK && m < ex->method_count; m++) {
        const struct method *method = method_of(ex->methods[m]);
        for (int i = 0; method->map != NULL && i < n; i++)
            for (int c = 0; c < CLASS_CHOICES; c++)
                if (ex->classes[c])
                    method->map(&ex->model->geo, ex->seed, images[i].id_hash,
                                map_at(ex, r, i, m, (enum class_choice)c));
    }
    if (s == OK)
        copy_known(ex, images, n, r);
    return s;
}
