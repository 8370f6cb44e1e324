/* A visit: load, classify, explain, heat, tasks. */
#include <math.h>
#include <string.h>

#include "blur.h"
#include "log.h"
#include "metrics.h"
#include "runner_internal.h"
#include "stop.h"

/* FNV-1a: a seed that depends on the image's name alone. */
static uint64_t hash_id(const char *id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *id != '\0'; id++)
        h = (h ^ (uint8_t)*id) * 0x100000001b3u;
    return h;
}

/* Makes the fill of the removed pixels of image k. */
static void upload_fill(struct runner *r, int k, const uint8_t *rgb)
{
    struct engine *e = r->plan->engine;
    uint8_t *to = r->fill_device + (size_t)k * r->rgb_stride;
    int side = e->info.image_size;
    if (r->plan->v->task.fill == FILL_RISE_BLUR)
        rise_blur_image(rgb, side, e->info.format.mean, r->fill_scratch, r->fill_host);
    else
        blur_image(rgb, side, r->fill_scratch, r->fill_host);
    engine_upload(e, to, r->fill_host, r->rgb_stride);
    r->fill[k] = to;
}

static size_t map_cells(const struct plan *p, int method)
{
    size_t side = (size_t)p->methods[method]->side;
    return side * side;
}

/* The place of a map in the visit: among those that the engine made, or from a file. */
static float *map_of(const struct runner *r, int image, int method, enum class_choice c)
{
    const struct plan *p = r->plan;
    if (p->files[method] == NULL)
        return r->explained.maps + engine_map_at(p->engine, image, p->engine_index[method], c);
    return r->file_maps + (size_t)image * r->file_values + r->file_at[method] +
           (size_t)c * map_cells(p, method);
}

/* Reads the maps of image `index` from files, into place k of the visit. An unusable map is
 * reported and the image left out, because methods are compared on the same images. */
static enum status take_maps(struct runner *r, size_t index, size_t row, int k, bool *whole,
                             struct error *err)
{
    const struct plan *p = r->plan;
    *whole = true;
    for (int m = 0; m < p->method_count; m++)
        for (int c = 0; p->files[m] != NULL && c < CLASS_CHOICES; c++) {
            struct error own;
            if (!p->classes[c] || !plan_has_own(p, m, (enum class_choice)c))
                continue;
            enum status status = map_file_read(p->files[m], p->data->ids[index], c == CLASS_TARGET,
                                               map_of(r, k, m, (enum class_choice)c), &own);
            if (status == OK)
                continue;
            if (status != E_DATA) { /* of the file, not of the image */
                *err = own;
                return status;
            }
            log_warn("image %s is left out: %s", p->data->ids[index], own.text);
            *records_u8(&r->records, r->map_status[m][c], row) = IMAGE_BROKEN;
            *whole = false;
        }
    if (!*whole)
        *records_u8(&r->records, r->status, row) = IMAGE_WITHOUT_MAP;
    return OK;
}

/* Fills the rows of n loaded images from `from` on, the first of all in row `row`. The *visited
 * images that were decoded become the visit. */
static enum status take_images(struct runner *r, const struct loaded *l, int from, int n,
                               size_t row, int *visited, struct error *err)
{
    const struct plan *p = r->plan;
    int k = 0;
    for (int i = from; i < from + n; i++) {
        size_t index = l->first + (size_t)i, at = row + (size_t)i;
        const char *id = p->data->ids[index];
        memcpy(records_text(&r->records, r->id, at), id, strlen(id));
        int32_t label = p->data->has_labels ? p->data->labels[index] : -1;
        *records_i32(&r->records, r->label, at) = label;
        *records_u8(&r->records, r->status, at) = l->status[i];
        *records_i32(&r->records, r->index, at) =
            (int32_t)(p->indices != NULL ? p->indices[index] : index);
        bool whole = l->status[i] == IMAGE_OK;
        if (whole)
            TRY(take_maps(r, index, at, k, &whole, err));
        if (!whole)
            continue;
        const uint8_t *rgb = l->rgb + (size_t)i * r->rgb_stride;
        uint8_t *to = r->rgb_device + (size_t)k * r->rgb_stride;
        engine_upload(p->engine, to, rgb, r->rgb_stride);
        if (r->fill != NULL)
            upload_fill(r, k, rgb);
        if (r->masks != NULL)
            memcpy(r->masks + (size_t)k * r->pixels, l->masks + (size_t)i * r->pixels, r->pixels);
        if (r->shortcuts != NULL)
            memcpy(r->shortcuts + (size_t)k * r->pixels, l->shortcuts + (size_t)i * r->pixels,
                   r->pixels);
        r->row[k] = at;
        r->labels[k] = label;
        r->rgb[k] = to;
        r->rgb_host[k] = rgb;
        r->views[k] = (struct view){ .rgb = to };
        r->images[k] = (struct explain_image){ .rgb = to, .label = label, .id_hash = hash_id(id) };
        k++;
    }
    *visited = k;
    return OK;
}

/* Classifies the unmasked (0 %) image: its top class is the prediction, and the class that is
 * explained. */
static enum status classify(struct runner *r, int n, struct error *err)
{
    int classes = r->plan->engine->info.classes;
    TRY(engine_classify(r->plan->engine, r->views, (size_t)n, r->logits, err));
    for (int i = 0; i < n; i++) {
        r->predictions[i] =
            classes > 0 ? top_class(r->logits + (size_t)i * (size_t)classes, classes) : -1;
        r->images[i].predicted = r->predictions[i];
        *records_i32(&r->records, r->predicted, r->row[i]) = r->predictions[i];
    }
    return OK;
}

/* How far the terms of a method that should add up to the score do not. */
static void store_sum_errors(struct runner *r, int n)
{
    const struct plan *p = r->plan;
    for (int m = 0; m < p->method_count; m++)
        for (int i = 0; p->methods[m]->adds_up && i < n; i++)
            for (int c = 0; c < CLASS_CHOICES; c++)
                if (p->classes[c] && plan_has_own(p, m, (enum class_choice)c))
                    *records_f32(&r->records, r->sum_error[m][c], r->row[i]) = *engine_sum_error(
                        p->engine, &r->explained, i, p->engine_index[m], (enum class_choice)c);
}

static enum status explain(struct runner *r, int n, struct error *err)
{
    TRY(engine_explain(r->plan->engine, r->images, n, &r->explained, err));
    for (int i = 0; i < n; i++) {
        *records_f32(&r->records, r->identity_error, r->row[i]) = r->explained.identity_error[i];
        *records_u8(&r->records, r->zero_row_sum, r->row[i]) = r->explained.zero_row_sum[i];
    }
    store_sum_errors(r, n);
    return OK;
}

/* Whether the target's map is that of the predicted class. An engine's is where the classes are
 * one; a file may hold two maps for one class. */
static bool same_maps(const struct runner *r, int image, int method)
{
    const float *predicted = map_of(r, image, method, CLASS_PREDICTED);
    if (r->labels[image] != r->predictions[image])
        return false;
    return r->plan->files[method] == NULL ||
           memcmp(predicted, map_of(r, image, method, CLASS_TARGET),
                  map_cells(r->plan, method) * sizeof *predicted) == 0;
}

/* Lists the distinct maps of one image by one method, with the classes that each stands for. */
static int list_maps_of(struct runner *r, int image, int method, int count)
{
    const struct plan *p = r->plan;
    size_t cells = map_cells(p, method);
    int shared = -1; /* the map of the predicted class */
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!p->classes[c] || !plan_has_own(p, method, (enum class_choice)c))
            continue;
        if (shared >= 0 && same_maps(r, image, method)) {
            r->maps[shared].classes[c] = true;
            continue;
        }
        shared = count;
        r->maps[count] = (struct visit_map){ .image = image, .method = method };
        r->maps[count].classes[c] = true;
        /* Odd multiples prevent run.seed and the id from cancelling each other. */
        r->seeds[count] =
            r->images[image].id_hash ^ ((uint64_t)p->v->run.seed * 0x9e3779b97f4a7c15u);
        memcpy(r->map_values + r->map_at[count], map_of(r, image, method, (enum class_choice)c),
               cells * sizeof *r->map_values);
        r->map_at[count + 1] = r->map_at[count] + cells;
        count++;
    }
    return count;
}

/* The smallest side of a method's maps that is larger than `above`; 0: there is none. */
static int next_side(const struct plan *p, int above)
{
    int next = 0;
    for (int m = 0; m < p->method_count; m++) {
        int side = p->methods[m]->side;
        if (side > above && (next == 0 || side < next))
            next = side;
    }
    return next;
}

/* Collects the visit's distinct maps. Maps of one side are neighbours, so that one call turns them
 * into heat. */
static int list_maps(struct runner *r, int n)
{
    const struct plan *p = r->plan;
    int count = 0;
    r->map_at[0] = 0;
    for (int side = next_side(p, 0); side > 0; side = next_side(p, side))
        for (int i = 0; i < n; i++)
            for (int m = 0; m < p->method_count; m++)
                if (p->methods[m]->side == side)
                    count = list_maps_of(r, i, m, count);
    return count;
}

/* Classifies a map before it becomes heat. A map that is not finite is stored unchanged, and counts
 * as constant from here on. */
static uint8_t inspect_map(const float *map, size_t cells)
{
    bool same = true;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(map[i]))
            return MAP_NOT_FINITE;
        same &= map[i] == map[0];
    }
    return same ? MAP_CONSTANT : MAP_VARIES;
}

static void store_map(struct runner *r, int i)
{
    const struct visit_map *map = &r->maps[i];
    size_t row = r->row[map->image], cells = map_cells(r->plan, map->method);
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!map->classes[c])
            continue;
        memcpy(records_f32(&r->records, r->map[map->method][c], row), r->map_values + r->map_at[i],
               cells * sizeof *r->map_values);
        *records_u8(&r->records, r->constant[map->method][c], row) = r->flags[i];
        *records_i32(&r->records, r->largest_tie[map->method][c], row) = r->ties[i];
        if (runner_drops(r->plan, map->method))
            *records_f32(&r->records, r->dropped[map->method][c], row) =
                engine_dropped(r->plan->engine, map->image, r->plan->engine_index[map->method],
                               (enum class_choice)c);
    }
}

/* A map that is not finite becomes heat of 0, as a constant one does. */
static enum status make_heat(struct runner *r, int count, struct error *err)
{
    const struct plan *p = r->plan;
    struct engine *e = p->engine;
    engine_upload(e, r->map_device, r->map_values, r->map_at[count] * sizeof *r->map_values);
    for (int i = 0; i < count; i++) {
        size_t cells = map_cells(p, r->maps[i].method);
        r->flags[i] = inspect_map(r->map_values + r->map_at[i], cells);
        if (r->flags[i] == MAP_NOT_FINITE)
            engine_upload(e, r->map_device + r->map_at[i], r->flat_map,
                          cells * sizeof *r->flat_map);
    }
    task_heat(p, r->maps, count, r->map_at, r->map_device, r->heat_device);
    if (r->heat != NULL)
        engine_download(e, r->heat, r->heat_device, (size_t)count * r->pixels * sizeof *r->heat);
    return engine_sync(e, err);
}

/* Counts ties by sorting the heat maps, for runs none of whose tasks sorts them. */
static enum status count_ties(struct runner *r, int count, struct error *err)
{
    enum status status = OK;
#pragma omp parallel for schedule(dynamic) num_threads(r->plan->threads)
    for (int i = 0; i < count; i++) {
        size_t tie = 0;
        enum status s = largest_tie(r->heat + (size_t)i * r->pixels, r->pixels, &tie, NULL);
        r->ties[i] = (int32_t)tie;
#pragma omp critical
        status = s != OK ? s : status;
    }
    if (status != OK)
        return fail(err, status, "out of memory sorting %zu pixels", r->pixels);
    return OK;
}

static enum status visit_batch(struct runner *r, int n, struct error *err)
{
    TRY(classify(r, n, err));
    TRY(explain(r, n, err));
    int maps = list_maps(r, n);
    TRY(make_heat(r, maps, err));
    const struct visit visit = { .n = n,
                                 .row = r->row,
                                 .label = r->labels,
                                 .predicted = r->predictions,
                                 .images = r->images,
                                 .rgb = r->rgb,
                                 .rgb_host = r->rgb_host,
                                 .fill = r->fill,
                                 .masks = r->masks,
                                 .shortcuts = r->shortcuts,
                                 .logits = r->logits,
                                 .map_count = maps,
                                 .maps = r->maps,
                                 .map_values = r->map_values,
                                 .map_at = r->map_at,
                                 .heat = r->heat,
                                 .heat_device = r->heat_device,
                                 .seeds = r->seeds,
                                 .largest_tie = r->ties };
    if (r->own_ties)
        TRY(count_ties(r, maps, err));
    for (int i = 0; i < r->plan->task_count; i++)
        TRY(r->plan->tasks[i]->run(r->state[i], r->plan, &visit, &r->records, err));
    for (int i = 0; i < maps; i++)
        store_map(r, i);
    return OK;
}

/* Visits all loaded images: in one visit, or in two where memory ran out and the batch was
 * halved. */
static enum status visit_loaded(struct runner *r, const struct loaded *l, size_t row,
                                struct error *err)
{
    for (int from = 0, n; from < l->n; from += n) {
        int batch = r->plan->engine->info.batch;
        n = l->n - from < batch ? l->n - from : batch;
        int whole = 0;
        TRY(take_images(r, l, from, n, row, &whole, err));
        enum status status = whole > 0 ? visit_batch(r, whole, err) : OK;
        if (status == E_NOMEM) {
            TRY(engine_halve(r->plan->engine, err));
            n = 0;
        } else {
            TRY(status);
        }
    }
    return OK;
}

enum status runner_shard(struct runner *r, size_t first, size_t count, runner_progress *progress,
                         void *context, struct error *err)
{
    size_t batch = (size_t)r->plan->engine->info.batch;
    for (size_t row = 0; row < count; row++)
        records_blank(&r->records, row);
    bool go_on = true;
    struct loaded *now = &r->loaded[0], *next = r->ahead ? &r->loaded[1] : now;
    for (size_t at = 0; at < count; at += batch) {
        size_t rest = count - at;
        if (stop_requested() || !go_on)
            return fail(err, E_STOPPED, "stopped");
        if (at == 0 || !r->ahead)
            loader_begin(r->plan, first + at, (int)(rest < batch ? rest : batch), r->ahead, now);
        TRY(loader_end(now, err));
        if (r->ahead && rest > batch)
            loader_begin(r->plan, first + at + batch,
                         (int)(rest - batch < batch ? rest - batch : batch), true, next);
        TRY(visit_loaded(r, now, at, err));
        go_on = progress(context, (size_t)now->n);
        struct loaded *swap = now;
        now = next;
        next = swap;
    }
    return OK;
}
