/* kind = demo: the generated benchmark (demo.h), written once and read back by the readers of the
 * published layouts. Serves both tasks: labels from the tree, masks from the .mat. */
#include "demo_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "demo_set.h"
#include "file_list.h"
#include "files.h"
#include "free_all.h"
#include "gtsegs.h"

#define DEFAULT_COUNT 100
#define MAX_DEMO_COUNT 1000000 /* names have six digits */

struct demo {
    char *folder;
    struct gtsegs *masks;
};

static enum status read_options(const struct dataset_options *options, struct demo_spec *spec,
                                int *count, struct error *err)
{
    const char *split = options->demo_split;
    spec->seed = options->demo_seed;
    spec->set = DEMO_HELD_OUT;
    spec->side = options->demo_size != 0 ? options->demo_size : DEMO_DEFAULT_SIDE;
    *count = options->demo_images != 0 ? options->demo_images : DEFAULT_COUNT;
    if (spec->side < DEMO_MIN_SIDE || spec->side > DEMO_MAX_SIDE)
        return fail(err, E_CONFIG, "demo pictures of %d pixels a side; %d to %d are wanted",
                    spec->side, DEMO_MIN_SIDE, DEMO_MAX_SIDE);
    if (*count < 1 || *count > MAX_DEMO_COUNT)
        return fail(err, E_CONFIG, "%d demo pictures; 1 to %d are wanted", *count, MAX_DEMO_COUNT);
    if (split == NULL || strcmp(split, demo_split_names[DEMO_PLAIN]) == 0)
        spec->split = DEMO_PLAIN;
    else if (strcmp(split, demo_split_names[DEMO_SHORTCUT]) == 0)
        spec->split = DEMO_SHORTCUT;
    else
        return fail(err, E_CONFIG, "the demo set has no split '%s'; plain or shortcut is wanted",
                    split);
    return OK;
}

static enum status read_back(struct demo *demo, struct dataset *dataset, struct error *err)
{
    struct class_index classes;
    struct image_list list = { 0 };
    /* The demo set's own list has its own indices, whatever the options say. */
    class_index_open(&(struct dataset_options){ .classes = "index" }, &classes);
    char *names = path_join(demo->folder, DEMO_LIST), *mat = path_join(demo->folder, DEMO_MAT);
    enum status status = OK;
    if (names == NULL || mat == NULL)
        status = fail(err, E_NOMEM, "no memory for a path");
    if (status == OK)
        status = file_list_read(names, demo->folder, &classes, &list, NULL, err);
    if (status == OK)
        status = gtsegs_open(mat, dataset->has_shortcuts, ORDER_WH, ORDER_WH, &demo->masks, err);
    if (status == OK && gtsegs_count(demo->masks) != list.count)
        status = fail(err, E_CONFIG, "%s: %zu masks for the %zu images of %s", mat,
                      gtsegs_count(demo->masks), list.count, names);
    status = dataset_take_images(dataset, &list, status, err);
    class_index_close(&classes);
    FREE_ALL(names, mat);
    return status;
}

static enum status demo_open(const struct dataset_options *options, struct dataset *dataset,
                             struct error *err)
{
    struct demo_spec spec;
    int count;
    TRY(read_options(options, &spec, &count, err));
    struct demo *demo = calloc(1, sizeof *demo);
    if (demo == NULL)
        return fail(err, E_NOMEM, "no memory for the demo set");
    dataset->impl = demo;
    dataset->has_labels = dataset->has_masks = true;
    dataset->has_shortcuts = spec.split == DEMO_SHORTCUT;
    TRY(demo_set_write(options->path, &spec, count, &demo->folder, err));
    TRY(read_back(demo, dataset, err));
    dataset->description = text_format("%s: %zu generated images with masks in %d classes",
                                       demo->folder, dataset->count, DEMO_CLASSES);
    return OK;
}

static enum status demo_load(struct dataset *dataset, size_t index, struct sample *sample,
                             struct error *err)
{
    struct demo *demo = dataset->impl;
    struct image *image = &sample->image;
    TRY(file_image(demo->folder, dataset->ids[index], image, err));
    TRY(gtsegs_mask(demo->masks, GTSEGS_GT, index, image->width, image->height, &sample->labels,
                    err));
    if (dataset->has_shortcuts)
        TRY(gtsegs_mask(demo->masks, GTSEGS_SHORTCUT, index, image->width, image->height,
                        &sample->shortcut, err));
    return OK;
}

static void demo_close(struct dataset *dataset)
{
    struct demo *demo = dataset->impl;
    gtsegs_close(demo->masks);
    FREE_ALL(demo->folder, demo);
}

const struct dataset_kind dataset_demo = {
    "demo", "a folder to write the generated demo set under", demo_open, demo_load, demo_close, NULL
};
