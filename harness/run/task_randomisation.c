/* Randomisation (SPEC 17): how alike is a map to that of the same model with fresh weights? Parts
 * of the model are randomised from the output down: one after the other (cascade), and one at a
 * time (independent). The explained class stays. A method whose map hardly moves does not show what
 * the model has learnt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "random.h"
#include "similarity.h"
#include "stop.h"
#include "task.h"

enum scheme { CASCADE, INDEPENDENT, SCHEMES };
enum measure { SPEARMAN, SPEARMAN_ABS, PEARSON, SSIM, MEASURES };
static const char *const scheme_names[SCHEMES] = { "cascade", "independent" };
static const char *const measure_names[MEASURES] = { "spearman", "spearman_abs", "pearson",
                                                     "ssim" };

struct randomisation {
    int similarity[SCHEMES][MEASURES][PLAN_METHODS][CLASS_CHOICES];
    int emprt[PLAN_METHODS][CLASS_CHOICES];
    int layer; /* column of the coordinates */
    int parts;
    struct engine_altered *altered;
    struct explain_result result;
    float *values, *device;    /* the maps of a visit, as it lays them out; engine memory */
    float *heat, *heat_device; /* [maps, S*S] */
    uint32_t *ranks[2];        /* of the visit's own maps, as these lie, and of their magnitudes */
};

static enum status check_randomisation(const struct plan *plan, struct error *err)
{
    if (engine_model(plan->engine) != NULL)
        return OK;
    return config_fail(plan->config, &plan->v->task.kinds, err,
                       "randomisation gives fresh weights to a checkpoint's model, layer by layer, "
                       "and this model is a worker's");
}

static enum status randomisation_columns(void *state, const struct plan *plan, struct records *r,
                                         struct error *err)
{
    struct randomisation *s = state;
    s->parts = engine_parts(plan->engine);
    TRY(records_add_once(r, COLUMN_I32, s->parts, 0, &s->layer, err, "layer"));
    for (int o = 0; o < SCHEMES; o++)
        for (int k = 0; k < MEASURES; k++) {
            char name[40];
            snprintf(name, sizeof name, "%s/%s", scheme_names[o], measure_names[k]);
            TRY(task_columns(plan, r, COLUMN_F32, s->parts, 0, "randomisation", name,
                             s->similarity[o][k], err));
        }
    return task_columns(plan, r, COLUMN_F32, 0, 0, "randomisation", "cascade/emprt", s->emprt, err);
}

static size_t randomisation_bytes(const struct plan *plan, size_t batch)
{
    const struct randomisation *s = NULL;
    size_t values = 0;
    for (int m = 0; m < plan->method_count; m++)
        if (plan->files[m] == NULL)
            values +=
                CLASS_CHOICES * (size_t)plan->methods[m]->side * (size_t)plan->methods[m]->side;
    return batch * values * sizeof *s->device +
           task_maps_bytes(plan, batch, sizeof *s->heat_device);
}

static enum status open_randomisation(void *state, const struct plan *plan, struct error *err)
{
    struct randomisation *s = state;
    struct engine *e = plan->engine;
    size_t n = (size_t)e->info.batch, values = n * engine_map_values(e);
    size_t maps = n * (size_t)plan->method_count * CLASS_CHOICES, pixels = pixel_count(plan);
    s->values = malloc(values * sizeof *s->values);
    s->device = engine_alloc(e, values, sizeof *s->device);
    s->heat = malloc(maps * pixels * sizeof *s->heat);
    s->heat_device = engine_alloc(e, maps * pixels, sizeof *s->heat_device);
    for (int k = 0; k < 2; k++)
        s->ranks[k] = malloc(values * sizeof *s->ranks[k]);
    if (!task_result_open(plan, &s->result) || s->values == NULL || s->device == NULL ||
        s->heat == NULL || s->heat_device == NULL || s->ranks[0] == NULL || s->ranks[1] == NULL)
        return fail(err, E_NOMEM,
                    "no memory for maps of randomised models; a smaller compute.batch would fit");
    /* A stream of its own: not that of the control `randomised`. */
    return engine_altered_open(e, rng_mix((uint64_t)plan->v->run.seed) + 17, &s->altered, err);
}

/* The layer's number; above all of them the read-out, and -1 what lies before them. */
static enum status begin_randomisation(void *state, const struct plan *plan, struct records *r,
                                       struct error *err)
{
    struct randomisation *s = state;
    (void)plan, (void)err;
    for (int k = 0; k < s->parts; k++)
        records_i32(r, s->layer, 0)[k] = s->parts - 2 - k;
    return OK;
}

static void close_randomisation(void *state, const struct plan *plan)
{
    struct randomisation *s = state;
    engine_altered_close(s->altered);
    engine_free(plan->engine, s->device);
    engine_free(plan->engine, s->heat_device);
    FREE_ALL(s->values, s->heat, s->ranks[0], s->ranks[1]);
    task_result_close(&s->result);
}

/* The randomised model's maps as the visit lays out its own, and their heat. */
static enum status take_maps(struct randomisation *s, const struct plan *plan,
                             const struct visit *visit, struct error *err)
{
    struct engine *e = plan->engine;
    for (int i = 0; i < visit->map_count; i++) {
        const struct visit_map *map = &visit->maps[i];
        enum class_choice first = map->classes[CLASS_PREDICTED] ? CLASS_PREDICTED : CLASS_TARGET;
        memcpy(s->values + visit->map_at[i],
               s->result.maps + engine_map_at(e, map->image, map->method, first),
               (visit->map_at[i + 1] - visit->map_at[i]) * sizeof *s->values);
    }
    engine_upload(e, s->device, s->values, visit->map_at[visit->map_count] * sizeof *s->values);
    task_heat(plan, visit->maps, visit->map_count, visit->map_at, s->device, s->heat_device);
    engine_download(e, s->heat, s->heat_device,
                    (size_t)visit->map_count * pixel_count(plan) * sizeof *s->heat);
    return engine_sync(e, err);
}

static enum status compare_maps(const struct randomisation *s, const struct plan *plan,
                                const struct visit *visit, int map, double like[MEASURES],
                                struct error *err)
{
    const float *a = visit->map_values + visit->map_at[map], *b = s->values + visit->map_at[map];
    size_t cells = visit->map_at[map + 1] - visit->map_at[map], pixels = pixel_count(plan);
    for (int k = 0; k < 2; k++)
        TRY(map_spearman_ranked(s->ranks[k] + visit->map_at[map], b, cells, k == 1,
                                &like[k == 1 ? SPEARMAN_ABS : SPEARMAN], err));
    TRY(map_pearson(a, b, cells, &like[PEARSON], err));
    like[SSIM] = NAN;
    if (isnan(like[PEARSON])) /* constant or not finite: the heat of neither is one */
        return OK;
    return heat_ssim(visit->heat + (size_t)map * pixels, s->heat + (size_t)map * pixels,
                     plan->engine->info.image_size, &like[SSIM], err);
}

/* Similarities at place `part` of the schemes that the model belongs to; of the model all of whose
 * parts are fresh eMPRT, too. */
static enum status store(const struct randomisation *s, const struct plan *plan,
                         const struct visit *visit, struct records *r, const bool in[SCHEMES],
                         int part, struct error *err)
{
    enum status status = OK;
#pragma omp parallel for schedule(dynamic) num_threads(plan->threads)
    for (int i = 0; i < visit->map_count; i++) {
        const struct visit_map *map = &visit->maps[i];
        size_t row = visit->row[map->image], cells = visit->map_at[i + 1] - visit->map_at[i];
        double like[MEASURES];
        struct error own;
        enum status mine = compare_maps(s, plan, visit, i, like, &own);
        if (mine != OK) {
#pragma omp critical
            *err = own;
#pragma omp critical
            status = mine;
            continue;
        }
        bool all = in[CASCADE] && part == s->parts - 1;
        double complexity =
            all ? emprt(visit->map_values + visit->map_at[i], s->values + visit->map_at[i], cells)
                : NAN;
        for (int c = 0; c < CLASS_CHOICES; c++) {
            for (int k = 0; map->classes[c] && k < SCHEMES * MEASURES; k++)
                if (in[k / MEASURES])
                    records_f32(r, s->similarity[k / MEASURES][k % MEASURES][map->method][c],
                                row)[part] = (float)like[k % MEASURES];
            if (map->classes[c] && all)
                *records_f32(r, s->emprt[map->method][c], row) = (float)complexity;
        }
    }
    return status;
}

static enum status run_model(struct randomisation *s, const struct plan *plan,
                             const struct visit *visit, struct records *r, int first, int count,
                             struct error *err)
{
    if (stop_requested())
        return fail(err, E_STOPPED, "stopped");
    TRY(engine_altered_explain(s->altered, first, count, visit->images, visit->n, &s->result, err));
    TRY(take_maps(s, plan, visit, err));
    const bool in[SCHEMES] = { [CASCADE] = first == 0, [INDEPENDENT] = count == 1 };
    return store(s, plan, visit, r, in, first + count - 1, err);
}

/* Every model's maps are compared with these. */
static enum status rank_maps(const struct randomisation *s, const struct plan *plan,
                             const struct visit *visit, struct error *err)
{
    enum status status = OK;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(plan->threads)
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < visit->map_count; i++) {
            size_t at = visit->map_at[i];
            struct error own;
            enum status mine = map_ranks(visit->map_values + at, visit->map_at[i + 1] - at, k == 1,
                                         s->ranks[k] + at, &own);
            if (mine == OK)
                continue;
#pragma omp critical
            {
                *err = own;
                status = mine;
            }
        }
    return status;
}

static enum status run_randomisation(void *state, const struct plan *plan,
                                     const struct visit *visit, struct records *r,
                                     struct error *err)
{
    struct randomisation *s = state;
    TRY(rank_maps(s, plan, visit, err));
    for (int k = 0; k < s->parts; k++)
        TRY(run_model(s, plan, visit, r, 0, k + 1, err));
    for (int k = 1; k < s->parts; k++) /* the read-out alone begins the cascade */
        TRY(run_model(s, plan, visit, r, k, 1, err));
    return OK;
}

static size_t model_count(const struct plan *plan)
{
    return 2 * (size_t)engine_parts(plan->engine) - 1;
}

extern const struct task task_randomisation;
const struct task task_randomisation = {
    .name = "randomisation",
    .summary = "how alike maps stay when layers of the model get fresh weights",
    .traits = TASK_HEAT | TASK_ALTERS,
    .state = { sizeof(struct randomisation), open_randomisation, close_randomisation },
    .check = check_randomisation,
    .records = { randomisation_columns, begin_randomisation },
    .run = run_randomisation,
    .cost = { randomisation_bytes, NULL, model_count },
};
