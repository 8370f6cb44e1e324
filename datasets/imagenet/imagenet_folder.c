/* kind = imagenet: a folder of class folders, as the ImageNet validation set is handed around, or
 * the images in one folder, labelled by the devkit or a list (SPEC 9). */
#include "imagenet_kinds.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "image_labels.h"

/* nXXXXXXXX: a WordNet noun's number. */
static bool is_wordnet_id(const char *name)
{
    if (name[0] != 'n' || strlen(name) != 9)
        return false;
    for (int i = 1; i < 9; i++)
        if (!isdigit((unsigned char)name[i]))
            return false;
    return true;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

struct listing {
    struct dirent **names;
    int count;
};

static enum status list_folder(const char *path, struct listing *out, struct error *err)
{
    out->count = scandir(path, &out->names, is_visible, by_bytes);
    if (out->count >= 0)
        return OK;
    out->count = 0;
    out->names = NULL;
    return fail(err, errno == ENOMEM ? E_NOMEM : E_CONFIG, "%s: cannot list the folder: %s", path,
                strerror(errno));
}

static void listing_free(struct listing *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->names[i]);
    free(l->names);
}

/* Ids are folder/name, or the name alone where folder is ".". */
static enum status add_images(const char *root, const char *folder, int32_t label,
                              struct image_list *list, size_t *others, struct error *err)
{
    char *path = path_join(root, folder);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for the path of %s", folder);
    struct listing files;
    enum status status = list_folder(path, &files, err);
    for (int i = 0; i < files.count && status == OK; i++) {
        const char *name = files.names[i]->d_name;
        struct stat st;
        char *id = strcmp(folder, ".") == 0 ? strdup(name) : path_join(folder, name);
        char *full = path_join(path, name);
        bool wanted = full != NULL && has_image_suffix(name);
        if (full == NULL) {
            status = fail(err, E_NOMEM, "no memory for the path of %s", name);
        } else if (!wanted) {
            ++*others;
        } else if (stat(full, &st) != 0) {
            status = fail(err, E_CONFIG, "%s: cannot be looked at: %s", full, strerror(errno));
        } else {
            status = image_list_add(list, id, label, (uint64_t)st.st_size, err);
            id = NULL;
        }
        free(full);
        free(id);
    }
    listing_free(&files);
    free(path);
    return status;
}

/* Where any folder bears a WordNet number, only those are classes, so that a stray folder beside
 * them does not shift every rank; else all are. Empty class folders count. */
static enum status add_classes(const char *root, struct image_list *list, int32_t *classes,
                               size_t *others, struct error *err)
{
    struct listing folders;
    bool wordnet = false;
    enum status status = list_folder(root, &folders, err);
    for (int i = 0; i < folders.count; i++)
        wordnet = wordnet || is_wordnet_id(folders.names[i]->d_name);
    for (int i = 0; i < folders.count && status == OK; i++) {
        const char *name = folders.names[i]->d_name;
        char *path = path_join(root, name);
        if (path == NULL)
            status = fail(err, E_NOMEM, "no memory for the path of %s", name);
        else if ((wordnet && !is_wordnet_id(name)) || !is_folder(path))
            ++*others;
        else
            status = add_images(root, name, (*classes)++, list, others, err);
        free(path);
    }
    listing_free(&folders);
    return status;
}

/* Images in the folder itself. */
static enum status open_flat(const struct dataset_options *options, struct dataset *dataset,
                             struct error *err)
{
    const char *root = dataset->impl;
    struct image_list list = { 0 };
    size_t others = 0, unlisted = 0;
    enum status status = add_images(root, ".", -1, &list, &others, err);
    if (status == OK && list.count == 0)
        status = fail(err, E_CONFIG,
                      "%s: no images in the folder itself; data.devkit and data.labels are for "
                      "those, class folders go without",
                      root);
    if (status == OK)
        status = image_labels_apply(options, root, &list, &unlisted, err);
    if (status == OK)
        status = dataset_take_images(dataset, &list, err);
    image_list_free(&list);
    if (status != OK)
        return status;
    dataset->has_labels = true;
    dataset->description = text_format("%s: %zu images in one folder (%zu not listed, %zu other "
                                       "files and folders left out)",
                                       root, dataset->count, unlisted, others);
    return OK;
}

static enum status imagenet_open(const struct dataset_options *options, struct dataset *dataset,
                                 struct error *err)
{
    struct image_list list = { 0 };
    int32_t classes = 0;
    size_t others = 0;
    if (!is_folder(options->path))
        return fail(err, E_CONFIG,
                    "%s: no such folder; kind = imagenet wants one with val/nXXXXXXXX/*.JPEG, or "
                    "the class folders themselves",
                    options->path);
    char *root = path_join(options->path, "val");
    if (root != NULL && !is_folder(root)) {
        free(root);
        root = strdup(options->path);
    }
    dataset->impl = root;
    if (root == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    if (image_labels_given(options))
        return open_flat(options, dataset, err);
    enum status status = add_classes(root, &list, &classes, &others, err);
    if (status == OK && list.count == 0)
        status = fail(err, E_CONFIG,
                      "%s: no images in class folders; kind = imagenet wants folders nXXXXXXXX "
                      "with .JPEG, .jpg or .png files in them, or else data.devkit or data.labels "
                      "for images that lie in the folder itself",
                      root);
    if (status == OK)
        status = dataset_take_images(dataset, &list, err);
    image_list_free(&list);
    if (status != OK)
        return status;
    dataset->has_labels = true;
    dataset->description = text_format("%s: %zu images in %d class folders (%zu other files and "
                                       "folders left out)",
                                       root, dataset->count, (int)classes, others);
    return OK;
}

const struct dataset_kind dataset_imagenet = {
    .name = "imagenet",
    .summary = "a folder with val/nXXXXXXXX/*.JPEG, or the class folders themselves (a class's "
               "index is its folder's rank), or images, with data.devkit or data.labels",
    .open = imagenet_open,
    .load = files_load,
    .close = files_close,
};
