/* Segmentation test (SPEC 8): does the heat lie on the object? And where the data set planted
 * shortcuts that give the class away: how much of it lies on them? */
#include "metrics.h"
#include "task.h"

struct columns {
    int correct[PLAN_METHODS][CLASS_CHOICES], labelled[PLAN_METHODS][CLASS_CHOICES];
    int intersection[PLAN_METHODS][CLASS_CHOICES], united[PLAN_METHODS][CLASS_CHOICES];
    int ap[PLAN_METHODS][CLASS_CHOICES];
    int shortcut_share[PLAN_METHODS][CLASS_CHOICES], shortcut_area; /* where there are shortcuts */
};

static enum status segmentation_columns(void *state, const struct plan *plan, struct records *r,
                                        struct error *err)
{
    struct columns *k = state;
    const char *at = "segmentation";
    TRY(task_columns(plan, r, COLUMN_I32, 0, 0, at, "correct", k->correct, err));
    TRY(task_columns(plan, r, COLUMN_I32, 0, 0, at, "labelled", k->labelled, err));
    TRY(task_columns(plan, r, COLUMN_I32, 2, 0, at, "intersection", k->intersection, err));
    TRY(task_columns(plan, r, COLUMN_I32, 2, 0, at, "union", k->united, err));
    TRY(task_columns(plan, r, COLUMN_F32, 0, 0, at, "ap", k->ap, err));
    if (!plan->data->has_shortcuts)
        return OK;
    TRY(records_add(r, COLUMN_F32, 0, 0, &k->shortcut_area, err, "images/shortcut_area"));
    return task_columns(plan, r, COLUMN_F32, 0, 0, at, "shortcut_share", k->shortcut_share, err);
}

static void store_score(const struct columns *k, struct records *r, size_t row, int m, int c,
                        const struct segmentation_score *s)
{
    *records_i32(r, k->correct[m][c], row) = s->correct;
    *records_i32(r, k->labelled[m][c], row) = s->labelled;
    int32_t *intersection = records_i32(r, k->intersection[m][c], row);
    int32_t *united = records_i32(r, k->united[m][c], row);
    for (int i = 0; i < 2; i++) {
        intersection[i] = s->intersection[i];
        united[i] = s->united[i];
    }
    *records_f32(r, k->ap[m][c], row) = s->ap;
}

static void store_shortcut(const struct columns *k, struct records *r, const struct visit *visit,
                           const struct visit_map *map, const float *heat, size_t pixels)
{
    const int8_t *inside = visit->shortcuts + (size_t)map->image * pixels;
    double share = heat_share(heat, inside, pixels);
    for (int c = 0; c < CLASS_CHOICES; c++)
        if (map->classes[c])
            *records_f32(r, k->shortcut_share[map->method][c], visit->row[map->image]) =
                (float)share;
}

static enum status score_map(void *state, const struct plan *plan, const struct visit *visit,
                             struct records *r, int i, struct error *err)
{
    const struct columns *k = state;
    const struct visit_map *map = &visit->maps[i];
    size_t pixels = pixel_count(plan);
    const float *heat = visit->heat + (size_t)i * pixels;
    struct segmentation_score score;
    TRY(segmentation_score(heat, visit->masks + (size_t)map->image * pixels, pixels, &score, err));
    if (visit->shortcuts != NULL)
        store_shortcut(k, r, visit, map, heat, pixels);
    for (int c = 0; c < CLASS_CHOICES; c++)
        if (map->classes[c])
            store_score(k, r, visit->row[map->image], map->method, c, &score);
    return OK;
}

static enum status run_segmentation(void *state, const struct plan *plan, const struct visit *visit,
                                    struct records *r, struct error *err)
{
    const struct columns *k = state;
    size_t pixels = pixel_count(plan);
    for (int i = 0; visit->shortcuts != NULL && i < visit->n; i++)
        *records_f32(r, k->shortcut_area, visit->row[i]) =
            (float)area_share(visit->shortcuts + (size_t)i * pixels, pixels);
    return task_each_map(score_map, state, plan, visit, r, err);
}

extern const struct task task_segmentation;
const struct task task_segmentation = {
    .name = "segmentation",
    .summary = "heat against a mask of the object: pixel accuracy, mIoU, mAP",
    .traits = TASK_MASKS | TASK_ALONE | TASK_HEAT,
    .state = { sizeof(struct columns), NULL, NULL },
    .records = { segmentation_columns, NULL },
    .run = run_segmentation,
};
