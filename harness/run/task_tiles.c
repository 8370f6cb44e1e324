/* Single deletion (SPEC 13): how far does the explained class's logit fall without one tile of the
 * image? The same passes serve all methods. */
#include <stdlib.h>

#include "groups.h"
#include "parts.h"

struct tiles {
    struct part_columns columns;
    struct part_room room;
};

static int per_side(const struct plan *plan)
{
    return (int)plan->v->task.tiles;
}

static int tile_count(const struct plan *plan)
{
    return per_side(plan) * per_side(plan);
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
    struct tiles *s = state;
    return parts_columns(plan, r, "tiles", tile_count(plan), &s->columns, err);
}

static enum status open_tiles(void *state, const struct plan *plan, struct error *err)
{
    struct tiles *s = state;
    size_t pixels = pixel_count(plan);
    TRY(parts_room_open(plan, tile_count(plan), &s->room, err));
    uint32_t *rank = malloc(pixels * sizeof *rank);
    if (rank == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int t = 0; t < tile_count(plan); t++) {
        tile_rank(plan->engine->info.image_size, per_side(plan), t, rank);
        engine_upload(plan->engine, s->room.rank + (size_t)t * pixels, rank, pixels * sizeof *rank);
    }
    free(rank);
    return OK;
}

static void close_tiles(void *state, const struct plan *plan)
{
    struct tiles *s = state;
    parts_room_close(plan, &s->room);
}

static enum status run_tiles(void *state, const struct plan *plan, const struct visit *visit,
                             struct records *r, struct error *err)
{
    struct tiles *s = state;
    return parts_classify(plan, visit, &s->room, &s->columns, r, err);
}

static size_t tile_bytes(const struct plan *plan, size_t batch)
{
    (void)batch;
    return parts_room_bytes(plan, tile_count(plan));
}

static size_t tile_forwards(const struct plan *plan)
{
    return (size_t)tile_count(plan);
}

extern const struct task task_tiles;
const struct task task_tiles = {
    .name = "tiles",
    .summary = "the explained class without one tile at a time: single deletion",
    .state = { sizeof(struct tiles), open_tiles, close_tiles },
    .check = check_tiles,
    .columns = tile_columns,
    .device_bytes = tile_bytes,
    .run = run_tiles,
    .forwards = tile_forwards,
};
