#include "plan_internal.h"

#include "contents.h"
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"
#include "task.h"

const struct plan_place plan_alone = { .device = 0, .sharers = 1 };

enum class_choice plan_first_class(const struct plan *p)
{
    return p->classes[CLASS_PREDICTED] ? CLASS_PREDICTED : CLASS_TARGET;
}

bool plan_has_own(const struct plan *p, int method, enum class_choice c)
{
    return c == plan_first_class(p) || !p->methods[method]->class_agnostic;
}

/* ---- names ---------------------------------------------------------------------------------- */

static enum status unknown_name(const struct plan *p, const void *field, const char *what,
                                const char *typed, const char *const *names, size_t count,
                                struct error *err)
{
    char list[500];
    join_words(list, sizeof list, names, count);
    const char *near = suggest(typed, names, count);
    return config_fail(p->config, field, err, "there is no %s '%s'%s%s%s; known are %s", what,
                       typed, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                       list);
}

static enum status find_tasks(struct plan *p, struct error *err)
{
    const struct words *kinds = &p->v->task.kinds;
    const char *names[PLAN_TASKS];
    size_t count = 0;
    for (; tasks[count] != NULL && count < PLAN_TASKS; count++)
        names[count] = tasks[count]->name;
    for (size_t i = 0; i < kinds->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(names[k], kinds->word[i]) != 0)
            k++;
        if (k == count)
            return unknown_name(p, kinds, "task", kinds->word[i], names, count, err);
        p->tasks[p->task_count++] = tasks[k];
    }
    return OK;
}

static enum status find_methods(struct plan *p, struct error *err)
{
    const struct words *wanted = &p->v->explain.methods;
    const char *const *names = plan_method_names(p);
    enum status status = OK;
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    if (wanted->count > PLAN_METHODS)
        return config_fail(p->config, wanted, err, "more than %d methods", PLAN_METHODS);
    for (size_t i = 0; i < wanted->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(names[k], wanted->word[i]) != 0)
            k++;
        if (names == NULL || k < count || plan_find_map(p, wanted->word[i]) >= 0)
            p->wanted[p->method_count++] = wanted->word[i];
        else if (status == OK)
            status = unknown_name(p, wanted, "method", wanted->word[i], names, count, err);
    }
    p->classes[CLASS_PREDICTED] = (p->v->explain.classes >> CLASS_PREDICTED & 1) != 0;
    p->classes[CLASS_TARGET] = (p->v->explain.classes >> CLASS_TARGET & 1) != 0;
    return status;
}

static enum status check_task_keys(struct plan *p, struct error *err)
{
    for (int i = 0; i < p->task_count; i++)
        if (p->tasks[i]->check != NULL)
            TRY(p->tasks[i]->check(p, err));
    return OK;
}

static enum status check_methods(struct plan *p, struct error *err)
{
    const struct engine *e = p->engine;
    for (int i = 0; i < p->method_count; i++) {
        const char *can[PLAN_METHODS];
        char list[500];
        size_t count = 0;
        p->methods[i] = engine_method(e, p->wanted[i]);
        int map = plan_find_map(p, p->wanted[i]);
        if (map >= 0 && p->methods[i] != NULL)
            return config_fail(p->config, &p->v->explain.methods, err,
                               "'%s' is a method of this model and a file of [maps]; another name "
                               "in [maps] would tell them apart",
                               p->wanted[i]);
        if (map >= 0)
            p->methods[i] = &p->from_file[i];
        if (p->methods[i] != NULL)
            continue;
        for (; count < (size_t)e->method_count && count < PLAN_METHODS; count++)
            can[count] = e->methods[count].name;
        join_words(list, sizeof list, can, count);
        return config_fail(p->config, &p->v->explain.methods, err,
                           "'%s' is not defined for a %s; methods that are: %s", p->wanted[i],
                           e->info.arch, list);
    }
    return OK;
}

/* ---- data ----------------------------------------------------------------------------------- */

static enum status open_data(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    if (v->data.kind == NULL || v->data.path == NULL) {
        const char *names[32];
        char list[300];
        size_t count = 0;
        for (; dataset_kinds[count] != NULL && count < 32; count++)
            names[count] = dataset_kinds[count]->name;
        join_words(list, sizeof list, names, count);
        if (v->data.kind == NULL)
            return config_fail(p->config, &v->data.kind, err, "not set; kinds are %s", list);
        return config_fail(p->config, &v->data.path, err, "not set; a %s wants one", v->data.kind);
    }
    struct dataset_options options = config_dataset(v);
    options.head_classes = p->engine != NULL ? p->engine->info.classes : 0;
    enum status status = dataset_open(&options, &p->data, err);
    if (status != OK)
        return config_blame(p->config, &v->data.path, err);
    dataset_sample_contents(p->data); /* in its own order, whatever the run's */
    return plan_take_images(p, err);
}

/* Whether the data set has what the tasks and the explained classes need. */
static enum status check_tasks(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    for (int i = 0; i < p->task_count; i++) {
        const struct task *t = p->tasks[i];
        if ((t->traits & TASK_LABELS) && !p->data->has_labels)
            return config_fail(p->config, &v->task.kinds, err,
                               "%s needs class labels, and a data set of kind %s has none", t->name,
                               p->data->kind->name);
        if ((t->traits & TASK_MASKS) && !p->data->has_masks)
            return config_fail(p->config, &v->task.kinds, err,
                               "%s needs object masks, and a data set of kind %s has none", t->name,
                               p->data->kind->name);
    }
    return OK;
}

static enum status check_preprocess(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    for (int i = 0; i < p->task_count; i++)
        if ((p->tasks[i]->traits & TASK_MASKS) && v->data.preprocess != PREPROCESS_STRETCH)
            return config_fail(p->config, &v->data.preprocess, err,
                               "%s wants 'stretch', which image and mask go through alike",
                               p->tasks[i]->name);
    return OK;
}

static enum status check_classes(struct plan *p, struct error *err)
{
    if (p->classes[CLASS_TARGET] && !p->data->has_labels)
        return config_fail(p->config, &p->v->explain.classes, err,
                           "the target is the image's label, and a data set of kind %s has none",
                           p->data->kind->name);
    return OK;
}

static enum status check_labels(struct plan *p, struct error *err)
{
    const struct dataset_options options = config_dataset(p->v);
    if (p->engine->info.classes == 0) /* no model has an opinion of them */
        return OK;
    enum status status =
        dataset_check_labels(p->data, p->images, &options, p->engine->info.classes, err);
    return status == OK ? OK : config_blame(p->config, &p->v->data.path, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status set_threads(struct plan *p, struct error *err)
{
    enum { MOST_A_PROCESSOR = 8, FEWEST = 64 };
    int all = omp_get_num_procs(), own = all / p->place.sharers;
    int most = MOST_A_PROCESSOR * all > FEWEST ? MOST_A_PROCESSOR * all : FEWEST;
    if (p->v->compute.threads > most)
        return config_fail(p->config, &p->v->compute.threads, err,
                           "this machine has %d processors: 1 to %d threads are taken, and all "
                           "(or %d) are fastest",
                           all, most, all);
    p->threads = p->v->compute.threads > 0 ? (int)p->v->compute.threads : own > 1 ? own : 1;
    omp_set_num_threads(p->threads);
    return OK;
}

enum {
    STEP_THREADS,
    STEP_TASKS,
    STEP_METHODS,
    STEP_INPUTS,
    STEP_OUTPUT,
    STEP_MODEL,
    STEP_DATA,
    STEP_MASKS,
    STEP_TASK_KEYS,
    STEP_PREPROCESS,
    STEP_TARGET,
    STEP_SUPPORT,
    STEP_MAPS,
    STEP_LABELS,
    STEP_ENGINE,
    STEP_EXPLAINER
};
#define AFTER(step) (1u << STEP_##step)

/* Steps run in this order; `needs` says which earlier steps must have succeeded. */
static const struct step {
    const char *name;
    enum status (*run)(struct plan *, struct error *);
    unsigned needs;
} steps[] = {
    [STEP_THREADS] = { "threads", set_threads, 0 },
    [STEP_TASKS] = { "tasks", find_tasks, 0 },
    [STEP_METHODS] = { "methods", find_methods, 0 },
    [STEP_INPUTS] = { "output", plan_check_inputs, 0 },
    [STEP_OUTPUT] = { "output", plan_check_output, AFTER(INPUTS) },
    [STEP_MODEL] = { "model", plan_open_model, 0 },
    [STEP_DATA] = { "data set", open_data, /* whose classes the model knows, if it is there */
                    AFTER(INPUTS) },       /* a demo set is written where there is none */
    [STEP_MASKS] = { "tasks and data set", check_tasks, AFTER(DATA) },
    [STEP_TASK_KEYS] = { "settings of the tasks", check_task_keys, AFTER(TASKS) | AFTER(MODEL) },
    [STEP_PREPROCESS] = { "preprocessing", check_preprocess, 0 },
    [STEP_TARGET] = { "explained classes", check_classes, AFTER(DATA) },
    [STEP_SUPPORT] = { "methods of the model", check_methods, AFTER(MODEL) },
    [STEP_MAPS] = { "maps from files", plan_open_maps,
                    AFTER(METHODS) | AFTER(SUPPORT) | AFTER(DATA) },
    [STEP_LABELS] = { "labels", check_labels, AFTER(DATA) | AFTER(MODEL) },
    [STEP_ENGINE] = { "engine", plan_open_engine, AFTER(MODEL) },
    [STEP_EXPLAINER] = { "explanations", plan_open_explainer,
                         AFTER(METHODS) | AFTER(SUPPORT) | AFTER(MAPS) | AFTER(ENGINE) },
};

static enum status examine(struct config *config, const struct plan_place *place,
                           plan_listener *listener, void *context, struct plan **out,
                           struct error *err)
{
    unsigned done = 0;
    enum status first = OK;
    struct plan *p = calloc(1, sizeof *p);
    *out = p;
    if (p == NULL)
        return fail(err, E_NOMEM, "out of memory");
    p->config = config;
    p->v = config_values(config);
    p->place = *place;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && (first == OK || listener != NULL); i++) {
        struct error own = { 0 };
        if ((steps[i].needs & done) != steps[i].needs)
            continue;
        enum status status = steps[i].run(p, &own);
        done |= status == OK ? 1u << i : 0;
        if (listener != NULL)
            listener(context, steps[i].name, status, &own);
        if (status != OK && first == OK) {
            first = status;
            *err = own;
        }
    }
    return first;
}

enum status plan_examine(struct config *config, plan_listener *listener, void *context,
                         struct plan **out, struct error *err)
{
    return examine(config, &plan_alone, listener, context, out, err);
}

enum status plan_open(struct config *config, struct plan **out, struct error *err)
{
    return plan_open_at(config, &plan_alone, out, err);
}

enum status plan_open_at(struct config *config, const struct plan_place *place, struct plan **out,
                         struct error *err)
{
    struct plan *p;
    enum status status = examine(config, place, NULL, NULL, &p, err);
    if (status != OK) {
        plan_close(p);
        p = NULL;
    }
    *out = p;
    return status;
}

void plan_close(struct plan *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->method_count; i++)
        map_file_close(p->files[i]);
    engine_close(p->engine);
    free(p->references);
    if (p->data != NULL)
        dataset_close(p->data);
    free(p);
}
