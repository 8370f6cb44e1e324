#include "image_labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_list.h"
#include "files.h"
#include "synsets.h"
#include "text_lines.h"

#define TRUTH_NAME "ILSVRC2012_validation_ground_truth.txt"

bool image_labels_given(const struct dataset_options *o)
{
    return (o->labels != NULL && o->labels[0] != '\0') ||
           (o->devkit != NULL && o->devkit[0] != '\0');
}

/* A file of the devkit, which lies in its folder data/ or in the folder given; *path malloc'ed. */
static enum status devkit_file(const char *devkit, const char *name, char **path, struct error *err)
{
    *path = text_format("%s/data/%s", devkit, name);
    if (*path != NULL && access(*path, F_OK) != 0) {
        free(*path);
        *path = path_join(devkit, name);
    }
    if (*path == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    if (access(*path, F_OK) == 0)
        return OK;
    free(*path);
    *path = NULL;
    return fail(err, E_CONFIG,
                "%s: no %s in it or in its folder data; the unpacked ILSVRC2012_devkit_t12 is "
                "wanted",
                devkit, name);
}

/* One ILSVRC2012_ID a line. */
struct truth {
    int32_t *ids;
    size_t *lines;
    size_t count, room;
};

static void truth_free(struct truth *t)
{
    free(t->ids);
    free(t->lines);
}

static enum status take_id(void *context, char *line, size_t number, struct error *err)
{
    struct truth *t = context;
    char *end;
    errno = 0;
    long id = strtol(line, &end, 10);
    if (!isdigit((unsigned char)line[0]) || *end != '\0' || errno != 0 || id < 1 || id > INT32_MAX)
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
    t->ids[t->count] = (int32_t)id;
    t->lines[t->count++] = number;
    return OK;
}

/* Sets *is_truth by the first line and stops there, with E_STOPPED. */
static enum status look_at_first(void *is_truth, char *line, size_t number, struct error *err)
{
    (void)number;
    *(bool *)is_truth = line[strspn(line, "0123456789")] == '\0';
    return fail(err, E_STOPPED, "enough");
}

static int by_id(const void *a, const void *b)
{
    const struct image_entry *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static enum status apply_truth(const struct dataset_options *o, const char *path, const char *where,
                               struct image_list *list, struct error *err)
{
    struct truth truth = { 0 };
    struct synsets synsets = { 0 };
    struct stat st;
    char *meta = NULL;
    if (o->devkit == NULL || o->devkit[0] == '\0')
        return fail(err, E_CONFIG,
                    "%s holds ILSVRC2012_IDs; the devkit too is wanted (data.devkit), whose "
                    "meta.mat says which class an ID is",
                    path);
    enum status status = text_lines(path, "the devkit's " TRUTH_NAME, take_id, &truth, err);
    if (status == OK && truth.count != list->count)
        status = fail(err, E_CONFIG,
                      "%s: %zu labels for the %zu images in %s; one for each is wanted, in order "
                      "of their names. For a part of the images give a list of 'file label' lines",
                      path, truth.count, list->count, where);
    if (status == OK && stat(o->devkit, &st) == 0 && S_ISREG(st.st_mode))
        status = (meta = strdup(o->devkit)) != NULL ? OK : fail(err, E_NOMEM, "no memory");
    else if (status == OK)
        status = devkit_file(o->devkit, "meta.mat", &meta, err);
    if (status == OK)
        status = synsets_read(meta, &synsets, err);
    for (size_t i = 0; i < list->count && status == OK; i++) {
        size_t id = (size_t)truth.ids[i];
        if (id >= synsets.ids || synsets.class_of[id] < 0)
            status = fail(err, E_CONFIG, "%s:%zu: ILSVRC2012_ID %zu is no class of %s", path,
                          truth.lines[i], id, meta);
        else
            list->items[i].label = synsets.class_of[id];
    }
    free(meta);
    synsets_free(&synsets);
    truth_free(&truth);
    return status;
}

/* Replaces *list by the images that the file names. */
static enum status apply_list(const char *path, const char *where, struct image_list *list,
                              size_t *unlisted, struct error *err)
{
    struct image_list named = { 0 };
    size_t *lines = NULL;
    enum status status = file_list_read(path, NULL, &named, &lines, err);
    for (size_t i = 0; i < named.count && status == OK; i++) {
        struct image_entry *want = &named.items[i];
        const struct image_entry *have =
            bsearch(want, list->items, list->count, sizeof *list->items, by_id);
        if (have == NULL) {
            status = fail(err, E_CONFIG, "%s:%zu: no image '%.300s' in %s, which has '%.200s'",
                          path, lines[i], want->id, where, list->items[0].id);
        } else {
            want->size = have->size;
            want->offset = have->offset;
        }
    }
    free(lines);
    if (status == OK) {
        struct image_list all = *list;
        *unlisted = all.count - named.count;
        *list = named;
        named = all;
    }
    image_list_free(&named);
    return status;
}

enum status image_labels_apply(const struct dataset_options *o, const char *where,
                               struct image_list *list, size_t *unlisted, struct error *err)
{
    bool is_truth = true;
    char *path = NULL;
    *unlisted = 0;
    if (!image_labels_given(o))
        return fail(err, E_CONFIG,
                    "%s: nothing says which class its images are; the devkit's folder is wanted "
                    "(data.devkit), or a list of 'file label' lines (data.labels)",
                    where);
    qsort(list->items, list->count, sizeof *list->items, by_id);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->items[i - 1].id, list->items[i].id) == 0)
            return fail(err, E_CONFIG,
                        "%s: two images are called '%.300s'; each name once is "
                        "wanted",
                        where, list->items[i].id);
    if (o->labels == NULL || o->labels[0] == '\0') {
        TRY(devkit_file(o->devkit, TRUTH_NAME, &path, err));
    } else {
        enum status first = text_lines(
            o->labels, "the devkit's " TRUTH_NAME ", or a text file of 'file label' lines",
            look_at_first, &is_truth, err);
        if (first == OK)
            return fail(err, E_CONFIG, "%s: no labels in it", o->labels);
        if (first != E_STOPPED)
            return first;
        path = strdup(o->labels);
        if (path == NULL)
            return fail(err, E_NOMEM, "no memory for a path");
    }
    enum status status = is_truth ? apply_truth(o, path, where, list, err)
                                  : apply_list(path, where, list, unlisted, err);
    free(path);
    return status;
}
