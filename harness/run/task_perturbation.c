/* Perturbation test (SPEC 7, 12): is the class lost when hot pixels are removed, and kept when cold
 * ones are? */
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "imputation.h"
#include "stop.h"
#include "task.h"

enum { SLICE = 8 }; /* views an image of a batch, between two checks for signals */

static const char *const order_names[ORDERS] = { "positive", "negative" };

typedef int columns_of[PLAN_METHODS][CLASS_CHOICES];

/* Indices of the columns of one order of removal. */
struct curve_columns {
    columns_of hit, prob, predicted, prob_class, logit_class;
};

struct perturbation {
    struct curve_axis axis;
    struct curve_columns curve[ORDERS];
    int removed;                            /* column: the shares of the axis */
    int blank_prob, blank_class, blank_top; /* columns of the fully filled image; -1: none */
    size_t views_each;                      /* masked images a map, the blank one not counted */
    uint32_t *rank;                         /* [maps, S*S], device memory */
    int32_t *ties;                          /* [maps], device memory */
    struct view *views;                     /* [maps, views_each], and room for a batch */
    float *logits;                          /* [slice, classes] */
    float *blank;                  /* [classes], or [batch, classes] with a fill an image */
    size_t slice;                  /* views classified between two checks for signals */
    struct imputation *imputation; /* task.fill = linear; else NULL */
};

static bool asked(const struct plan *plan, int order)
{
    return (plan->v->task.directions >> order & 1) != 0;
}

static size_t most_maps(const struct plan *plan)
{
    return (size_t)plan->engine->info.batch * (size_t)plan->method_count * CLASS_CHOICES;
}

static bool linear(const struct plan *plan)
{
    return plan->v->task.fill == FILL_LINEAR;
}

/* Whether every image has its own fully filled image. */
static bool blank_each(const struct plan *plan)
{
    return plan->v->task.fill == FILL_BLUR || plan->v->task.fill == FILL_RISE_BLUR;
}

static enum status check_perturbation(const struct plan *plan, struct error *err)
{
    if (linear(plan) && plan->v->task.upto == UPTO_100)
        return config_fail(plan->config, &plan->v->task.upto, err,
                           "with task.fill = linear some pixels have to stay: 90 is as far as it "
                           "goes");
    return OK;
}

/* ---- columns ------------------------------------------------------------------------------ */

/* Whether the probability of the explained class needs a column: the target's is the label's, which
 * is stored already. */
static enum status class_columns(const struct plan *plan, struct records *r, const char *order,
                                 struct curve_columns *c, int points, struct error *err)
{
    for (int m = 0; m < plan->method_count; m++)
        for (int k = 0; k < CLASS_CHOICES; k++) {
            const char *method = plan->methods[m]->name, *of = class_choice_names[k];
            if (!plan->classes[k])
                continue;
            if (k == CLASS_TARGET)
                TRY(records_link(r, c->prob[m][k], err, "perturbation/%s/%s/%s/prob_class", method,
                                 of, order));
            else
                TRY(records_add(r, COLUMN_F32, points, 0, &c->prob_class[m][k], err,
                                "perturbation/%s/%s/%s/prob_class", method, of, order));
            TRY(records_add(r, COLUMN_F32, points, 0, &c->logit_class[m][k], err,
                            "perturbation/%s/%s/%s/logit_class", method, of, order));
        }
    return OK;
}

static enum status blank_columns(struct perturbation *s, const struct plan *plan, struct records *r,
                                 struct error *err)
{
    s->blank_prob = s->blank_class = s->blank_top = -1;
    if (linear(plan))
        return OK;
    if (!blank_each(plan))
        return records_add_once(r, COLUMN_F32, plan->engine->info.classes, 0, &s->blank_prob, err,
                                "blank/prob");
    TRY(records_add(r, COLUMN_F32, 0, 0, &s->blank_prob, err, "blank/prob"));
    TRY(records_add(r, COLUMN_F32, 0, 0, &s->blank_class, err, "blank/prob_class"));
    return records_add(r, COLUMN_I32, 0, 0, &s->blank_top, err, "blank/predicted");
}

static enum status perturbation_columns(void *state, const struct plan *plan, struct records *r,
                                        struct error *err)
{
    struct perturbation *s = state;
    s->axis = task_axis(plan);
    int points = s->axis.steps + 1;
    s->views_each = (size_t)(s->axis.upto == 100 ? s->axis.steps - 1 : s->axis.steps);
    TRY(records_add_once(r, COLUMN_F32, points, 0, &s->removed, err, "removed"));
    for (int o = 0; o < ORDERS; o++) {
        static const char at[] = "perturbation";
        const char *order = order_names[o];
        struct curve_columns *c = &s->curve[o];
        char path[40];
        if (!asked(plan, o))
            continue;
        snprintf(path, sizeof path, "%s/hit", order);
        TRY(task_columns(plan, r, COLUMN_U8, points, 0, at, path, c->hit, err));
        snprintf(path, sizeof path, "%s/prob", order);
        TRY(task_columns(plan, r, COLUMN_F32, points, 0, at, path, c->prob, err));
        snprintf(path, sizeof path, "%s/predicted", order);
        TRY(task_columns(plan, r, COLUMN_I32, points, 0, at, path, c->predicted, err));
        TRY(class_columns(plan, r, order, c, points, err));
    }
    return blank_columns(s, plan, r, err);
}

/* ---- memory ------------------------------------------------------------------------------- */

static enum status open_perturbation(void *state, const struct plan *plan, struct error *err)
{
    struct perturbation *s = state;
    size_t maps = most_maps(plan), classes = (size_t)plan->engine->info.classes;
    s->slice = (size_t)plan->engine->info.batch * SLICE;
    s->rank = engine_alloc(plan->engine, maps * pixel_count(plan), sizeof *s->rank);
    s->ties = engine_alloc(plan->engine, maps, sizeof *s->ties);
    s->views = calloc(maps * s->views_each + (size_t)plan->engine->info.batch, sizeof *s->views);
    s->logits = malloc(s->slice * classes * sizeof *s->logits);
    s->blank = malloc((size_t)plan->engine->info.batch * classes * sizeof *s->blank);
    if (s->rank == NULL || s->ties == NULL || s->views == NULL || s->logits == NULL ||
        s->blank == NULL)
        return fail(err, E_NOMEM,
                    "no memory for the masks of %d images; a smaller compute.batch "
                    "would fit",
                    plan->engine->info.batch);
    return linear(plan) ? imputation_open(plan, s->slice, &s->imputation, err) : OK;
}

static size_t perturbation_bytes(const struct plan *plan, size_t batch)
{
    const struct perturbation *s = NULL;
    size_t maps = batch * (size_t)plan->method_count * CLASS_CHOICES;
    return task_maps_bytes(plan, batch, sizeof *s->rank) + maps * sizeof *s->ties +
           (linear(plan) ? imputation_bytes(plan, batch * SLICE) : 0);
}

static void close_perturbation(void *state, const struct plan *plan)
{
    struct perturbation *s = state;
    engine_free(plan->engine, s->rank);
    engine_free(plan->engine, s->ties);
    imputation_close(s->imputation);
    FREE_ALL(s->views, s->logits, s->blank);
}

/* Fills the axis, and the fully filled image where it is the same for all. */
static enum status begin_perturbation(void *state, const struct plan *plan, struct records *r,
                                      struct error *err)
{
    struct perturbation *s = state;
    float *removed = records_f32(r, s->removed, 0);
    for (int k = 0; k <= s->axis.steps; k++)
        removed[k] = (float)curve_share(&s->axis, k);
    if (linear(plan) || blank_each(plan))
        return OK;
    size_t pixels = pixel_count(plan), bytes = pixels * sizeof *s->rank;
    uint32_t *zeros = calloc(pixels, sizeof *zeros); /* ranks, and pixels that none will see */
    if (zeros == NULL)
        return fail(err, E_NOMEM, "out of memory");
    engine_upload(plan->engine, s->rank, zeros, bytes);
    free(zeros);
    const struct view view = { .rgb = (const uint8_t *)s->rank,
                               .rank = s->rank,
                               .removed = (uint32_t)pixels };
    TRY(engine_classify(plan->engine, &view, 1, s->blank, err));
    float *prob = records_f32(r, s->blank_prob, 0);
    for (int c = 0; c < plan->engine->info.classes; c++)
        prob[c] = (float)softmax_of(s->blank, plan->engine->info.classes, c);
    return OK;
}

/* ---- one visit ---------------------------------------------------------------------------- */

/* Stores one point of the curves of every class that the map stands for. A method that does not
 * depend on the class has one record for both, except for the logit of the class. */
static void store_point(const struct perturbation *s, const struct plan *plan,
                        const struct visit *visit, struct records *r, const struct visit_map *map,
                        int order, int point, const float *logits)
{
    const struct curve_columns *to = &s->curve[order];
    int classes = plan->engine->info.classes, m = map->method;
    const int32_t of[CLASS_CHOICES] = { visit->predicted[map->image], visit->label[map->image] };
    int32_t label = visit->label[map->image], top = top_class(logits, classes);
    size_t row = visit->row[map->image];
    float prob = (float)softmax_of(logits, classes, label);
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!plan->classes[c])
            continue;
        if (map->classes[c] || !plan_has_own(plan, m, (enum class_choice)c))
            records_f32(r, to->logit_class[m][c], row)[point] = logits[of[c]];
        if (!map->classes[c])
            continue;
        records_u8(r, to->hit[m][c], row)[point] = top == label;
        records_f32(r, to->prob[m][c], row)[point] = prob;
        records_i32(r, to->predicted[m][c], row)[point] = top;
        if (c == CLASS_PREDICTED)
            records_f32(r, to->prob_class[m][c], row)[point] =
                of[c] == label ? prob : (float)softmax_of(logits, classes, of[c]);
    }
}

/* Every masked image of the visit in one order of removal, as views: none exists in memory. */
static void lay_out_views(struct perturbation *s, const struct plan *plan,
                          const struct visit *visit)
{
    size_t pixels = pixel_count(plan);
    for (int i = 0; i < visit->map_count; i++)
        for (size_t k = 0; k < s->views_each; k++) {
            int image = visit->maps[i].image;
            s->views[(size_t)i * s->views_each + k] = (struct view){
                .rgb = visit->rgb[image],
                .rank = s->rank + (size_t)i * pixels,
                .removed = (uint32_t)((double)pixels * curve_share(&s->axis, (int)k + 1)),
                .fill = visit->fill != NULL ? visit->fill[image] : NULL,
            };
        }
}

/* Stores the ends of all curves: the 0 % image is the unmasked one and, where the axis reaches 100
 * %, the last one is the fully filled one. */
static void store_ends(const struct perturbation *s, const struct plan *plan,
                       const struct visit *visit, struct records *r, int order)
{
    size_t classes = (size_t)plan->engine->info.classes;
    for (int i = 0; i < visit->map_count; i++) {
        const struct visit_map *map = &visit->maps[i];
        size_t image = (size_t)map->image;
        store_point(s, plan, visit, r, map, order, 0, visit->logits + image * classes);
        if (s->axis.upto == 100)
            store_point(s, plan, visit, r, map, order, s->axis.steps,
                        s->blank + (blank_each(plan) ? image * classes : 0));
    }
}

static enum status run_order(struct perturbation *s, const struct plan *plan,
                             const struct visit *visit, struct records *r, int order,
                             struct error *err)
{
    size_t classes = (size_t)plan->engine->info.classes;
    struct rank_args args = { .n = visit->map_count,
                              .pixels = (int)pixel_count(plan),
                              .heat = visit->heat_device,
                              .ascending = order == ORDER_NEGATIVE,
                              .ties = (enum ties)plan->v->explain.options.ties,
                              .seeds = visit->seeds,
                              .rank = s->rank,
                              .largest_tie = s->ties };
    engine_rank(plan->engine, &args);
    lay_out_views(s, plan, visit);
    store_ends(s, plan, visit, r, order);
    size_t count = (size_t)visit->map_count * s->views_each;
    for (size_t at = 0; at < count; at += s->slice) {
        size_t n = count - at < s->slice ? count - at : s->slice;
        if (stop_requested())
            return fail(err, E_STOPPED, "stopped");
        if (s->imputation != NULL)
            TRY(imputation_fill(s->imputation, visit, s->views, s->views_each, at, n, err));
        TRY(engine_classify(plan->engine, s->views + at, n, s->logits, err));
        /* A softmax of 1,000 classes takes 10 us of a core, a GPU's forward pass less than 100. */
#pragma omp parallel for num_threads(plan->threads)
        for (size_t i = 0; i < n; i++)
            store_point(s, plan, visit, r, &visit->maps[(at + i) / s->views_each], order,
                        (int)((at + i) % s->views_each) + 1, s->logits + i * classes);
    }
    return OK;
}

/* Classifies the fully filled images of the visit, where each image has its own. */
static enum status classify_blank(struct perturbation *s, const struct plan *plan,
                                  const struct visit *visit, struct records *r, struct error *err)
{
    int classes = plan->engine->info.classes;
    for (int i = 0; i < visit->n; i++)
        s->views[i] = (struct view){ .rgb = visit->fill[i] };
    TRY(engine_classify(plan->engine, s->views, (size_t)visit->n, s->blank, err));
    for (int i = 0; i < visit->n; i++) {
        const float *logits = s->blank + (size_t)i * (size_t)classes;
        size_t row = visit->row[i];
        *records_f32(r, s->blank_prob, row) = (float)softmax_of(logits, classes, visit->label[i]);
        *records_f32(r, s->blank_class, row) =
            (float)softmax_of(logits, classes, visit->predicted[i]);
        *records_i32(r, s->blank_top, row) = top_class(logits, classes);
    }
    return OK;
}

static enum status run_perturbation(void *state, const struct plan *plan, const struct visit *visit,
                                    struct records *r, struct error *err)
{
    struct perturbation *s = state;
    if (blank_each(plan))
        TRY(classify_blank(s, plan, visit, r, err));
    for (int order = 0; order < ORDERS; order++)
        if (asked(plan, order))
            TRY(run_order(s, plan, visit, r, order, err));
    /* The same for both orders of removal. */
    engine_download(plan->engine, visit->largest_tie, s->ties,
                    (size_t)visit->map_count * sizeof *visit->largest_tie);
    return engine_sync(plan->engine, err);
}

static size_t perturbation_forwards(const struct plan *plan)
{
    struct curve_axis axis = task_axis(plan);
    size_t views = (size_t)(axis.upto == 100 ? axis.steps - 1 : axis.steps);
    return task_maps(plan) * views * (size_t)(asked(plan, 0) + asked(plan, 1)) + blank_each(plan);
}

extern const struct task task_perturbation;
const struct task task_perturbation = {
    .name = "perturbation",
    .summary = "accuracy while pixels are removed, hottest first and coldest first",
    .traits = TASK_LABELS | TASK_TIES,
    .state = { sizeof(struct perturbation), open_perturbation, close_perturbation },
    .check = check_perturbation,
    .records = { perturbation_columns, begin_perturbation },
    .run = run_perturbation,
    .cost = { perturbation_bytes, perturbation_forwards, NULL },
};
