#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class_index.h"
#include "dataset_view.h"
#include "demo_kinds.h"
#include "free_all.h"
#include "ilsvrc2012.h"
#include "imagenet_kinds.h"
#include "only.h"

const struct dataset_kind *const dataset_kinds[] = { &dataset_imagenet,     &dataset_imagenet_list,
                                                     &dataset_imagenet_tar, &dataset_imagenet_seg,
                                                     &dataset_demo,         NULL };

static enum status unknown_kind(const char *kind, struct error *err)
{
    char known[256] = "";
    for (size_t k = 0, n = 0; dataset_kinds[k] != NULL && n < sizeof known; k++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", k > 0 ? ", " : "",
                              dataset_kinds[k]->name);
    return fail_key(err, E_CONFIG, "data.kind", "no data set is of kind '%s'; kinds are %s", kind,
                    known);
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
    if (status == OK && options->only != NULL && options->only[0] != '\0')
        status = dataset_only(&dataset, options, options->only, err);
    return OPENED(status, dataset, dataset_close, out);
}

enum status dataset_class_names(const struct dataset_options *options, struct class_list *out,
                                struct error *err)
{
    return class_index_names(options, out, err);
}

/* Labels from 1 may also be ids, in an order of their own. */
static const char *ids_hint(const struct dataset_options *options, int head_classes)
{
    if (options->devkit != NULL && options->devkit[0] != '\0')
        return "; or are they ILSVRC2012_IDs? data.classes = ilsvrc2012_id says that, with "
               "data.devkit";
    return head_classes == ILSVRC2012_CLASSES
               ? "; or are they ILSVRC2012_IDs, as in the devkit's ground truth? data.classes = "
                 "ilsvrc2012_id says that, with the devkit under data.devkit"
               : "";
}

enum status dataset_check_labels(const struct dataset *d, size_t count,
                                 const struct dataset_options *options, int head_classes,
                                 struct error *err)
{
    bool said = options->classes != NULL && options->classes[0] != '\0';
    int32_t low = INT32_MAX, high = -1;
    size_t highest = 0;
    if (!d->has_labels || count == 0)
        return OK;
    for (size_t i = 0; i < count; i++) {
        low = d->labels[i] < low ? d->labels[i] : low;
        if (d->labels[i] > high) {
            high = d->labels[i];
            highest = i;
        }
    }
    if (high >= head_classes && d->labels_are_numbers && low == 1 && high == head_classes &&
        options->label_base == 0)
        return fail(err, E_CONFIG,
                    "image %s has label %d, none has label 0, and the model has the classes 0 to "
                    "%d: do the labels count from 1? data.label_base = 1 says so%s",
                    d->ids[highest], (int)high, head_classes - 1, ids_hint(options, head_classes));
    if (low < 0 || high >= head_classes)
        return fail(err, E_CONFIG, "image %s has label %d, and the model has the classes 0 to %d",
                    d->ids[highest], (int)high, head_classes - 1);
    if (d->labels_are_numbers && !said && head_classes > ILSVRC2012_CLASSES &&
        high < ILSVRC2012_CLASSES)
        return fail(err, E_CONFIG,
                    "the labels are %d to %d, and the model's head has %d classes: they look like "
                    "those of ILSVRC2012, which have other indices in such a head. data.classes = "
                    "index says that they are this head's; WordNet ids as labels, with a file of "
                    "the head's classes under data.classes, leave no doubt",
                    (int)low, (int)high, head_classes);
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
    FREE_ALL(sample->labels, sample->shortcut);
    *sample = (struct sample){ 0 };
}

void dataset_close(struct dataset *dataset)
{
    dataset_free(dataset);
}
