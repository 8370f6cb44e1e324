/* Localisation (SPEC 15): does the hottest heat lie on the object? It needs heat, maps and masks,
 * and no pass of the model. */
#include <math.h>
#include <stdlib.h>

#include "localisation.h"
#include "task.h"

/* In the order of the columns. */
enum { POINTING0, POINTING15, TOP, MASS, RANK, AUC, SCORES };
static const char *const score_names[SCORES] = { "pointing0", "pointing15", "top_k",
                                                 "mass",      "rank",       "auc" };

struct columns {
    int score[SCORES][PLAN_METHODS][CLASS_CHOICES];
    int mask_share;
    float *positive; /* [threads, S*S] a map's positive part, upsampled */
};

static enum status localisation_columns(void *state, const struct plan *plan, struct records *r,
                                        struct error *err)
{
    struct columns *k = state;
    TRY(records_add(r, COLUMN_F32, 0, 0, &k->mask_share, err, "images/mask_share"));
    for (int s = 0; s < SCORES; s++)
        TRY(task_columns(plan, r, COLUMN_F32, 0, 0, "localisation", score_names[s], k->score[s],
                         err));
    return OK;
}

static enum status open_localisation(void *state, const struct plan *plan, struct error *err)
{
    struct columns *k = state;
    k->positive = malloc((size_t)plan->threads * pixel_count(plan) * sizeof *k->positive);
    return k->positive != NULL ? OK : fail(err, E_NOMEM, "out of memory");
}

static void close_localisation(void *state, const struct plan *plan)
{
    struct columns *k = state;
    (void)plan;
    free(k->positive);
}

static enum status score_map(void *state, const struct plan *plan, const struct visit *visit,
                             struct records *r, int i, struct error *err)
{
    const struct columns *k = state;
    const struct visit_map *map = &visit->maps[i];
    size_t pixels = pixel_count(plan);
    const int8_t *labels = visit->masks + (size_t)map->image * pixels;
    float *positive = k->positive + (size_t)task_thread() * pixels;
    struct localisation s;
    TRY(localisation_scores(visit->heat + (size_t)i * pixels, labels, plan->engine->info.image_size,
                            &s, err));
    positive_heat(visit->map_values + visit->map_at[i], plan->methods[map->method]->side,
                  plan->engine->info.image_size, positive);
    const double score[SCORES] = {
        [POINTING0] = s.pointing0, [POINTING15] = s.pointing15,
        [TOP] = s.top_k,           [MASS] = mass_accuracy(positive, labels, pixels),
        [RANK] = s.rank,           [AUC] = s.auc
    };
    for (int c = 0; c < CLASS_CHOICES; c++)
        for (int n = 0; map->classes[c] && n < SCORES; n++)
            *records_f32(r, k->score[n][map->method][c], visit->row[map->image]) = (float)score[n];
    return OK;
}

static enum status run_localisation(void *state, const struct plan *plan, const struct visit *visit,
                                    struct records *r, struct error *err)
{
    const struct columns *k = state;
    for (int i = 0; i < visit->n; i++)
        *records_f32(r, k->mask_share, visit->row[i]) =
            (float)mask_share(visit->masks + (size_t)i * pixel_count(plan), pixel_count(plan));
    return task_each_map(score_map, state, plan, visit, r, err);
}

extern const struct task task_localisation;
const struct task task_localisation = {
    .name = "localisation",
    .summary = "does the hottest heat lie on the object: pointing game, top-k, rank, mass, AUC",
    .traits = TASK_MASKS | TASK_ALONE | TASK_HEAT,
    .state = { sizeof(struct columns), open_localisation, close_localisation },
    .records = { localisation_columns, NULL },
    .run = run_localisation,
};
