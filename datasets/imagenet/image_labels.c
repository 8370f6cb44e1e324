#include "image_labels.h"

#include <stdlib.h>
#include <string.h>

#include "file_list.h"
#include "files.h"
#include "free_all.h"
#include "text_lines.h"

#define TRUTH_NAME "ILSVRC2012_validation_ground_truth.txt"

bool image_labels_given(const struct dataset_options *o)
{
    return (o->labels != NULL && o->labels[0] != '\0') ||
           (o->devkit != NULL && o->devkit[0] != '\0');
}

bool image_labels_are_for_loose(const struct dataset_options *o, size_t loose, size_t in_folders)
{
    return image_labels_given(o) ? loose > 0 || in_folders == 0 : loose > 0 && in_folders == 0;
}

/* One ILSVRC2012_ID a line. */
struct truth {
    int32_t *ids;
    size_t *lines;
    size_t count, room;
};

static void truth_free(struct truth *t)
{
    FREE_ALL(t->ids, t->lines);
}

static enum status take_id(void *context, char *line, size_t number, struct error *err)
{
    struct truth *t = context;
    if (line[0] == '#')
        return OK;
    int32_t id = class_number(line);
    if (id < 1)
        return fail(err, E_CONFIG,
                    "'%.80s' is no ILSVRC2012_ID; one number from 1 a line is wanted, as in the "
                    "devkit's " TRUTH_NAME,
                    line);
    if (t->count == t->room) {
        size_t room = t->room > 0 ? t->room * 2 : 1024;
        int32_t *ids = reallocarray(t->ids, room, sizeof *ids);
        t->ids = ids != NULL ? ids : t->ids;
        size_t *lines = reallocarray(t->lines, room, sizeof *lines);
        t->lines = lines != NULL ? lines : t->lines;
        if (ids == NULL || lines == NULL)
            return fail(err, E_NOMEM, "no memory for %zu labels", room);
        t->room = room;
    }
    t->ids[t->count] = id;
    t->lines[t->count++] = number;
    return OK;
}

/* Sets *is_truth by the first line and stops there, with E_STOPPED. */
static enum status read_first_line(void *is_truth, char *line, size_t number, struct error *err)
{
    (void)number;
    if (line[0] == '#')
        return OK;
    *(bool *)is_truth = line[strspn(line, "0123456789")] == '\0';
    return fail(err, E_STOPPED, "enough");
}

static int by_id(const void *a, const void *b)
{
    const struct image_entry *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static const char *file_name(const char *id)
{
    const char *slash = strrchr(id, '/');
    return slash != NULL ? slash + 1 : id;
}

/* The ground truth has the images in order of their files' names, the list by their paths. */
static enum status check_one_order(const char *path, const char *where,
                                   const struct image_list *list, struct error *err)
{
    for (size_t i = 1; i < list->count; i++) {
        const char *a = list->items[i - 1].id, *b = list->items[i].id;
        if (strcmp(file_name(a), file_name(b)) >= 0)
            return fail(err, E_CONFIG,
                        "%s is in order of the files' names, and the folders in %s have another "
                        "('%.200s' comes before '%.200s'); a list of 'file label' lines is wanted, "
                        "or the folders as classes, without data.labels",
                        path, where, a, b);
    }
    return OK;
}

static enum status apply_truth(struct class_index *classes, const char *path, const char *where,
                               struct image_list *list, struct error *err)
{
    struct truth truth = { 0 };
    enum status status = text_lines(path, "the devkit's " TRUTH_NAME, take_id, &truth, err);
    if (status == OK && truth.count != list->count)
        status = fail(err, E_CONFIG,
                      "%s: %zu labels for the %zu images in %s; one for each is wanted, in order "
                      "of their names. For a part of the images give a list of 'file label' lines",
                      path, truth.count, list->count, where);
    if (status == OK)
        status = check_one_order(path, where, list, err);
    for (size_t i = 0; i < list->count && status == OK; i++) {
        status = class_index_by_id(classes, truth.ids[i], &list->items[i].label, err);
        if (status != OK)
            fail_prefix(err, "%s:%zu: ", path, truth.lines[i]);
    }
    truth_free(&truth);
    return status;
}

/* The image that the entry names, whose suffix may be missing; NULL: there is none. */
static const struct image_entry *find_named(const struct image_list *list,
                                            const struct image_entry *want, bool bare)
{
    const struct image_entry *have =
        bsearch(want, list->items, list->count, sizeof *list->items, by_id);
    for (int i = 0; have == NULL && bare && image_suffixes[i] != NULL; i++) {
        struct image_entry full = { .id = text_format("%s%s", want->id, image_suffixes[i]) };
        if (full.id != NULL)
            have = bsearch(&full, list->items, list->count, sizeof *list->items, by_id);
        free(full.id);
    }
    return have;
}

/* Moves to `out` what `named` names of `all`. */
static enum status choose_named(const struct image_list *named, const struct list_line *lines,
                                const char *path, const char *where, const struct image_list *all,
                                struct image_list *out, struct error *err)
{
    for (size_t i = 0; i < named->count; i++) {
        const struct image_entry *want = &named->items[i],
                                 *have = find_named(all, want, lines[i].bare);
        if (have == NULL && lines[i].comment)
            continue;
        if (have == NULL)
            return fail(err, E_CONFIG, "%s:%zu: no image '%.300s' in %s, which has '%.200s'", path,
                        lines[i].number, want->id, where, all->items[0].id);
        TRY(image_list_add(out, strdup(have->id), want->label, have->size, err));
        struct image_entry *e = &out->items[out->count - 1];
        char *id = e->id;
        *e = *have;
        e->id = id;
        e->label = want->label;
    }
    if (out->count == 0)
        return fail(err, E_CONFIG, "%s: names no image in %s", path, where);
    return OK;
}

/* Replaces *list by the images that the file names. */
static enum status apply_list(struct class_index *classes, const char *path, const char *where,
                              struct image_list *list, size_t *unlisted, struct error *err)
{
    struct image_list named = { 0 }, chosen = { 0 };
    struct list_line *lines = NULL;
    enum status status = file_list_read(path, NULL, classes, &named, &lines, err);
    if (status == OK)
        status = choose_named(&named, lines, path, where, list, &chosen, err);
    free(lines);
    image_list_free(&named);
    if (status != OK) {
        image_list_free(&chosen);
        return status;
    }
    *unlisted = list->count - chosen.count;
    image_list_free(list);
    *list = chosen;
    return OK;
}

/* Every name ends in its class's WordNet id. */
static enum status apply_names(struct class_index *classes, const char *where,
                               struct image_list *list, struct error *err)
{
    char wnid[WNID_LENGTH + 1];
    for (size_t i = 0; i < list->count; i++) {
        struct image_entry *e = &list->items[i];
        if (!wnid_of_name(e->id, wnid))
            return fail(err, E_CONFIG,
                        "%s: nothing says which class '%.300s' is; the devkit's folder is wanted "
                        "(data.devkit), or a list of 'file label' lines (data.labels), or names "
                        "that end in WordNet ids (x_n01440764.JPEG)",
                        where, e->id);
        enum status status = class_index_by_name(classes, wnid, &e->label, err);
        if (status != OK)
            return fail_prefix(err, "%s: '%.300s': ", where, e->id);
    }
    return OK;
}

static enum status check_names_differ(const char *where, const struct image_list *list,
                                      struct error *err)
{
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->items[i - 1].id, list->items[i].id) == 0)
            return fail(err, E_CONFIG,
                        "%s: two images are called '%.300s'; each name once is wanted", where,
                        list->items[i].id);
    return OK;
}

/* The file that labels the images: as given, or the devkit's; *path is malloc'ed. */
static enum status find_labels(const struct dataset_options *o, bool *is_truth, char **path,
                               struct error *err)
{
    *is_truth = true;
    if (o->labels == NULL || o->labels[0] == '\0')
        return devkit_file(o->devkit, TRUTH_NAME, path, err);
    enum status first =
        text_lines(o->labels, "the devkit's " TRUTH_NAME ", or a text file of 'file label' lines",
                   read_first_line, is_truth, err);
    if (first == OK)
        return fail(err, E_CONFIG, "%s: no labels in it", o->labels);
    if (first != E_STOPPED)
        return first;
    *path = strdup(o->labels);
    return *path != NULL ? OK : fail(err, E_NOMEM, "no memory for a path");
}

enum status image_labels_apply(const struct dataset_options *o, const char *where,
                               struct image_list *list, struct applied_labels *out,
                               struct error *err)
{
    bool is_truth;
    char *path = NULL;
    struct class_index classes;
    *out = (struct applied_labels){ 0 };
    qsort(list->items, list->count, sizeof *list->items, by_id);
    TRY(check_names_differ(where, list, err));
    class_index_open(o, &classes);
    enum status status;
    if (!image_labels_given(o)) {
        status = apply_names(&classes, where, list, err);
    } else {
        status = find_labels(o, &is_truth, &path, err);
        if (status == OK)
            status = is_truth ? apply_truth(&classes, path, where, list, err)
                              : apply_list(&classes, path, where, list, &out->unlisted, err);
    }
    out->are_numbers = classes.numbers;
    class_index_close(&classes);
    free(path);
    return status;
}
