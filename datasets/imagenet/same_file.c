#include "same_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "free_all.h"

/* ---- names ----------------------------------------------------------------------------------- */

struct named_line {
    char *key; /* owned; the path without what changes nothing */
    const char *id;
    size_t number;
};

static int by_key_then_line(const void *a, const void *b)
{
    const struct named_line *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static char *make_key(const char *root, const char *id)
{
    char *path = root != NULL ? path_join(root, id) : strdup(id);
    if (path != NULL)
        path_tidy(path);
    return path;
}

static enum status check_names(const char *path, const char *root, const struct image_list *list,
                               const struct list_line *lines, struct error *err)
{
    struct named_line *sorted = calloc(list->count + 1, sizeof *sorted);
    enum status status = OK;
    if (sorted == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its lines", path);
    for (size_t i = 0; i < list->count && status == OK; i++) {
        const char *id = list->items[i].id;
        sorted[i] = (struct named_line){ make_key(root, id), id, lines[i].number };
        if (sorted[i].key == NULL)
            status = fail(err, E_NOMEM, "%s: no memory for its lines", path);
    }
    if (status == OK)
        qsort(sorted, list->count, sizeof *sorted, by_key_then_line);
    for (size_t i = 1; i < list->count && status == OK; i++) {
        const struct named_line *a = &sorted[i - 1], *b = &sorted[i];
        if (strcmp(a->key, b->key) == 0 && strcmp(a->id, b->id) == 0)
            status = fail(err, E_CONFIG, "%s:%zu: '%.300s' is listed already in line %zu", path,
                          b->number, b->id, a->number);
        else if (strcmp(a->key, b->key) == 0)
            status = fail(err, E_CONFIG,
                          "%s:%zu: '%.300s' is the same file as '%.300s' in line %zu; an image "
                          "counts once",
                          path, b->number, b->id, a->id, a->number);
    }
    for (size_t i = 0; i < list->count; i++)
        free(sorted[i].key);
    free(sorted);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct placed {
    const struct image_entry *image; /* of the list, in whose order they lie in memory */
    char *real;                      /* owned; NULL: not asked for */
};

static int by_inode(const struct image_entry *a, const struct image_entry *b)
{
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

static int by_file(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = by_inode(x->image, y->image);
    if (order == 0)
        order = strcmp(x->real != NULL ? x->real : "", y->real != NULL ? y->real : "");
    return order != 0 ? order : (x->image > y->image) - (x->image < y->image);
}

/* Some network file systems give several files one inode number; so a file with a single name must
 * also have one path. */
static enum status resolve(const char *root, struct placed *all, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct image_entry *e = all[i].image;
        bool shared = (i > 0 && by_inode(all[i - 1].image, e) == 0) ||
                      (i + 1 < count && by_inode(e, all[i + 1].image) == 0);
        if (!shared || e->links > 1)
            continue;
        char *path = path_join(root, e->id);
        if (path == NULL)
            return fail(err, E_NOMEM, "%s: no memory for the paths of its images", root);
        all[i].real = realpath(path, NULL);
        if (all[i].real == NULL) /* gone by now: it is nobody's double */
            all[i].real = path;
        else
            free(path);
    }
    return OK;
}

/* Sets pair to two images that are one file, the second as early in the list as can be; to NULL
 * where there are none. */
static enum status find_pair(const char *root, const struct image_list *list,
                             const struct image_entry *pair[2], struct error *err)
{
    struct placed *all = calloc(list->count + 1, sizeof *all);
    size_t count = 0;
    pair[0] = pair[1] = NULL;
    if (all == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its %zu images", root, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].links > 0)
            all[count++].image = &list->items[i];
    qsort(all, count, sizeof *all, by_file);
    enum status status = resolve(root, all, count, err);
    if (status == OK)
        qsort(all, count, sizeof *all, by_file);
    for (size_t i = 1; i < count && status == OK; i++) {
        const struct placed *a = &all[i - 1], *b = &all[i];
        if (by_inode(a->image, b->image) != 0 ||
            strcmp(a->real != NULL ? a->real : "", b->real != NULL ? b->real : "") != 0)
            continue;
        if (pair[1] == NULL || b->image < pair[1]) {
            pair[0] = a->image;
            pair[1] = b->image;
        }
    }
    for (size_t i = 0; i < count; i++)
        free(all[i].real);
    free(all);
    return status;
}

enum status check_lines_differ(const char *path, const char *root, const struct image_list *list,
                               const struct list_line *lines, struct error *err)
{
    const struct image_entry *pair[2];
    TRY(check_names(path, root, list, lines, err));
    if (root == NULL)
        return OK;
    TRY(find_pair(root, list, pair, err));
    if (pair[1] == NULL)
        return OK;
    return fail(err, E_CONFIG,
                "%s:%zu: '%.300s' is the same file as '%.300s' in line %zu, by a link; an image "
                "counts once",
                path, lines[pair[1] - list->items].number, pair[1]->id, pair[0]->id,
                lines[pair[0] - list->items].number);
}

/* Where the two lie in folders of other names that are one, those folders; false: they do not. */
static bool are_in_one_folder(const char *root, const struct image_entry *pair[2],
                              char folders[2][300])
{
    char *real[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++) {
        const char *slash = strrchr(pair[i]->id, '/');
        snprintf(folders[i], 300, "%.*s", slash != NULL ? (int)(slash - pair[i]->id) : 0,
                 pair[i]->id);
        char *path = path_join(root, folders[i]);
        real[i] = path != NULL ? realpath(path, NULL) : NULL;
        free(path);
    }
    bool one = strcmp(folders[0], folders[1]) != 0 && real[0] != NULL && real[1] != NULL &&
               strcmp(real[0], real[1]) == 0;
    FREE_ALL(real[0], real[1]);
    return one;
}

enum status check_images_differ(const char *root, const struct image_list *list, struct error *err)
{
    const struct image_entry *pair[2];
    char folders[2][300];
    TRY(find_pair(root, list, pair, err));
    if (pair[1] == NULL)
        return OK;
    if (are_in_one_folder(root, pair, folders))
        return fail(err, E_CONFIG,
                    "%s: the folders '%s' and '%s' are one folder, by a link; an image counts "
                    "once, in one class",
                    root, folders[0], folders[1]);
    return fail(err, E_CONFIG,
                "%s: '%.300s' is the same file as '%.300s', by a link; an image counts once", root,
                pair[1]->id, pair[0]->id);
}
