/* SaCo and the faithfulness estimate (SPEC 13): of K groups of pixels of like heat, how far does
 * the explained class's probability fall without one of them? Removed pixels take the image's mean
 * colour. */
#include <math.h>
#include <stdlib.h>

#include "free_all.h"
#include "groups.h"
#include "stop.h"
#include "task.h"

struct groups {
    int heat[PLAN_METHODS][CLASS_CHOICES], prob[PLAN_METHODS][CLASS_CHOICES];
    int count;            /* K */
    uint32_t *rank;       /* [maps, S*S] engine memory: the order of removal */
    uint32_t *shifted;    /* [slice, S*S] engine memory: the same, the group's pixels first */
    uint8_t *fill;        /* [batch, S*S, 3] engine memory: each image's mean colour */
    uint32_t *rank_host;  /* [S*S] */
    uint32_t *shift_host; /* [S*S] */
    uint8_t *fill_host;   /* [S*S, 3] */
    struct view *views;   /* [slice] */
    float *logits;        /* [slice, classes] */
    size_t slice;         /* a multiple of K */
};

/* The probability is that of the explained class, so each class has its own even where the map is
 * shared. */
static enum status group_columns(void *state, const struct plan *plan, struct records *r,
                                 struct error *err)
{
    struct groups *s = state;
    s->count = (int)plan->v->task.groups;
    TRY(task_columns(plan, r, COLUMN_F32, s->count, 0, "groups", "heat", s->heat, err));
    for (int m = 0; m < plan->method_count; m++)
        for (int c = 0; c < CLASS_CHOICES; c++)
            if (plan->classes[c])
                TRY(records_add(r, COLUMN_F32, s->count + 1, 0, &s->prob[m][c], err,
                                "groups/%s/%s/prob", plan->methods[m]->name,
                                class_choice_names[c]));
    return OK;
}

static size_t group_slice(size_t batch, size_t groups)
{
    size_t room = batch * 8;
    return (room > groups ? room / groups : 1) * groups;
}

static size_t group_bytes(const struct plan *plan, size_t batch)
{
    const struct groups *s = NULL;
    size_t slice = group_slice(batch, (size_t)plan->v->task.groups);
    return task_maps_bytes(plan, batch, sizeof *s->rank) +
           (slice * sizeof *s->shifted + batch * 3) * pixel_count(plan);
}

static enum status open_groups(void *state, const struct plan *plan, struct error *err)
{
    struct groups *s = state;
    struct engine *e = plan->engine;
    size_t pixels = pixel_count(plan), batch = (size_t)e->info.batch;
    size_t maps = batch * (size_t)plan->method_count * CLASS_CHOICES;
    s->slice = group_slice(batch, (size_t)s->count);
    s->rank = engine_alloc(e, maps * pixels, sizeof *s->rank);
    s->shifted = engine_alloc(e, s->slice * pixels, sizeof *s->shifted);
    s->fill = engine_alloc(e, batch * pixels, 3);
    s->rank_host = malloc(pixels * sizeof *s->rank_host);
    s->shift_host = malloc(pixels * sizeof *s->shift_host);
    s->fill_host = malloc(pixels * 3);
    s->views = calloc(s->slice, sizeof *s->views);
    s->logits = malloc(s->slice * (size_t)e->info.classes * sizeof *s->logits);
    if (s->rank == NULL || s->shifted == NULL || s->fill == NULL || s->rank_host == NULL ||
        s->shift_host == NULL || s->fill_host == NULL || s->views == NULL || s->logits == NULL)
        return fail(err, E_NOMEM,
                    "no memory for images without one of %d groups; a smaller compute.batch would "
                    "fit",
                    s->count);
    return OK;
}

static void close_groups(void *state, const struct plan *plan)
{
    struct groups *s = state;
    engine_free(plan->engine, s->rank);
    engine_free(plan->engine, s->shifted);
    engine_free(plan->engine, s->fill);
    FREE_ALL(s->rank_host, s->shift_host, s->fill_host, s->views, s->logits);
}

/* Every image's mean colour, rounded to 8 bits. */
static void upload_fills(struct groups *s, const struct plan *plan, const struct visit *visit)
{
    size_t values = pixel_count(plan) * 3;
    for (int i = 0; i < visit->n; i++) {
        uint64_t sum[3] = { 0 };
        for (size_t k = 0; k < values; k++)
            sum[k % 3] += visit->rgb_host[i][k];
        for (size_t k = 0; k < values; k++)
            s->fill_host[k] = (uint8_t)lround((double)sum[k % 3] / ((double)values / 3));
        engine_upload(plan->engine, s->fill + (size_t)i * values, s->fill_host, values);
    }
}

/* Makes the views of map `map` without each of its groups, from place `at` of the slice on; stores
 * the groups' heat. */
static enum status add_map(struct groups *s, const struct plan *plan, const struct visit *visit,
                           struct records *r, int map, size_t at, struct error *err)
{
    const struct visit_map *m = &visit->maps[map];
    size_t pixels = pixel_count(plan), row = visit->row[m->image];
    double heat[100];
    engine_download(plan->engine, s->rank_host, s->rank + (size_t)map * pixels,
                    pixels * sizeof *s->rank_host);
    TRY(engine_sync(plan->engine, err));
    group_heat(visit->heat + (size_t)map * pixels, s->rank_host, pixels, s->count, heat);
    for (int g = 0; g < s->count; g++) {
        uint32_t begin = (uint32_t)group_begin(pixels, s->count, g);
        uint32_t end = (uint32_t)group_begin(pixels, s->count, g + 1);
        uint32_t *to = s->shifted + (at + (size_t)g) * pixels;
        for (size_t i = 0; i < pixels; i++) /* ranks before the group wrap around to the end */
            s->shift_host[i] = s->rank_host[i] - begin;
        engine_upload(plan->engine, to, s->shift_host, pixels * sizeof *to);
        s->views[at + (size_t)g] = (struct view){ .rgb = visit->rgb[m->image],
                                                  .rank = to,
                                                  .removed = end - begin,
                                                  .fill = s->fill + (size_t)m->image * pixels * 3 };
        for (int c = 0; c < CLASS_CHOICES; c++)
            if (m->classes[c])
                records_f32(r, s->heat[m->method][c], row)[g] = (float)heat[g];
    }
    return OK;
}

/* Stores for every class that the map stands for; for a method that does not depend on the class,
 * for all. */
static void store_group(const struct groups *s, const struct plan *plan, const struct visit *visit,
                        struct records *r, int map, int point, const float *logits)
{
    const struct visit_map *m = &visit->maps[map];
    const int32_t of[CLASS_CHOICES] = { visit->predicted[m->image], visit->label[m->image] };
    for (int c = 0; c < CLASS_CHOICES; c++)
        if (plan->classes[c] &&
            (m->classes[c] || !plan_has_own(plan, m->method, (enum class_choice)c)))
            records_f32(r, s->prob[m->method][c], visit->row[m->image])[point] =
                (float)softmax_of(logits, plan->engine->info.classes, of[c]);
}

static enum status run_groups(void *state, const struct plan *plan, const struct visit *visit,
                              struct records *r, struct error *err)
{
    struct groups *s = state;
    size_t classes = (size_t)plan->engine->info.classes, groups = (size_t)s->count;
    const struct rank_args args = { .n = visit->map_count,
                                    .pixels = (int)pixel_count(plan),
                                    .heat = visit->heat_device,
                                    .ties = (enum ties)plan->v->explain.options.ties,
                                    .seeds = visit->seeds,
                                    .rank = s->rank };
    engine_rank(plan->engine, &args);
    upload_fills(s, plan, visit);
    int each = (int)(s->slice / groups);
    for (int first = 0; first < visit->map_count; first += each) {
        int maps = visit->map_count - first < each ? visit->map_count - first : each;
        size_t n = (size_t)maps * groups;
        if (stop_requested())
            return fail(err, E_STOPPED, "stopped");
        for (int i = 0; i < maps; i++) {
            TRY(add_map(s, plan, visit, r, first + i, (size_t)i * groups, err));
            size_t image = (size_t)visit->maps[first + i].image;
            store_group(s, plan, visit, r, first + i, 0, visit->logits + image * classes);
        }
        TRY(engine_classify(plan->engine, s->views, n, s->logits, err));
#pragma omp parallel for num_threads(plan->threads)
        for (size_t i = 0; i < n; i++)
            store_group(s, plan, visit, r, first + (int)(i / groups), (int)(i % groups) + 1,
                        s->logits + i * classes);
    }
    return OK;
}

static size_t group_forwards(const struct plan *plan)
{
    return task_maps(plan) * (size_t)plan->v->task.groups;
}

extern const struct task task_groups;
const struct task task_groups = {
    .name = "groups",
    .summary = "the explained class without one group of like pixels at a time: SaCo",
    .traits = TASK_HEAT,
    .state = { sizeof(struct groups), open_groups, close_groups },
    .records = { group_columns, NULL },
    .run = run_groups,
    .cost = { group_bytes, group_forwards, NULL },
};
