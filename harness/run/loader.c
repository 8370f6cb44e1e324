#include "loader.h"

#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "log.h"
#include "task.h"

enum status loaded_open(const struct plan *plan, struct loaded *l, struct error *err)
{
    size_t pixels = pixel_count(plan), batch = (size_t)plan->engine->info.batch;
    bool masks = task_any(plan, TASK_MASKS);
    *l = (struct loaded){ 0 };
    l->rgb = malloc(batch * pixels * 3);
    l->status = malloc(batch);
    bool shortcuts = masks && plan->data->has_shortcuts;
    l->masks = masks ? malloc(batch * pixels) : NULL;
    l->shortcuts = shortcuts ? malloc(batch * pixels) : NULL;
    if (l->rgb == NULL || l->status == NULL || (masks && l->masks == NULL) ||
        (shortcuts && l->shortcuts == NULL))
        return fail(err, E_NOMEM, "no memory for %d images; a smaller compute.batch would fit",
                    plan->engine->info.batch);
    return OK;
}

void loaded_close(struct loaded *l)
{
    loader_end(l, NULL);
    FREE_ALL(l->rgb, l->masks, l->shortcuts, l->status);
    *l = (struct loaded){ 0 };
}

enum status loader_one(const struct plan *plan, size_t index, uint8_t *rgb, int8_t *mask,
                       int8_t *shortcut, struct error *err)
{
    struct sample sample = { 0 };
    int side = plan->engine->info.image_size;
    TRY(dataset_load(plan->data, index, &sample, err));
    const struct eval_cut cut = config_eval_cut(plan->v);
    enum status status = image_preprocess_cut(
        &sample.image, (enum preprocess)plan->v->data.preprocess, &cut, side, rgb, err);
    if (status == OK && mask != NULL)
        label_resize(sample.labels, sample.image.width, sample.image.height, side, mask);
    if (status == OK && shortcut != NULL)
        label_resize(sample.shortcut, sample.image.width, sample.image.height, side, shortcut);
    sample_free(&sample);
    return status;
}

/* After an image could not be read, tries others, spread over the whole set. Where more than one in
 * eight of them cannot be read either, the data set is at fault and not the image. */
static enum status probe_others(const struct plan *plan, const struct error *reason,
                                struct error *err)
{
    enum { PROBES = 16 };
    size_t count = plan->images, probes = count < PROBES ? count : PROBES, gone = 0;
    for (size_t i = 0; i < probes; i++) {
        struct sample sample;
        struct error own;
        enum status status = dataset_load(plan->data, i * count / probes, &sample, &own);
        gone += status == E_IO;
        if (status == OK)
            sample_free(&sample);
    }
    if (gone < probes && (gone <= 1 || 8 * gone <= probes))
        return OK;
    return fail(err, E_IO,
                "the data set cannot be read any more (nor can %zu of %zu other images that were "
                "tried): %s",
                gone, probes, reason->text);
}

static enum status run(const struct plan *plan, size_t first, int n, struct loaded *l,
                       struct error *err)
{
    size_t pixels = pixel_count(plan);
    enum status status = OK;
    struct error unread = { .code = OK };
#pragma omp parallel for schedule(dynamic) num_threads(plan->threads)
    for (int i = 0; i < n; i++) {
        struct error own;
        size_t index = first + (size_t)i;
        enum status s =
            loader_one(plan, index, l->rgb + (size_t)i * pixels * 3,
                       l->masks != NULL ? l->masks + (size_t)i * pixels : NULL,
                       l->shortcuts != NULL ? l->shortcuts + (size_t)i * pixels : NULL, &own);
        l->status[i] = s == OK ? IMAGE_OK : s == E_IO ? IMAGE_UNREADABLE : IMAGE_BROKEN;
#pragma omp critical
        if (s == E_DATA || s == E_IO) {
            log_warn("image %s is left out: %s", plan->data->ids[index], own.text);
            if (s == E_IO)
                unread = own;
        } else if (s != OK) {
            status = s;
            *err = own;
        }
    }
    if (status == OK && unread.code != OK)
        status = probe_others(plan, &unread, err);
    return status;
}

static void *run_loader(void *loaded)
{
    struct loaded *l = loaded;
    l->result = run(l->plan, l->first, l->n, l, &l->error);
    return NULL;
}

void loader_begin(const struct plan *plan, size_t first, int n, bool threaded, struct loaded *l)
{
    l->plan = plan;
    l->first = first;
    l->n = n;
    l->running = threaded && pthread_create(&l->thread, NULL, run_loader, l) == 0;
    if (!l->running)
        run_loader(l);
}

enum status loader_end(struct loaded *l, struct error *err)
{
    if (l->running)
        pthread_join(l->thread, NULL);
    l->running = false;
    if (l->result != OK && err != NULL)
        *err = l->error;
    return l->result;
}
