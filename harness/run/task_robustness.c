/* Robustness (SPEC 18): how far does a map move when invisible noise is added to the image?
 * The explained class stays. Noise is uniform in ±radius per value, in [0, 1]; the noisy image goes
 * through 8 bits, as all images do: it is rounded to them, and cut off at 0 and 255. */
#include <stdlib.h>

#include "random.h"
#include "similarity.h"
#include "stop.h"
#include "task.h"

struct robustness {
    int distance[PLAN_METHODS][CLASS_CHOICES], changed;
    int samples;
    uint8_t *host, *device;       /* [batch, S*S, 3]; the same in engine memory */
    struct view *views;           /* [batch] */
    float *logits;                /* [batch, classes] */
    struct explain_image *images; /* [batch] */
    struct explain_result result;
};

/* Noise of up to half a level of 8 bits is rounded away, all of it. */
static enum status check_radius(const struct plan *plan, struct error *err)
{
    if (255 * plan->v->task.radius <= 0.5)
        return config_fail(plan->config, &plan->v->task.radius, err,
                           "images have 8 bits, so noise of up to 0.5/255 changes none of their "
                           "values; more than 0.00196 is expected");
    return OK;
}

static enum status robustness_columns(void *state, const struct plan *plan, struct records *r,
                                      struct error *err)
{
    struct robustness *s = state;
    s->samples = (int)plan->v->task.samples;
    s->changed = -1;
    TRY(task_columns(plan, r, COLUMN_F32, s->samples, 0, "robustness", "distance", s->distance,
                     err));
    /* Whether the prediction changed is a property of the image: one column, linked under every
     * name. */
    for (int m = 0; m < plan->method_count; m++)
        for (int c = 0; c < CLASS_CHOICES; c++) {
            const char *method = plan->methods[m]->name, *of = class_choice_names[c];
            if (!plan->classes[c])
                continue;
            if (s->changed >= 0)
                TRY(records_link(r, s->changed, err, "robustness/%s/%s/changed", method, of));
            else
                TRY(records_add(r, COLUMN_U8, s->samples, 0, &s->changed, err,
                                "robustness/%s/%s/changed", method, of));
        }
    return OK;
}

static size_t robustness_bytes(const struct plan *plan, size_t batch)
{
    return batch * pixel_count(plan) * 3;
}

static enum status open_robustness(void *state, const struct plan *plan, struct error *err)
{
    struct robustness *s = state;
    struct engine *e = plan->engine;
    size_t n = (size_t)e->info.batch, values = pixel_count(plan) * 3;
    s->host = malloc(n * values);
    s->device = engine_alloc(e, n, values);
    s->views = calloc(n, sizeof *s->views);
    s->logits = malloc(n * (size_t)e->info.classes * sizeof *s->logits);
    s->images = malloc(n * sizeof *s->images);
    if (!task_result_open(plan, &s->result) || s->host == NULL || s->device == NULL ||
        s->views == NULL || s->logits == NULL || s->images == NULL)
        return fail(err, E_NOMEM, "no memory for noisy images; a smaller compute.batch would fit");
    return OK;
}

static void close_robustness(void *state, const struct plan *plan)
{
    struct robustness *s = state;
    engine_free(plan->engine, s->device);
    void *host[] = { s->host, s->views, s->logits, s->images };
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    task_result_close(&s->result);
}

/* lround(v) of 0 < v < 255, which a compiler turns into no call. */
static uint8_t round_byte(double v)
{
    int whole = (int)v;
    return (uint8_t)(whole + (v - whole >= 0.5));
}

/* Adds noise that depends on the run's seed, the image's name and the number of the sample. */
static void add_noise(const struct plan *plan, const uint8_t *rgb, uint64_t id_hash, int sample,
                      uint8_t *out)
{
    double reach = 255 * plan->v->task.radius;
    struct rng rng = rng_stream(id_hash ^ rng_mix((uint64_t)plan->v->run.seed), (uint64_t)sample);
    size_t values = pixel_count(plan) * 3;
    for (size_t i = 0; i < values; i++) {
        double v = rgb[i] + reach * (2 * rng_uniform(&rng) - 1);
        out[i] = v <= 0 ? 0 : v >= 255 ? 255 : round_byte(v);
    }
}

static void store_distances(const struct robustness *s, const struct plan *plan,
                            const struct visit *visit, struct records *r, int sample)
{
#pragma omp parallel for num_threads(plan->threads)
    for (int i = 0; i < visit->map_count; i++) {
        const struct visit_map *map = &visit->maps[i];
        size_t side = (size_t)plan->methods[map->method]->side;
        enum class_choice first = map->classes[CLASS_PREDICTED] ? CLASS_PREDICTED : CLASS_TARGET;
        double distance = map_distance(
            visit->map_values + visit->map_at[i],
            s->result.maps + engine_map_at(plan->engine, map->image, map->method, first),
            side * side);
        for (int c = 0; c < CLASS_CHOICES; c++)
            if (map->classes[c])
                records_f32(r, s->distance[map->method][c], visit->row[map->image])[sample] =
                    (float)distance;
    }
}

static enum status run_sample(struct robustness *s, const struct plan *plan,
                              const struct visit *visit, struct records *r, int sample,
                              struct error *err)
{
    size_t values = pixel_count(plan) * 3;
    int classes = plan->engine->info.classes;
#pragma omp parallel for num_threads(plan->threads)
    for (int i = 0; i < visit->n; i++)
        add_noise(plan, visit->rgb_host[i], visit->images[i].id_hash, sample,
                  s->host + (size_t)i * values);
    for (int i = 0; i < visit->n; i++) {
        uint8_t *to = s->device + (size_t)i * values;
        engine_upload(plan->engine, to, s->host + (size_t)i * values, values);
        s->views[i] = (struct view){ .rgb = to };
        s->images[i] = visit->images[i];
        s->images[i].rgb = to;
    }
    TRY(engine_classify(plan->engine, s->views, (size_t)visit->n, s->logits, err));
    for (int i = 0; i < visit->n; i++)
        records_u8(r, s->changed, visit->row[i])[sample] =
            top_class(s->logits + (size_t)i * (size_t)classes, classes) != visit->predicted[i];
    TRY(engine_explain(plan->engine, s->images, visit->n, &s->result, err));
    store_distances(s, plan, visit, r, sample);
    return OK;
}

static enum status run_robustness(void *state, const struct plan *plan, const struct visit *visit,
                                  struct records *r, struct error *err)
{
    struct robustness *s = state;
    for (int k = 0; k < s->samples; k++) {
        if (stop_requested())
            return fail(err, E_STOPPED, "stopped");
        TRY(run_sample(s, plan, visit, r, k, err));
    }
    return OK;
}

static size_t sample_count(const struct plan *plan)
{
    return (size_t)plan->v->task.samples;
}

extern const struct task task_robustness;
const struct task task_robustness = {
    .name = "robustness",
    .summary = "how far maps move under slight noise: sensitivity, maximal and average",
    .state = { sizeof(struct robustness), open_robustness, close_robustness },
    .check = check_radius,
    .records = { robustness_columns, NULL },
    .run = run_robustness,
    .cost = { robustness_bytes, sample_count, sample_count },
};
