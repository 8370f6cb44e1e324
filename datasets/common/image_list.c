#include "image_list.h"

#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "sizes.h"

enum status image_list_add(struct image_list *list, char *id, int32_t label, uint64_t size,
                           struct error *err)
{
    if (id == NULL || !grow_array(&list->items, &list->room, list->count, sizeof *list->items)) {
        free(id);
        return fail(err, E_NOMEM, "no memory for a list of %zu images", list->count + 1);
    }
    list->items[list->count++] = (struct image_entry){ .id = id, .label = label, .size = size };
    return OK;
}

enum status image_list_add_file(struct image_list *list, char *id, int32_t label,
                                const struct stat *st, struct error *err)
{
    TRY(image_list_add(list, id, label, (uint64_t)st->st_size, err));
    struct image_entry *e = &list->items[list->count - 1];
    e->device = st->st_dev;
    e->inode = st->st_ino;
    e->links = st->st_nlink;
    list->items[list->count - 1].changed = st->st_mtim.tv_sec;
    return OK;
}

void image_list_free(struct image_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].id);
    free(list->items);
    *list = (struct image_list){ 0 };
}

/* Hashes the kind and, for each image, the id with its NUL, and label and size in little-endian
 * bytes. */
static void fingerprint(struct dataset *dataset, const struct image_list *list)
{
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, dataset->kind->name, strlen(dataset->kind->name) + 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct image_entry *e = &list->items[i];
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

static enum status move_images(struct dataset *dataset, struct image_list *list, struct error *err)
{
    dataset->ids = calloc(list->count + 1, sizeof *dataset->ids);
    dataset->labels = calloc(list->count + 1, sizeof *dataset->labels);
    dataset->changed = calloc(list->count + 1, sizeof *dataset->changed);
    if (dataset->ids == NULL || dataset->labels == NULL || dataset->changed == NULL)
        return fail(err, E_NOMEM, "no memory for a list of %zu images", list->count);
    fingerprint(dataset, list);
    dataset->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        dataset->ids[i] = list->items[i].id;
        dataset->labels[i] = list->items[i].label;
        dataset->changed[i] = list->items[i].changed;
        list->items[i].id = NULL;
    }
    return OK;
}

enum status dataset_take_images(struct dataset *dataset, struct image_list *list,
                                enum status so_far, struct error *err)
{
    enum status status = so_far == OK ? move_images(dataset, list, err) : so_far;
    image_list_free(list);
    return status;
}
