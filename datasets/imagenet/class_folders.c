#include "class_folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "ilsvrc2012.h"
#include "sizes.h"

enum status class_folders_add(struct class_folders *f, char *name, size_t images, struct error *err)
{
    if (name == NULL || !grow_array(&f->items, &f->room, f->count, sizeof *f->items)) {
        free(name);
        return fail(err, E_NOMEM, "no memory for a list of %zu folders", f->count + 1);
    }
    f->items[f->count++] = (struct class_folder){ name, images, -1 };
    return OK;
}

void class_folders_free(struct class_folders *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].name);
    free(f->items);
    *f = (struct class_folders){ 0 };
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool lacks_label(const struct class_folder *f)
{
    return f->label < 0 && f->images > 0;
}

/* Labels the folders that the list knows; returns how many with images it does not. */
static size_t label_by_list(struct class_folders *f, const struct class_list *list)
{
    size_t unknown = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct class_folder *folder = &f->items[i];
        folder->label = class_list_find(list, folder->name);
        unknown += lacks_label(folder);
    }
    return unknown;
}

static enum status fail_unknown(const struct class_folders *f, const char *root,
                                const struct class_list *list, size_t unknown, struct error *err)
{
    size_t i = 0;
    char others[40] = "";
    if (unknown > 1)
        snprintf(others, sizeof others, ", as %zu other%s,", unknown - 1, unknown > 2 ? "s" : "");
    while (!lacks_label(&f->items[i]))
        i++;
    if (f->items[i].label == CLASS_NAMED_TWICE)
        return fail(err, E_CONFIG,
                    "%s: folder '%.200s': two of the model's classes are called that (%s); a list "
                    "with WordNet ids, and folders named by them, tell them apart (data.classes)",
                    root, f->items[i].name, list->source);
    return fail(err, E_CONFIG,
                "%s: folder '%.200s' (%zu images)%s is none of the model's %d classes (%s); rename "
                "or remove it, or let data.classes name the classes of this model",
                root, f->items[i].name, f->items[i].images, others, list->count, list->source);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool all_numbers(const struct class_folders *f)
{
    bool any = false;
    for (size_t i = 0; i < f->count; i++) {
        bool number = class_number(f->items[i].name) >= 0;
        if (!number && f->items[i].images > 0)
            return false;
        any = any || number;
    }
    return any;
}

/* Whether the numbers are first to first + count - 1, each once. */
static bool are_range(const struct class_folders *f, int32_t first, size_t count)
{
    bool *seen = calloc(count + 1, sizeof *seen);
    size_t distinct = 0;
    bool fit = seen != NULL;
    for (size_t i = 0; i < f->count && fit; i++) {
        int64_t at = class_number(f->items[i].name);
        if (at < 0)
            continue;
        at -= first;
        fit = at >= 0 && at < (int64_t)count && !seen[at];
        if (fit) {
            seen[at] = true;
            distinct++;
        }
    }
    free(seen);
    return fit && distinct == count;
}

/* Labels numeric folders by the rule; folders without images may have any name. */
static enum status label_by_number(struct class_folders *f, const char *root, struct class_index *c,
                                   bool by_id, struct error *err)
{
    int head = c->options->head_classes;
    f->by_id = by_id;
    for (size_t i = 0; i < f->count; i++) {
        struct class_folder *folder = &f->items[i];
        int32_t number = class_number(folder->name);
        if (number < 0 && folder->images > 0)
            return fail(err, E_CONFIG,
                        "%s: folder '%.200s' is no number, as data.classes = %s wants", root,
                        folder->name, c->options->classes);
        if (number < 0)
            continue;
        if (by_id) {
            if (class_index_by_id(c, number, &folder->label, err) != OK)
                return fail_prefix(err, "%s: folder '%.200s': ", root, folder->name);
        } else if (head > 0 && number >= head) {
            return fail(err, E_CONFIG,
                        "%s: folder '%.200s', and the model's head has the classes 0 "
                        "to %d",
                        root, folder->name, head - 1);
        } else {
            folder->label = number;
        }
    }
    return OK;
}

/* Folders 0 to N - 1 are indices, 1 to 1000 are ILSVRC2012_IDs; other numbers have no known
 * meaning. */
static enum status guess_no_numbers(struct class_folders *f, const char *root,
                                    struct class_index *c, struct error *err)
{
    const struct dataset_options *o = c->options;
    size_t head = o->head_classes > 0 ? (size_t)o->head_classes : ILSVRC2012_CLASSES;
    if (are_range(f, 0, head))
        return label_by_number(f, root, c, false, err);
    bool ids = head == ILSVRC2012_CLASSES && are_range(f, 1, head);
    if (ids && o->devkit != NULL && o->devkit[0] != '\0')
        return label_by_number(f, root, c, true, err);
    if (ids)
        return fail(
            err, E_CONFIG,
            "%s: folders 1 to %zu are ILSVRC2012_IDs, in an order of their own; "
            "data.devkit, the unpacked ILSVRC2012_devkit_t12, is wanted to tell the classes",
            root, head);
    return fail(err, E_CONFIG,
                "%s: %zu folders whose names are numbers ('%.40s'), but not 0 to %zu, one for each "
                "of the model's classes: data.classes = index says that they are indices, "
                "data.classes = ilsvrc2012_id that they are ILSVRC2012_IDs",
                root, f->count, f->items[0].name, head - 1);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status label_by_rank(struct class_folders *f, const char *root,
                                 const struct class_index *c, struct error *err)
{
    int head = c->options->head_classes;
    if (head > 0 && f->count != (size_t)head)
        return fail(err, E_CONFIG,
                    "%s: %zu folders, and the model's head has %d classes; data.classes = folders "
                    "wants one for each",
                    root, f->count, head);
    for (size_t i = 0; i < f->count; i++)
        f->items[i].label = (int32_t)i;
    return OK;
}

static enum status label_by_names(struct class_folders *f, const char *root, struct class_index *c,
                                  struct error *err)
{
    const struct class_list *list;
    bool numbers = c->rule == CLASSES_UNSAID && all_numbers(f);
    enum status status = class_index_list(c, &list, err);
    if (status != OK && !numbers)
        return fail_prefix(err, "%s: ", root);
    size_t unknown = status == OK ? label_by_list(f, list) : f->count;
    if (unknown == 0)
        return OK;
    if (numbers)
        return guess_no_numbers(f, root, c, err);
    return fail_unknown(f, root, list, unknown, err);
}

enum status class_folders_resolve(struct class_folders *f, const char *root, struct class_index *c,
                                  size_t *classes, struct error *err)
{
    enum status status = OK;
    *classes = 0;
    if (c->rule == CLASSES_BY_FOLDER)
        status = label_by_rank(f, root, c, err);
    else if (c->rule == CLASSES_BY_INDEX || c->rule == CLASSES_BY_ILSVRC2012_ID)
        status = label_by_number(f, root, c, c->rule == CLASSES_BY_ILSVRC2012_ID, err);
    else
        status = label_by_names(f, root, c, err);
    for (size_t i = 0; i < f->count && status == OK; i++)
        *classes += f->items[i].label >= 0;
    return status;
}

void class_folders_apply(const struct class_folders *f, struct image_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->items[i].label = f->items[list->items[i].label].label;
}

/* ---- the description ------------------------------------------------------------------------- */

/* Lists the model's classes without a folder, since a set may have lost them. "" where there are
 * none, or where no list names the classes. */
static void describe_missing(const struct class_folders *folders, const struct class_list *list,
                             char *out, size_t size)
{
    bool *there = calloc((size_t)list->count + 1, sizeof *there);
    int missing = list->count, first = 0;
    out[0] = '\0';
    for (size_t i = 0; there != NULL && i < folders->count; i++)
        if (folders->items[i].label >= 0 && folders->items[i].label < list->count) {
            missing -= !there[folders->items[i].label];
            there[folders->items[i].label] = true;
        }
    while (there != NULL && first < list->count && there[first])
        first++;
    if (there != NULL && missing > 0)
        snprintf(out, size, "; %d of the model's %d classes %s no folder, %.60s%s", missing,
                 list->count, missing == 1 ? "has" : "have",
                 list->wnid[first] != NULL ? list->wnid[first] : list->name[first],
                 missing == 1 ? "" : " among them");
    free(there);
}

char *class_folders_describe(const struct class_folders *f, const struct class_list *known,
                             const char *root, size_t images, size_t classes, size_t others)
{
    char missing[160];
    describe_missing(f, known, missing, sizeof missing);
    return text_format("%s: %zu images in %zu class folders (%zu other files and folders left "
                       "out)%s",
                       root, images, classes, others + f->count - classes, missing);
}
