/* Perturbation test (SPEC 7): does the class go when the hot pixels go, and stay when the cold ones
 * do? */
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "stop.h"
#include "task.h"

static const char *const order_names[ORDERS] = { "positive", "negative" };

enum { STEPS = CURVE_POINTS - 1 }; /* 10 % ... 90 %; 0 % is the unmasked image */

struct scratch {
    int hit[ORDERS][PLAN_METHODS][CLASS_CHOICES];
    int prob[ORDERS][PLAN_METHODS][CLASS_CHOICES];
    int predicted[ORDERS][PLAN_METHODS][CLASS_CHOICES];
    uint32_t *rank;     /* [maps, S*S], device memory */
    int32_t *ties;      /* [maps], device memory */
    struct view *views; /* [maps, STEPS] */
    float *logits;      /* [slice, classes] */
    size_t slice;       /* views classified between two looks at the signals */
};

static bool asked(const struct plan *plan, int order)
{
    return (plan->v->task.directions >> order & 1) != 0;
}

static size_t most_maps(const struct plan *plan)
{
    return (size_t)plan->engine->info.batch * (size_t)plan->method_count * CLASS_CHOICES;
}

static enum status open_perturbation(void *state, const struct plan *plan, struct records *r,
                                     struct error *err)
{
    struct scratch *s = state;
    size_t maps = most_maps(plan), classes = (size_t)plan->engine->info.classes;
    for (int o = 0; o < ORDERS; o++) {
        char path[32], *hit = path;
        if (!asked(plan, o))
            continue;
        const char *at = "perturbation";
        snprintf(hit, sizeof path, "%s/hit", order_names[o]);
        TRY(task_columns(plan, r, COLUMN_U8, CURVE_POINTS, 0, at, path, s->hit[o], err));
        snprintf(path, sizeof path, "%s/prob", order_names[o]);
        TRY(task_columns(plan, r, COLUMN_F32, CURVE_POINTS, 0, at, path, s->prob[o], err));
        snprintf(path, sizeof path, "%s/predicted", order_names[o]);
        TRY(task_columns(plan, r, COLUMN_I32, CURVE_POINTS, 0, at, path, s->predicted[o], err));
    }
    s->slice = (size_t)plan->engine->info.batch * 8;
    s->rank = engine_alloc(plan->engine, maps * pixel_count(plan), sizeof *s->rank);
    s->ties = engine_alloc(plan->engine, maps, sizeof *s->ties);
    s->views = calloc(maps * STEPS, sizeof *s->views);
    s->logits = malloc(s->slice * classes * sizeof *s->logits);
    if (s->rank == NULL || s->ties == NULL || s->views == NULL || s->logits == NULL)
        return fail(err, E_NOMEM,
                    "no memory for the masks of %d images; a smaller compute.batch "
                    "would fit",
                    plan->engine->info.batch);
    return OK;
}

static void close_perturbation(void *state, const struct plan *plan)
{
    struct scratch *s = state;
    engine_free(plan->engine, s->rank);
    engine_free(plan->engine, s->ties);
    free(s->views);
    free(s->logits);
}

/* One point of the curves of every class that the map stands for. */
static void store_point(const struct scratch *s, const struct plan *plan, const struct visit *visit,
                        struct records *r, const struct visit_map *map, int order, int point,
                        const float *logits)
{
    int classes = plan->engine->info.classes;
    int32_t label = visit->label[map->image], top = top_class(logits, classes);
    float prob = (float)softmax_of(logits, classes, label);
    size_t row = visit->row[map->image];
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!map->classes[c])
            continue;
        uint8_t *hit = records_u8(r, s->hit[order][map->method][c], row);
        float *probs = records_f32(r, s->prob[order][map->method][c], row);
        int32_t *predicted = records_i32(r, s->predicted[order][map->method][c], row);
        hit[point] = top == label;
        probs[point] = prob;
        predicted[point] = top;
    }
}

/* Every masked image of the visit in one order of removal, as views: none exists in memory. */
static void lay_out_views(struct scratch *s, const struct plan *plan, const struct visit *visit)
{
    size_t pixels = pixel_count(plan);
    for (int i = 0; i < visit->map_count; i++)
        for (int k = 1; k <= STEPS; k++) {
            int image = visit->maps[i].image;
            s->views[(size_t)i * STEPS + (size_t)k - 1] = (struct view){
                .rgb = visit->rgb[image],
                .rank = s->rank + (size_t)i * pixels,
                /* k / 10.0 is the double nearest to 0.1, 0.2, ... as written (SPEC 7). */
                .removed = (uint32_t)((double)pixels * (k / 10.0)),
                .fill = visit->blurred != NULL ? visit->blurred[image] : NULL,
            };
        }
}

static enum status run_order(struct scratch *s, const struct plan *plan, const struct visit *visit,
                             struct records *r, int order, struct error *err)
{
    int classes = plan->engine->info.classes;
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
    for (int i = 0; i < visit->map_count; i++) /* the 0 % image is the unmasked one */
        store_point(s, plan, visit, r, &visit->maps[i], order, 0,
                    visit->logits + (size_t)visit->maps[i].image * (size_t)classes);
    size_t count = (size_t)visit->map_count * STEPS;
    for (size_t at = 0; at < count; at += s->slice) {
        size_t n = count - at < s->slice ? count - at : s->slice;
        if (stop_requested())
            return fail(err, E_STOPPED, "stopped");
        TRY(engine_classify(plan->engine, s->views + at, n, s->logits, err));
        /* A softmax of 1,000 classes takes 10 us of a core, a GPU's forward pass less than 100. */
#pragma omp parallel for num_threads(plan->threads)
        for (size_t i = 0; i < n; i++)
            store_point(s, plan, visit, r, &visit->maps[(at + i) / STEPS], order,
                        (int)((at + i) % STEPS) + 1, s->logits + i * (size_t)classes);
    }
    return OK;
}

static enum status run_perturbation(void *state, const struct plan *plan, const struct visit *visit,
                                    struct records *r, struct error *err)
{
    struct scratch *s = state;
    for (int order = 0; order < ORDERS; order++)
        if (asked(plan, order))
            TRY(run_order(s, plan, visit, r, order, err));
    /* The same in both orders. */
    engine_download(plan->engine, visit->largest_tie, s->ties,
                    (size_t)visit->map_count * sizeof *visit->largest_tie);
    return engine_sync(plan->engine, err);
}

static size_t count_forwards(const struct plan *plan)
{
    size_t per_method = 0;
    for (int m = 0; m < plan->method_count; m++)
        for (int c = 0; c < CLASS_CHOICES; c++)
            per_method += plan->classes[c] && plan_has_own(plan, m, (enum class_choice)c);
    return per_method * STEPS * (size_t)(asked(plan, 0) + asked(plan, 1));
}

extern const struct task task_perturbation;
const struct task task_perturbation = {
    .name = "perturbation",
    .summary = "accuracy while pixels are removed, hottest first and coldest first",
    .needs_labels = true,
    .counts_ties = true,
    .state_size = sizeof(struct scratch),
    .open = open_perturbation,
    .close = close_perturbation,
    .run = run_perturbation,
    .forwards = count_forwards,
};
