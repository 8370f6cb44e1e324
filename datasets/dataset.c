#include "dataset_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sha256.h"

const struct dataset_kind *const dataset_kinds[] = { &dataset_imagenet,     &dataset_imagenet_list,
                                                     &dataset_imagenet_tar, &dataset_imagenet_seg,
                                                     &dataset_demo,         NULL };

enum status entries_add(struct entries *list, char *id, int32_t label, uint64_t size,
                        struct error *err)
{
    if (id != NULL && list->count == list->room) {
        size_t room = list->room > 0 ? list->room * 2 : 256;
        struct entry *items = reallocarray(list->items, room, sizeof *items);
        if (items != NULL) {
            list->items = items;
            list->room = room;
        }
    }
    if (id == NULL || list->count == list->room) {
        free(id);
        return fail(err, E_NOMEM, "no memory for a list of %zu images", list->count + 1);
    }
    list->items[list->count++] = (struct entry){ id, label, size, 0 };
    return OK;
}

void entries_free(struct entries *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].id);
    free(list->items);
    *list = (struct entries){ 0 };
}

/* Over the kind and, per image: id with its NUL, label and size in little-endian bytes. */
static void fingerprint(struct dataset *dataset, const struct entries *list)
{
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, dataset->kind->name, strlen(dataset->kind->name) + 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct entry *e = &list->items[i];
        uint8_t numbers[12];
        for (int b = 0; b < 4; b++)
            numbers[b] = (uint8_t)((uint32_t)e->label >> (8 * b));
        for (int b = 0; b < 8; b++)
            numbers[4 + b] = (uint8_t)(e->size >> (8 * b));
        sha256_add(&hash, e->id, strlen(e->id) + 1);
        sha256_add(&hash, numbers, sizeof numbers);
    }
    sha256_end(&hash, dataset->fingerprint);
}

enum status dataset_take(struct dataset *dataset, struct entries *list, struct error *err)
{
    dataset->ids = calloc(list->count + 1, sizeof *dataset->ids);
    dataset->labels = calloc(list->count + 1, sizeof *dataset->labels);
    if (dataset->ids == NULL || dataset->labels == NULL)
        return fail(err, E_NOMEM, "no memory for a list of %zu images", list->count);
    fingerprint(dataset, list);
    dataset->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        dataset->ids[i] = list->items[i].id;
        dataset->labels[i] = list->items[i].label;
        list->items[i].id = NULL;
    }
    entries_free(list);
    return OK;
}

char *text_format(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

char *path_join(const char *folder, const char *name)
{
    if (name[0] == '/')
        return strdup(name);
    return text_format("%s/%s", folder, name);
}

bool has_image_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".jpg") == 0 ||
                           strcasecmp(dot, ".png") == 0);
}

enum status file_image(const char *folder, const char *id, struct image *out, struct error *err)
{
    char *path = path_join(folder, id);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for the path of %s", id);
    enum status status = image_read(path, out, err);
    free(path);
    return status;
}

enum status files_load(struct dataset *dataset, size_t index, struct sample *sample,
                       struct error *err)
{
    return file_image(dataset->impl, dataset->ids[index], &sample->image, err);
}

void files_close(struct dataset *dataset)
{
    free(dataset->impl);
}

static enum status unknown_kind(const char *kind, struct error *err)
{
    char known[256] = "";
    for (size_t k = 0, n = 0; dataset_kinds[k] != NULL && n < sizeof known; k++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", k > 0 ? ", " : "",
                              dataset_kinds[k]->name);
    return fail(err, E_CONFIG, "no data set is of kind '%s'; kinds are %s", kind, known);
}

enum status dataset_open(const struct dataset_options *options, struct dataset **out,
                         struct error *err)
{
    size_t k = 0;
    *out = NULL;
    if (options->kind == NULL || options->kind[0] == '\0')
        return unknown_kind("", err);
    while (dataset_kinds[k] != NULL && strcmp(dataset_kinds[k]->name, options->kind) != 0)
        k++;
    if (dataset_kinds[k] == NULL)
        return unknown_kind(options->kind, err);
    if (options->path == NULL || options->path[0] == '\0')
        return fail(err, E_CONFIG, "a data set of kind '%s' wants a path: %s", options->kind,
                    dataset_kinds[k]->summary);
    struct dataset *dataset = calloc(1, sizeof *dataset);
    if (dataset == NULL)
        return fail(err, E_NOMEM, "no memory for a data set");
    dataset->kind = dataset_kinds[k];
    enum status status = dataset->kind->open(options, dataset, err);
    if (status == OK && dataset->description == NULL)
        status = fail(err, E_NOMEM, "no memory for a data set");
    if (status != OK) {
        dataset_close(dataset);
        return status;
    }
    *out = dataset;
    return OK;
}

enum status dataset_load(struct dataset *dataset, size_t index, struct sample *sample,
                         struct error *err)
{
    *sample = (struct sample){ 0 };
    if (index >= dataset->count)
        return fail(err, E_DATA, "no image %zu among %zu", index, dataset->count);
    enum status status = dataset->kind->load(dataset, index, sample, err);
    if (status != OK)
        sample_free(sample);
    return status;
}

void sample_free(struct sample *sample)
{
    image_free(&sample->image);
    free(sample->labels);
    free(sample->shortcut);
    *sample = (struct sample){ 0 };
}

void dataset_close(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    if (dataset->impl != NULL)
        dataset->kind->close(dataset);
    for (size_t i = 0; i < dataset->count; i++)
        free(dataset->ids[i]);
    free(dataset->ids);
    free(dataset->labels);
    free(dataset->description);
    free(dataset);
}
