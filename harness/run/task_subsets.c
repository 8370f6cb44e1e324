/* Faithfulness correlation (SPEC 13): how far does the explained class's output fall without a
 * random tenth of the patches? The sets are drawn once a run; the same passes serve all methods. */
#include <stdlib.h>

#include "groups.h"
#include "parts.h"

struct subsets {
    struct parts parts;
    int mask;
};

static size_t subset_count(const struct plan *plan)
{
    return (size_t)plan->v->task.subsets;
}

static int cell_count(const struct plan *plan)
{
    return plan->engine->info.grid * plan->engine->info.grid;
}

static enum status subset_columns(void *state, const struct plan *plan, struct records *r,
                                  struct error *err)
{
    struct subsets *s = state;
    TRY(records_add_once(r, COLUMN_U8, (int)subset_count(plan), cell_count(plan), &s->mask, err,
                         "subsets/mask"));
    return parts_columns(plan, r, "subsets", subset_count(plan), &s->parts.columns, err);
}

static enum status open_subsets(void *state, const struct plan *plan, struct error *err)
{
    struct subsets *s = state;
    return parts_room_open(plan, subset_count(plan), &s->parts.room, err);
}

/* Draws the sets. A pixel belongs to the patch of the grid in which it lies. */
static enum status begin_subsets(void *state, const struct plan *plan, struct records *r,
                                 struct error *err)
{
    struct subsets *s = state;
    size_t side = (size_t)plan->engine->info.image_size, grid = (size_t)plan->engine->info.grid;
    uint8_t *mask = records_u8(r, s->mask, 0);
    uint32_t *rank = malloc(side * side * sizeof *rank);
    if (rank == NULL)
        return fail(err, E_NOMEM, "out of memory");
    draw_subsets((uint64_t)plan->v->run.seed, (int)subset_count(plan), cell_count(plan), mask);
    for (size_t k = 0; k < subset_count(plan); k++) {
        const uint8_t *set = mask + k * grid * grid;
        for (size_t i = 0; i < side * side; i++)
            rank[i] = set[patch_of(i, side, grid)] ? 0 : 1;
        engine_upload(plan->engine, s->parts.room.rank + k * side * side, rank,
                      side * side * sizeof *rank);
    }
    free(rank);
    return OK;
}

static size_t subset_bytes(const struct plan *plan, size_t batch)
{
    (void)batch;
    return parts_room_bytes(plan, subset_count(plan));
}

extern const struct task task_subsets;
const struct task task_subsets = {
    .name = "subsets",
    .summary = "the explained class without random sets of patches: faithfulness correlation",
    .state = { sizeof(struct subsets), open_subsets, parts_close },
    .records = { subset_columns, begin_subsets },
    .run = parts_run,
    .cost = { subset_bytes, subset_count, NULL },
};
