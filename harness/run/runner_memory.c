/* Opening and closing of the runner: columns of the records, memory for a batch. */
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "runner_internal.h"
#include "sizes.h"

static size_t longest_id(const struct plan *p)
{
    size_t longest = 1;
    for (size_t i = 0; i < p->data->count; i++)
        if (strlen(p->data->ids[i]) > longest)
            longest = strlen(p->data->ids[i]);
    return longest;
}

bool runner_drops(const struct plan *p, int method)
{
    const struct engine_info *info = &p->engine->info;
    return info->others > 1 && p->files[method] == NULL && !p->methods[method]->control &&
           p->methods[method]->side == info->grid;
}

static enum status lay_out_columns(struct runner *r, struct error *err)
{
    const struct plan *p = r->plan;
    struct records *k = &r->records;
    int grid = p->engine->info.grid;
    TRY(records_add(k, COLUMN_I32, 0, 0, &r->index, err, "image"));
    TRY(records_add_once(k, COLUMN_I32, grid, 0, &r->patch_row, err, "patch_row"));
    TRY(records_add_once(k, COLUMN_I32, grid, 0, &r->patch_column, err, "patch_column"));
    TRY(records_add(k, COLUMN_TEXT, (int)longest_id(p), 0, &r->id, err, "images/id"));
    TRY(records_add(k, COLUMN_I32, 0, 0, &r->label, err, "images/label"));
    TRY(records_add(k, COLUMN_I32, 0, 0, &r->predicted, err, "images/predicted"));
    TRY(records_add(k, COLUMN_U8, 0, 0, &r->status, err, "images/status"));
    TRY(records_add(k, COLUMN_F32, 0, 0, &r->identity_error, err, "images/identity_error"));
    TRY(records_add(k, COLUMN_U8, 0, 0, &r->zero_row_sum, err, "images/zero_row_sum"));
    for (int m = 0; m < p->method_count; m++) {
        int side = p->methods[m]->side;
        TRY(task_method_columns(p, k, m, COLUMN_F32, side, side, "explain", "map", r->map[m], err));
        if (p->methods[m]->adds_up)
            TRY(task_method_columns(p, k, m, COLUMN_F32, 0, 0, "explain", "sum_error",
                                    r->sum_error[m], err));
        if (runner_drops(p, m))
            TRY(task_method_columns(p, k, m, COLUMN_F32, 0, 0, "explain", "dropped", r->dropped[m],
                                    err));
        if (p->files[m] != NULL)
            TRY(task_method_columns(p, k, m, COLUMN_U8, 0, 0, "explain", "status", r->map_status[m],
                                    err));
    }
    TRY(task_columns(p, k, COLUMN_U8, 0, 0, "explain", "constant", r->constant, err));
    TRY(task_columns(p, k, COLUMN_I32, 0, 0, "explain", "largest_tie", r->largest_tie, err));
    r->own_ties = !task_any(p, TASK_TIES);
    r->reads_heat = task_any(p, TASK_HEAT);
    for (int i = 0; i < p->task_count; i++) {
        r->state[i] = calloc(1, p->tasks[i]->state.size);
        if (r->state[i] == NULL)
            return fail(err, E_NOMEM, "out of memory");
        TRY(p->tasks[i]->records.columns(r->state[i], p, k, err));
    }
    columns_note(k, grid);
    return OK;
}

/* Adds what the tasks need, and the columns that a run has once. */
static enum status open_tasks(struct runner *r, struct error *err)
{
    const struct plan *p = r->plan;
    for (int k = 0; k < p->engine->info.grid; k++) {
        records_i32(&r->records, r->patch_row, 0)[k] = k;
        records_i32(&r->records, r->patch_column, 0)[k] = k;
    }
    for (int i = 0; i < p->task_count; i++)
        if (p->tasks[i]->state.open != NULL)
            TRY(p->tasks[i]->state.open(r->state[i], p, err));
    for (int i = 0; i < p->task_count; i++)
        if (p->tasks[i]->records.begin != NULL)
            TRY(p->tasks[i]->records.begin(r->state[i], p, &r->records, err));
    return OK;
}

/* Host memory for `count` things, or NULL with *failed set. */
static void *take(size_t count, size_t size, bool *failed)
{
    void *p = calloc(count, size);
    *failed |= p == NULL;
    return p;
}

static void *take_device(const struct plan *plan, size_t count, size_t size, bool *failed)
{
    void *p = engine_alloc(plan->engine, count, size);
    *failed |= p == NULL;
    return p;
}

static bool has_fills(const struct plan *p)
{
    return p->v->task.fill == FILL_BLUR || p->v->task.fill == FILL_RISE_BLUR;
}

size_t runner_device_bytes(const struct plan *p, size_t batch)
{
    const struct runner *r = NULL;
    size_t rgb = pixel_count(p) * 3, values = 0;
    for (int m = 0; m < p->method_count; m++)
        values += CLASS_CHOICES * (size_t)p->methods[m]->side * (size_t)p->methods[m]->side;
    size_t bytes = batch * (rgb * (has_fills(p) ? 2 : 1) + values * sizeof *r->map_device) +
                   task_maps_bytes(p, batch, sizeof *r->heat_device);
    for (int i = 0; i < p->task_count; i++)
        if (p->tasks[i]->cost.device_bytes != NULL)
            bytes += p->tasks[i]->cost.device_bytes(p, batch);
    return bytes;
}

static enum status take_memory(struct runner *r, struct error *err)
{
    const struct plan *p = r->plan;
    size_t n = (size_t)p->engine->info.batch, maps = n * (size_t)p->method_count * CLASS_CHOICES;
    size_t values = n * (engine_map_values(p->engine) + r->file_values);
    size_t largest = (size_t)r->largest_side * (size_t)r->largest_side;
    bool failed = false;
    r->row = take(n, sizeof *r->row, &failed);
    r->labels = take(n, sizeof *r->labels, &failed);
    r->predictions = take(n, sizeof *r->predictions, &failed);
    r->views = take(n, sizeof *r->views, &failed);
    r->rgb = take(n, sizeof *r->rgb, &failed);
    r->rgb_host = take(n, sizeof *r->rgb_host, &failed);
    r->logits = take(n * (size_t)p->engine->info.classes, sizeof *r->logits, &failed);
    r->images = take(n, sizeof *r->images, &failed);
    failed |= !task_result_open(p, &r->explained);
    r->file_maps = take(n * r->file_values, sizeof *r->file_maps, &failed);
    r->maps = take(maps, sizeof *r->maps, &failed);
    r->seeds = take(maps, sizeof *r->seeds, &failed);
    r->map_at = take(maps + 1, sizeof *r->map_at, &failed);
    r->map_values = take(values, sizeof *r->map_values, &failed);
    r->flags = take(maps, sizeof *r->flags, &failed);
    r->ties = take(maps, sizeof *r->ties, &failed);
    r->flat_map = take(largest, sizeof *r->flat_map, &failed);
    if (r->own_ties || r->reads_heat)
        r->heat = take(maps * r->pixels, sizeof *r->heat, &failed);
    r->rgb_device = take_device(p, n, r->rgb_stride, &failed);
    r->map_device = take_device(p, values, sizeof *r->map_device, &failed);
    r->heat_device = take_device(p, maps * r->pixels, sizeof *r->heat_device, &failed);
    if (r->loaded[0].masks != NULL)
        r->masks = take(n * r->pixels, sizeof *r->masks, &failed);
    if (r->loaded[0].shortcuts != NULL)
        r->shortcuts = take(n * r->pixels, sizeof *r->shortcuts, &failed);
    if (has_fills(p)) {
        r->fill = take(n, sizeof *r->fill, &failed);
        r->fill_device = take_device(p, n, r->rgb_stride, &failed);
        r->fill_scratch = take(r->rgb_stride, sizeof *r->fill_scratch, &failed);
        r->fill_host = take(r->rgb_stride, 1, &failed);
    }
    if (failed)
        return fail(err, E_NOMEM,
                    "no memory for the maps of %d images; a smaller compute.batch "
                    "would fit",
                    p->engine->info.batch);
    return OK;
}

static enum status open_runner(struct runner *r, size_t shard_rows, struct error *err)
{
    const struct plan *p = r->plan;
    r->pixels = pixel_count(p);
    for (int m = 0; m < p->method_count; m++) {
        size_t side = (size_t)p->methods[m]->side;
        if (p->methods[m]->side > r->largest_side)
            r->largest_side = p->methods[m]->side;
        r->file_at[m] = r->file_values;
        r->file_values += p->files[m] != NULL ? CLASS_CHOICES * side * side : 0;
    }
    r->rgb_stride = r->pixels * 3;
    TRY(lay_out_columns(r, err));
    TRY(records_alloc(&r->records, shard_rows, err));
    r->ahead = !p->engine->info.on_host;
    for (int i = 0; i < (r->ahead ? 2 : 1); i++)
        TRY(loaded_open(r->plan, &r->loaded[i], err));
    TRY(take_memory(r, err));
    return open_tasks(r, err);
}

enum status runner_open(struct plan *plan, size_t shard_rows, struct runner **out,
                        struct error *err)
{
    *out = NULL;
    struct runner *r = calloc(1, sizeof *r);
    if (r == NULL)
        return fail(err, E_NOMEM, "out of memory");
    r->plan = plan;
    enum status status = open_runner(r, shard_rows, err);
    if (status != OK) {
        runner_close(r);
        if (status != E_NOMEM)
            return status;
        TRY(engine_halve(plan->engine, err)); /* not again after that */
        return runner_open(plan, shard_rows, out, err);
    }
    *out = r;
    return OK;
}

enum status runner_row_bytes(const struct plan *plan, size_t *row, size_t *once, struct error *err)
{
    struct plan copy = *plan;
    struct runner *r = calloc(1, sizeof *r);
    if (r == NULL)
        return fail(err, E_NOMEM, "out of memory");
    r->plan = &copy;
    enum status status = lay_out_columns(r, err);
    if (status == OK)
        *row = records_row_bytes(&r->records, once);
    runner_close(r);
    return status;
}

void runner_close(struct runner *r)
{
    if (r == NULL)
        return;
    for (int i = 0; i < r->plan->task_count; i++) {
        if (r->state[i] != NULL && r->plan->tasks[i]->state.close != NULL)
            r->plan->tasks[i]->state.close(r->state[i], r->plan);
        free(r->state[i]);
    }
    void *device[] = { r->rgb_device, r->fill_device, r->map_device, r->heat_device };
    for (size_t i = 0; i < sizeof device / sizeof device[0]; i++)
        engine_free(r->plan->engine, device[i]);
    void *host[] = { r->row,   r->labels, r->predictions,  r->views,      r->rgb,    r->rgb_host,
                     r->fill,  r->masks,  r->shortcuts,    r->logits,     r->images, r->maps,
                     r->seeds, r->map_at, r->file_maps,    r->map_values, r->flags,  r->flat_map,
                     r->ties,  r->heat,   r->fill_scratch, r->fill_host };
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    task_result_close(&r->explained);
    for (int i = 0; i < 2; i++)
        loaded_close(&r->loaded[i]);
    records_free(&r->records);
    free(r);
}

struct records *runner_records(struct runner *r)
{
    return &r->records;
}
