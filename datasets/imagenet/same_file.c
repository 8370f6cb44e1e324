#include "same_file.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "free_all.h"

struct named_line {
    char *key; /* owned; equal for the same file */
    const char *id;
    size_t number;
};

/* Without "./" at the front of any part and without empty parts, in place. */
static void tidy(char *name)
{
    char *to = name;
    for (const char *from = name; *from != '\0';) {
        bool part = to == name || to[-1] == '/';
        if (part && from[0] == '.' && from[1] == '/')
            from += 2;
        else if (part && to > name && from[0] == '/')
            from++;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

/* The last folder that was resolved: entries of one folder tend to follow each other. */
struct last_folder {
    char *asked, *real;
};

static const char *resolve(struct last_folder *last, char *folder)
{
    if (last->asked == NULL || strcmp(last->asked, folder) != 0) {
        FREE_ALL(last->asked, last->real);
        last->asked = folder;
        last->real = realpath(folder, NULL);
        return last->real;
    }
    free(folder);
    return last->real;
}

static char *make_key(const char *root, const char *id, struct last_folder *last)
{
    char *path = root != NULL ? path_join(root, id) : strdup(id);
    if (path == NULL || root == NULL) {
        if (path != NULL)
            tidy(path);
        return path;
    }
    char *slash = strrchr(path, '/'), *key = NULL;
    const char *real = NULL;
    *slash = '\0';
    char *folder = strdup(path[0] != '\0' ? path : "/");
    if (folder != NULL)
        real = resolve(last, folder);
    *slash = '/';
    if (real != NULL)
        key = text_format("%s/%s", real, slash + 1);
    free(path);
    return key;
}

static int by_key_then_line(const void *a, const void *b)
{
    const struct named_line *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

enum status check_files_differ(const char *path, const char *root, const struct image_list *list,
                               const struct list_line *lines, struct error *err)
{
    struct last_folder last = { 0 };
    struct named_line *sorted = calloc(list->count + 1, sizeof *sorted);
    enum status status = OK;
    if (sorted == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its lines", path);
    for (size_t i = 0; i < list->count && status == OK; i++) {
        const char *id = list->items[i].id;
        sorted[i] = (struct named_line){ make_key(root, id, &last), id, lines[i].number };
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
    FREE_ALL(sorted, last.asked, last.real);
    return status;
}
