#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "explainer.h"
#include "randomise.h"

/* ---- where maps lie ---- */

size_t explainer_map_values(const struct explainer *ex)
{
    return ex->map_start[ex->method_count];
}

int explainer_side(const struct explainer *ex, int method)
{
    return ex->side[method];
}

size_t explainer_map_at(const struct explainer *ex, int image, int method, enum class_choice choice)
{
    return (size_t)image * explainer_map_values(ex) + ex->map_start[method] +
           (size_t)choice * explainer_map_size(ex, method);
}

/* ---- opening ---- */

/* A backend with double arrays has them in every pass, but where `mixed` is asked for by name. */
static int pass_for(const struct method *m, const struct explain_options *o, const char *backend,
                    const struct model *model)
{
    const char *double_name = backend_double_name(backend);
    bool doubles = double_name != NULL && strcmp(double_name, backend) == 0;
    int first = m->randomised != NULL ? PASS_RANDOM : PASS_PLAIN;
    switch (explain_runs_in(&m->info, model, o)) {
    case EXPLAIN_MIXED:
        return first + (doubles && o->precision != EXPLAIN_MIXED ? 0 : PASS_MIXED);
    case EXPLAIN_DOUBLE:
        return first + (doubles ? 0 : PASS_DOUBLE);
    default:
        return first;
    }
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

static int lowest_of(const struct explainer *ex, const struct job *j)
{
    return method_functions(j->method, ex->model->type)->bottom != NULL ? 0 : j->rules.start;
}

/* Whether a job finds its gradient made in that pass, or all but one layer of it. */
static bool finds_gradient(const struct explainer *ex, const struct pass *p, const struct job *j)
{
    if (j->rules.gradient == GRADIENT_NONE || j->method->sampler != NULL)
        return false;
    for (int i = 0; i < p->job_count; i++) {
        const struct job *other = &p->jobs[i];
        if (other->rules.gradient == j->rules.gradient && other->rules.score == j->rules.score &&
            other->choice == j->choice && lowest_of(ex, other) <= lowest_of(ex, j) + 1)
            return true;
    }
    return false;
}

/* Where a method has to be computed mixed or in double, others take their gradient from there, and
 * no second one is made in fp32. */
static enum status share_double(struct explainer *ex, struct error *err)
{
    struct pass *p = &ex->passes[PASS_PLAIN];
    int kept = 0;
    for (int i = 0; i < p->job_count; i++) {
        int there = PASS_MIXED;
        while (there <= PASS_DOUBLE && !finds_gradient(ex, &ex->passes[there], &p->jobs[i]))
            there++;
        if (there <= PASS_DOUBLE) {
            TRY(add_job(ex, p->wheres[i].method, p->wheres[i].choice, there, &p->jobs[i].rules,
                        err));
            continue;
        }
        p->jobs[kept] = p->jobs[i];
        p->wheres[kept++] = p->wheres[i];
    }
    p->job_count = kept;
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
    return share_double(ex, err);
}

/* Takes the net's backend and weights where it computes as the pass does; else opens separate
 * ones. */
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
    if (pass_mixed(index))
        TRY(backend_single(p->be, err));
    struct pass_weights own[2];
    for (int i = 0, count = pass_weights(p, own); i < count; i++) {
        *own[i].weights = p->model->type->bind(p->model, own[i].be, own[i].uses);
        if (*own[i].weights == NULL)
            return fail(err, E_NOMEM, "%s: no memory for the weights of %s", own[i].be->name,
                        p->model->checkpoint->path);
    }
    return be_sync(p->be, err);
}

int pass_weights(struct pass *p, struct pass_weights *out)
{
    unsigned uses = jobs_weight_uses(p->jobs, p->job_count, p->model->type);
    out[0] = (struct pass_weights){ p->be, &p->weights, uses };
    if (p->be->single == NULL)
        return 1;
    out[0].uses = WEIGHT_FORWARD;
    out[1] = (struct pass_weights){ p->be->single, &p->single_weights,
                                    uses & ~(unsigned)WEIGHT_FORWARD };
    return 2;
}

struct sweep_on pass_on(const struct pass *p)
{
    struct sweep_on on = { p->be, p->be, p->weights, p->weights, p->input };
    if (p->be->single != NULL) {
        on.down = p->be->single;
        on.down_weights = p->single_weights;
    }
    return on;
}

/* Bytes that alloc gave and free has not taken back. */
static size_t held_by(const struct backend *be)
{
    return be->held + (be->single != NULL ? be->single->held : 0);
}

/* All that a pass holds on the device but for its sweeps. */
static enum status bind_pass(struct explainer *ex, int index, const char *backend,
                             const struct backend_options *bo, const struct explain_options *o,
                             struct error *err)
{
    struct pass *p = &ex->passes[index];
    bool twice = index != PASS_PLAIN && index != PASS_RANDOM;
    const char *double_name = backend_double_name(backend);
    const char *name = twice && double_name != NULL ? double_name : backend;
    struct backend_options options = *bo;
    options.precision = twice ? PRECISION_DOUBLE : PRECISION_FP32;
    p->model = ex->model;
    if (index >= PASS_RANDOM) {
        TRY(model_randomise(ex->model, ex->fresh_layers, o->seed, &p->own_model, err));
        p->model = p->own_model;
    }
    const struct backend *lender = ex->lender != NULL ? net_backend(ex->lender) : NULL;
    size_t held = lender != NULL ? lender->held : 0;
    TRY(open_weights(ex, p, index, name, &options, err));
    TRY(input_bind_for(&p->input, p->model, pass_on(p).down, p->jobs, p->job_count, err));
    if (p->be->memory != NULL)
        p->weight_bytes = held_by(p->be) - (p->borrowed ? held : 0);
    else if (!p->borrowed)
        p->weight_bytes =
            p->model->parameters * (p->be->real_size + (pass_mixed(index) ? sizeof(float) : 0));
    return OK;
}

static enum status open_pass(struct explainer *ex, struct pass *p, struct error *err)
{
    p->lane_batch = p->be->lane_images > 0 ? p->be->lane_images : ex->at_once;
    p->sweeps = calloc((size_t)p->be->lanes, sizeof *p->sweeps);
    p->views = calloc((size_t)ex->batch, sizeof *p->views);
    p->hash = calloc((size_t)ex->batch, sizeof *p->hash);
    if (p->sweeps == NULL || p->views == NULL || p->hash == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %d images", p->be->name, ex->batch);
    const struct sweep_on on = pass_on(p);
    for (int i = 0; i < p->be->lanes; i++) {
        TRY(sweep_open(p->model, &on, &ex->format, p->jobs, p->job_count, p->lane_batch, ex->layers,
                       &p->sweeps[i], err));
        p->sweeps[i]->seed = ex->seed;
    }
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
                                 classes, batch, NULL, out, err);
}

/* Weights first: what is left for images is known then. */
static enum status open_passes(struct explainer *ex, const char *backend,
                               const struct backend_options *bo, const struct explain_options *o,
                               struct explain_room *room, struct error *err)
{
    for (int i = 0; i < PASSES; i++)
        if (ex->passes[i].job_count > 0)
            TRY(bind_pass(ex, i, backend, bo, o, err));
    TRY(explainer_choose_images(ex, room, err));
    for (int i = 0; i < PASSES; i++)
        if (ex->passes[i].job_count > 0)
            TRY(open_pass(ex, &ex->passes[i], err));
    return OK;
}

enum status
explainer_open_beside(struct net *lender, const struct model *model, const char *backend,
                      const struct backend_options *bo, const struct input_format *format,
                      const struct explain_options *o, const struct explain_method *const *methods,
                      int method_count, const bool classes[CLASS_CHOICES], int batch,
                      struct explain_room *room, struct explainer **out, struct error *err)
{
    struct explainer *ex = calloc(1, sizeof *ex);
    if (ex == NULL)
        return fail(err, E_NOMEM, "out of memory");
    ex->model = model;
    ex->lender = lender;
    ex->batch = batch;
    ex->format = *format;
    ex->seed = o->seed;
    ex->references = (int)o->references;
    ex->fresh_layers = o->randomise_layers >= 0 ? o->randomise_layers : model->geo.depth;
    ex->method_count = method_count;
    memcpy(ex->classes, classes, sizeof ex->classes);
    ex->methods = calloc((size_t)method_count + 1, sizeof *ex->methods);
    ex->side = calloc((size_t)method_count + 1, sizeof *ex->side);
    ex->map_start = calloc((size_t)method_count + 1, sizeof *ex->map_start);
    ex->dropped = calloc((size_t)batch * (size_t)method_count * CLASS_CHOICES + 1, sizeof(float));
    bool ok =
        ex->methods != NULL && ex->side != NULL && ex->map_start != NULL && ex->dropped != NULL;
    enum status s = ok ? OK : fail(err, E_NOMEM, "out of memory");
    if (s == OK) {
        memcpy(ex->methods, methods, (size_t)method_count * sizeof *methods);
        for (int i = 0; i < method_count; i++)
            ex->side[i] = explain_map_side(methods[i], model, o);
        for (int i = 0; i < method_count; i++)
            ex->map_start[i + 1] = ex->map_start[i] + CLASS_CHOICES * explainer_map_size(ex, i);
        s = plan_jobs(ex, o, backend, err);
    }
    if (s == OK)
        s = open_passes(ex, backend, bo, o, room, err);
    return OPENED(s, ex, explainer_close, out);
}

static void close_pass(struct pass *p)
{
    if (p->be != NULL) {
        for (int i = 0; p->sweeps != NULL && i < p->be->lanes; i++)
            sweep_close(p->sweeps[i]);
        input_unbind(p->input, pass_on(p).down);
        explainer_drop_references(p);
        if (!p->borrowed) {
            p->model->type->unbind(p->weights, p->be);
            p->model->type->unbind(p->single_weights, p->be->single);
            backend_close(p->be);
        }
    }
    model_close(p->own_model);
    free(p->input);
    free(p->sweeps);
    free(p->views);
    free(p->hash);
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
    free(ex->dropped);
    free(ex);
}
