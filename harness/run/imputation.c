#include "imputation.h"

#include <stdlib.h>

#include "free_all.h"
#include "road.h"

struct imputation {
    const struct plan *plan;
    size_t pixels;
    uint8_t *device; /* [slice, S*S, 3] engine memory */
    uint64_t *seeds; /* [slice] */
};

enum status imputation_open(const struct plan *plan, size_t slice, struct imputation **out,
                            struct error *err)
{
    struct imputation *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return fail(err, E_NOMEM, "out of memory");
    s->plan = plan;
    s->pixels = pixel_count(plan);
    s->device = engine_alloc(plan->engine, slice * s->pixels, 3);
    s->seeds = malloc(slice * sizeof *s->seeds);
    if (s->device == NULL || s->seeds == NULL)
        return fail(err, E_NOMEM,
                    "no memory to fill in %zu images; a smaller compute.batch would fit", slice);
    return OK;
}

size_t imputation_bytes(const struct plan *plan, size_t slice)
{
    return slice * pixel_count(plan) * 3;
}

void imputation_close(struct imputation *s)
{
    if (s == NULL)
        return;
    engine_free(s->plan->engine, s->device);
    FREE_ALL(s->seeds, s);
}

enum status imputation_fill(struct imputation *s, const struct visit *visit, struct view *views,
                            size_t views_each, size_t at, size_t n, struct error *err)
{
    struct engine *e = s->plan->engine;
    const struct impute_args args = { .n = (int)n,
                                      .side = e->info.image_size,
                                      .views = views + at,
                                      .seeds = s->seeds,
                                      .noise = ROAD_NOISE,
                                      .tolerance = 1e-6,
                                      .out = s->device };
    for (size_t i = 0; i < n; i++)
        s->seeds[i] = visit->seeds[(at + i) / views_each];
    engine_impute(e, &args);
    for (size_t i = 0; i < n; i++)
        views[at + i].fill = s->device + i * s->pixels * 3;
    return engine_sync(e, err);
}
