#include "parts.h"

#include <math.h>
#include <stdlib.h>

#include "free_all.h"
#include "stop.h"

uint8_t *parts_mean_fill(const struct plan *plan)
{
    size_t pixels = pixel_count(plan);
    const float *mean = plan->engine->info.format.mean;
    uint8_t *host = malloc(pixels * 3), *device = engine_alloc(plan->engine, pixels, 3);
    if (host == NULL || device == NULL) {
        free(host);
        engine_free(plan->engine, device);
        return NULL;
    }
    for (size_t i = 0; i < pixels * 3; i++)
        host[i] = (uint8_t)lround(255.0 * (double)mean[i % 3]);
    engine_upload(plan->engine, device, host, pixels * 3);
    free(host);
    return device;
}

enum status parts_columns(const struct plan *plan, struct records *r, const char *prefix,
                          size_t parts, struct part_columns *out, struct error *err)
{
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!plan->classes[c])
            continue;
        TRY(records_add(r, COLUMN_F32, (int)parts + 1, 0, &out->prob[c], err, "%s/%s/prob", prefix,
                        class_choice_names[c]));
        TRY(records_add(r, COLUMN_F32, (int)parts + 1, 0, &out->logit[c], err, "%s/%s/logit",
                        prefix, class_choice_names[c]));
    }
    return OK;
}

enum status parts_room_open(const struct plan *plan, size_t parts, struct part_room *out,
                            struct error *err)
{
    size_t pixels = pixel_count(plan), classes = (size_t)plan->engine->info.classes;
    out->parts = parts;
    out->slice = (size_t)plan->engine->info.batch * 8;
    out->rank = engine_alloc(plan->engine, parts * pixels, sizeof *out->rank);
    out->fill = parts_mean_fill(plan);
    out->views = calloc(out->slice, sizeof *out->views);
    out->logits = malloc(out->slice * classes * sizeof *out->logits);
    if (out->rank == NULL || out->fill == NULL || out->views == NULL || out->logits == NULL)
        return fail(err, E_NOMEM, "no memory for images without one of %zu parts", parts);
    return OK;
}

size_t parts_room_bytes(const struct plan *plan, size_t parts)
{
    const struct part_room *room = NULL;
    return (parts * sizeof *room->rank + 3) * pixel_count(plan);
}

void parts_close(void *state, const struct plan *plan)
{
    struct part_room *room = &((struct parts *)state)->room;
    engine_free(plan->engine, room->rank);
    engine_free(plan->engine, room->fill);
    FREE_ALL(room->views, room->logits);
}

static void store_part(const struct plan *plan, const struct visit *visit,
                       const struct part_columns *to, struct records *r, int image, int point,
                       const float *logits)
{
    const int32_t of[CLASS_CHOICES] = { visit->predicted[image], visit->label[image] };
    int classes = plan->engine->info.classes;
    size_t row = visit->row[image];
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!plan->classes[c])
            continue;
        records_f32(r, to->prob[c], row)[point] = (float)softmax_of(logits, classes, of[c]);
        records_f32(r, to->logit[c], row)[point] = logits[of[c]];
    }
}

enum status parts_run(void *state, const struct plan *plan, const struct visit *visit,
                      struct records *r, struct error *err)
{
    const struct part_columns *to = &((struct parts *)state)->columns;
    const struct part_room *room = &((struct parts *)state)->room;
    size_t classes = (size_t)plan->engine->info.classes, pixels = pixel_count(plan);
    size_t parts = room->parts, count = (size_t)visit->n * parts;
    for (int i = 0; i < visit->n; i++)
        store_part(plan, visit, to, r, i, 0, visit->logits + (size_t)i * classes);
    for (size_t at = 0; at < count; at += room->slice) {
        size_t n = count - at < room->slice ? count - at : room->slice;
        if (stop_requested())
            return fail(err, E_STOPPED, "stopped");
        for (size_t i = 0; i < n; i++)
            room->views[i] = (struct view){ .rgb = visit->rgb[(at + i) / parts],
                                            .rank = room->rank + (at + i) % parts * pixels,
                                            .removed = 1,
                                            .fill = room->fill };
        TRY(engine_classify(plan->engine, room->views, n, room->logits, err));
#pragma omp parallel for num_threads(plan->threads)
        for (size_t i = 0; i < n; i++)
            store_part(plan, visit, to, r, (int)((at + i) / parts), (int)((at + i) % parts) + 1,
                       room->logits + i * classes);
    }
    return OK;
}
