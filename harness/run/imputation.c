#include "imputation.h"

#include <math.h>
#include <stdlib.h>

#include "road.h"

struct imputation {
    const struct plan *plan;
    size_t pixels, slice;
    uint32_t *rank;  /* [slice, S*S] host: of the maps of a slice */
    uint8_t *host;   /* [slice, S*S, 3] */
    uint8_t *device; /* the same */
    double *scratch; /* [threads, ...] */
    float *solution; /* [threads, S*S, 3] */
};

enum status imputation_open(const struct plan *plan, size_t slice, struct imputation **out,
                            struct error *err)
{
    struct imputation *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return fail(err, E_NOMEM, "out of memory");
    size_t pixels = pixel_count(plan), threads = (size_t)plan->threads;
    s->plan = plan;
    s->pixels = pixels;
    s->slice = slice;
    s->rank = malloc(slice * pixels * sizeof *s->rank);
    s->host = malloc(slice * pixels * 3);
    s->device = engine_alloc(plan->engine, slice * pixels, 3);
    s->scratch = malloc(threads * road_scratch(plan->engine->info.image_size) * sizeof *s->scratch);
    s->solution = malloc(threads * pixels * 3 * sizeof *s->solution);
    if (s->rank == NULL || s->host == NULL || s->device == NULL || s->scratch == NULL ||
        s->solution == NULL)
        return fail(err, E_NOMEM,
                    "no memory to fill in %zu images; a smaller compute.batch would fit", slice);
    return OK;
}

void imputation_close(struct imputation *s)
{
    if (s == NULL)
        return;
    engine_free(s->plan->engine, s->device);
    free(s->rank);
    free(s->host);
    free(s->scratch);
    free(s->solution);
    free(s);
}

/* In 8 bits, as the images that the model was made for. */
static void round_image(const float *from, size_t values, uint8_t *to)
{
    for (size_t i = 0; i < values; i++) {
        float v = from[i] * 255.0f;
        to[i] = v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lrintf(v);
    }
}

struct task_of_one {
    const struct visit *visit;
    const struct view *view;
    size_t map, first_map;
};

/* View i of the slice, by thread `thread`. */
static enum status fill_one(struct imputation *s, const struct task_of_one *t, size_t i,
                            size_t thread, struct error *err)
{
    int side = s->plan->engine->info.image_size;
    struct road_report report;
    const struct road in = { .side = side,
                             .rgb = t->visit->rgb_host[t->visit->maps[t->map].image],
                             .rank = s->rank + (t->map - t->first_map) * s->pixels,
                             .removed = t->view->removed,
                             .noise = ROAD_NOISE,
                             .seed = t->visit->seeds[t->map],
                             .tolerance = 1e-6 };
    float *solution = s->solution + thread * s->pixels * 3;
    TRY(road_impute(&in, s->scratch + thread * road_scratch(side), solution, &report, err));
    round_image(solution, s->pixels * 3, s->host + i * s->pixels * 3);
    return OK;
}

enum status imputation_fill(struct imputation *s, const struct visit *visit, struct view *views,
                            size_t views_each, size_t at, size_t n, struct error *err)
{
    struct engine *e = s->plan->engine;
    size_t first_map = at / views_each, last_map = (at + n - 1) / views_each;
    for (size_t m = first_map; m <= last_map; m++)
        engine_download(e, s->rank + (m - first_map) * s->pixels, views[m * views_each].rank,
                        s->pixels * sizeof *s->rank);
    TRY(engine_sync(e, err));
    enum status status = OK;
#pragma omp parallel for schedule(dynamic) num_threads(s->plan->threads)
    for (size_t i = 0; i < n; i++) {
        struct error own;
        const struct task_of_one t = { visit, &views[at + i], (at + i) / views_each, first_map };
        enum status one = fill_one(s, &t, i, (size_t)task_thread(), &own);
        if (one != OK) {
#pragma omp critical
            {
                *err = own;
                status = one;
            }
        }
    }
    TRY(status);
    engine_upload(e, s->device, s->host, n * s->pixels * 3);
    for (size_t i = 0; i < n; i++)
        views[at + i].fill = s->device + i * s->pixels * 3;
    return OK;
}
