#include "tar_classes.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "free_all.h"
#include "image_labels.h"

/* An image on its way. */
struct placed {
    struct image_entry image;
    char *path;         /* owned; tidied, and cut behind the folder */
    const char *folder; /* in `path`; NULL: it lies beside the folders, or elsewhere */
    const char *name;   /* NULL: elsewhere */
};

struct tree {
    struct placed *images;
    size_t count, loose, in_folders;
    char *root; /* the folder of the class folders; "": the tar's own */
};

static void tree_free(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->images[i].path);
    FREE_ALL(t->images, t->root);
}

/* ---- the root -------------------------------------------------------------------------------- */

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : 0;
}

/* What of a path is below the folder; NULL: it is not in it. */
static const char *below(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    if (length == 0)
        return path;
    return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* The folder that all images are in, themselves or their folders; *one: themselves. */
static void find_common(struct tree *t, bool *one)
{
    *one = true;
    t->root[folder_length(t->root)] = '\0'; /* it is the first image's path */
    for (size_t i = 0; i < t->count; i++)
        while (below(t->root, t->images[i].path) == NULL)
            t->root[folder_length(t->root)] = '\0';
    for (size_t i = 0; i < t->count; i++)
        *one = *one && folder_length(t->images[i].path) == strlen(t->root);
}

/* Whether a folder that has all images is a class and not their set. */
static bool is_class(struct class_index *c, const char *name)
{
    struct error err;
    const struct class_list *list;
    if (c->rule == CLASSES_BY_INDEX || c->rule == CLASSES_BY_ILSVRC2012_ID)
        return class_number(name) >= 0;
    return is_wnid(name) ||
           (class_index_list(c, &list, &err) == OK && class_list_find(list, name) != -1);
}

static enum status enter_val(struct tree *t, const struct class_folders *all, struct error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        const char *rest = below(t->root, all->items[i].name);
        if (rest == NULL || (strcmp(rest, "val") != 0 && strncmp(rest, "val/", 4) != 0))
            continue;
        char *val = text_format("%s%sval", t->root, t->root[0] != '\0' ? "/" : "");
        free(t->root);
        t->root = val;
        return val != NULL ? OK : fail(err, E_NOMEM, "no memory for a path");
    }
    return OK;
}

/* ---- the images ------------------------------------------------------------------------------ */

static void place_image(struct tree *t, struct placed *p)
{
    const char *rest = below(t->root, p->path), *slash = rest != NULL ? strchr(rest, '/') : NULL;
    if (rest == NULL || rest[0] == '.' || (slash != NULL && strchr(slash + 1, '/') != NULL))
        return;
    p->name = slash != NULL ? slash + 1 : rest;
    p->folder = slash != NULL ? rest : NULL;
    if (slash != NULL)
        p->path[slash - p->path] = '\0';
    t->in_folders += slash != NULL;
    t->loose += slash == NULL;
}

static enum status tree_make(struct tree *t, const char *path, const struct image_list *list,
                             struct error *err)
{
    t->images = calloc(list->count, sizeof *t->images);
    if (t->images == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu images", path, list->count);
    for (; t->count < list->count; t->count++) {
        struct placed *p = &t->images[t->count];
        *p = (struct placed){ .image = list->items[t->count],
                              .path = strdup(list->items[t->count].id) };
        if (p->path == NULL)
            return fail(err, E_NOMEM, "%s: no memory for %zu images", path, list->count);
        path_tidy(p->path);
    }
    t->root = strdup(t->images[0].path);
    return t->root != NULL ? OK : fail(err, E_NOMEM, "no memory for a path");
}

static int by_folder_then_name(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = x->folder == NULL ? 0 : strcmp(x->folder, y->folder);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* Leaves the images in folders, or those beside them, ordered; the members' list follows. */
static enum status keep(struct tree *t, bool in_folders, const char *path,
                        struct tar_members *members, struct error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct placed *p = &t->images[i];
        if (p->name != NULL && (p->folder != NULL) == in_folders) {
            t->images[kept++] = *p;
            continue;
        }
        FREE_ALL(p->path, p->image.id);
        members->others++;
    }
    t->count = members->images.count = kept;
    qsort(t->images, kept, sizeof *t->images, by_folder_then_name);
    for (size_t i = 0; i < kept; i++)
        members->images.items[i] = t->images[i].image;
    for (size_t i = 1; i < kept; i++)
        if (by_folder_then_name(&t->images[i - 1], &t->images[i]) == 0)
            return fail(err, E_CONFIG,
                        "%s: two images are called '%.300s'; each name once is wanted", path,
                        t->images[i].image.id);
    return OK;
}

/* ---- the folders ----------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders right below the root, each once and in order, with how many images they have; an
 * image's label is the place of its folder. */
static enum status list_folders(const struct tree *t, const struct class_folders *all,
                                struct image_list *list, struct class_folders *out,
                                struct error *err)
{
    char **names = calloc(all->count + 1, sizeof *names);
    size_t count = 0, at = 0;
    enum status status = names != NULL ? OK : fail(err, E_NOMEM, "no memory for folders");
    for (size_t i = 0; status == OK && i < all->count; i++) {
        const char *rest = below(t->root, all->items[i].name);
        if (rest == NULL || rest[0] == '.')
            continue;
        if ((names[count] = strndup(rest, strcspn(rest, "/"))) == NULL)
            status = fail(err, E_NOMEM, "no memory for folders");
        else
            count++;
    }
    if (count > 0)
        qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; status == OK && i < count; i++) {
        const size_t first = at;
        if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
            continue;
        while (at < t->count && strcmp(t->images[at].folder, names[i]) == 0)
            list->items[at++].label = (int32_t)out->count;
        status = class_folders_add(out, strdup(names[i]), at - first, err);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}

static enum status take_classes(const struct tree *t, const char *path, struct class_index *index,
                                struct tar_members *members, size_t files, struct tar_labels *out,
                                struct error *err)
{
    struct class_folders folders = { 0 };
    size_t classes = 0;
    enum status status = list_folders(t, &members->folders, &members->images, &folders, err);
    if (status == OK)
        status = class_folders_resolve(&folders, path, index, &classes, err);
    if (status == OK) {
        class_folders_apply(&folders, &members->images);
        out->by_folder = true;
        out->by_id = folders.by_id;
        out->description = class_folders_describe(&folders, &index->list, path,
                                                  members->images.count, classes, files);
    }
    class_folders_free(&folders);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status tell_classes(const struct dataset_options *options, const char *path,
                                struct tree *t, struct class_index *index,
                                struct tar_members *members, struct tar_labels *out,
                                struct error *err)
{
    bool one;
    find_common(t, &one);
    if (one) {
        size_t above = folder_length(t->root);
        if (!is_class(index, t->root + above + (above > 0)))
            return OK;
        t->root[above] = '\0';
    }
    TRY(enter_val(t, &members->folders, err));
    for (size_t i = 0; i < t->count; i++)
        place_image(t, &t->images[i]);
    bool flat = image_labels_are_for_loose(options, t->loose, t->in_folders);
    if ((flat ? t->loose : t->in_folders) == 0)
        return fail(err, E_CONFIG,
                    "%s: its images lie neither in one folder nor in class folders nXXXXXXXX, side "
                    "by side; a list of 'file label' lines is wanted (data.labels)",
                    path);
    TRY(keep(t, !flat, path, members, err));
    size_t files = members->others - members->folder_members;
    return flat ? OK : take_classes(t, path, index, members, files, out, err);
}

enum status tar_classes(const struct dataset_options *options, const char *path,
                        struct tar_members *members, struct tar_labels *out, struct error *err)
{
    struct tree tree = { 0 };
    struct class_index index;
    *out = (struct tar_labels){ 0 };
    class_index_open(options, &index);
    enum status status = tree_make(&tree, path, &members->images, err);
    if (status == OK)
        status = tell_classes(options, path, &tree, &index, members, out, err);
    class_index_close(&index);
    tree_free(&tree);
    return status;
}
