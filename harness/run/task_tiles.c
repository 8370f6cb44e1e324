/* Single deletion (SPEC 13): how far does the explained class's logit fall without one tile of the
 * image? The same passes serve all methods. */
#include <stdlib.h>

#include "groups.h"
#include "parts.h"

static int per_side(const struct plan *plan)
{
    return (int)plan->v->task.tiles;
}

static size_t tile_count(const struct plan *plan)
{
    return (size_t)per_side(plan) * (size_t)per_side(plan);
}

static enum status check_tiles(const struct plan *plan, struct error *err)
{
    if (per_side(plan) > plan->engine->info.image_size)
        return config_fail(plan->config, &plan->v->task.tiles, err,
                           "images are %d pixels wide: that many tiles a side at most",
                           plan->engine->info.image_size);
    return OK;
}

static enum status tile_columns(void *state, const struct plan *plan, struct records *r,
                                struct error *err)
{
    struct parts *s = state;
    return parts_columns(plan, r, "tiles", tile_count(plan), &s->columns, err);
}

static enum status open_tiles(void *state, const struct plan *plan, struct error *err)
{
    struct parts *s = state;
    size_t pixels = pixel_count(plan);
    TRY(parts_room_open(plan, tile_count(plan), &s->room, err));
    uint32_t *rank = malloc(pixels * sizeof *rank);
    if (rank == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t t = 0; t < tile_count(plan); t++) {
        tile_rank(plan->engine->info.image_size, per_side(plan), (int)t, rank);
        engine_upload(plan->engine, s->room.rank + t * pixels, rank, pixels * sizeof *rank);
    }
    free(rank);
    return OK;
}

static size_t tile_bytes(const struct plan *plan, size_t batch)
{
    (void)batch;
    return parts_room_bytes(plan, tile_count(plan));
}

extern const struct task task_tiles;
const struct task task_tiles = {
    .name = "tiles",
    .summary = "the explained class without one tile at a time: single deletion",
    .state = { sizeof(struct parts), open_tiles, parts_close },
    .check = check_tiles,
    .records = { tile_columns, NULL },
    .run = parts_run,
    .cost = { tile_bytes, tile_count, NULL },
};
