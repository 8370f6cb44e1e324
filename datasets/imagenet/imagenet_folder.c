/* kind = imagenet: a folder of class folders, as the ImageNet validation set is usually
 * distributed, or images in one folder, labelled by the devkit, a list or their names (SPEC 9). */
#include "imagenet_kinds.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "class_folders.h"
#include "files.h"
#include "image_labels.h"
#include "same_file.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
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

/* stat() of `path`, following links. A dangling link is an error, because it may have been a
 * class. */
static enum status stat_path(const char *path, struct stat *st, struct error *err)
{
    struct stat link;
    if (stat(path, st) == 0)
        return OK;
    int wrong = errno;
    if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode))
        return fail(err, E_CONFIG, "%s: a link that leads nowhere: %s; mend or remove it", path,
                    strerror(wrong));
    return fail(err, E_CONFIG, "%s: cannot be looked at: %s", path, strerror(wrong));
}

static enum status add_image(const char *path, char *id, int32_t folder, struct image_list *list,
                             struct error *err)
{
    struct stat st;
    enum status status = stat_path(path, &st, err);
    if (status == OK && !S_ISREG(st.st_mode))
        status = fail(err, E_CONFIG, "%s: not a file, but %s; images are wanted under such names",
                      path, S_ISDIR(st.st_mode) ? "a folder" : "a pipe, socket or device");
    if (status != OK) {
        free(id);
        return status;
    }
    return image_list_add_file(list, id, folder, &st, err);
}

/* Ids are folder/name, or the name alone where folder is ".". The label is the folder's place until
 * all are known. */
static enum status add_images(const char *root, const char *folder, int32_t place,
                              struct image_list *list, size_t *others, struct error *err)
{
    char *path = path_join(root, folder);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for the path of %s", folder);
    struct listing files;
    enum status status = list_folder(path, &files, err);
    for (int i = 0; i < files.count && status == OK; i++) {
        const char *name = files.names[i]->d_name;
        if (!has_image_suffix(name)) {
            ++*others;
            continue;
        }
        char *id = strcmp(folder, ".") == 0 ? strdup(name) : path_join(folder, name);
        char *full = path_join(path, name);
        if (full == NULL) {
            free(id);
            status = fail(err, E_NOMEM, "no memory for the path of %s", name);
        } else {
            status = add_image(full, id, place, list, err);
        }
        free(full);
    }
    listing_free(&files);
    free(path);
    return status;
}

/* ---- class folders --------------------------------------------------------------------------- */

/* All folders of `root` with their images; *loose counts the images beside them. */
static enum status find_folders(const char *root, struct image_list *list,
                                struct class_folders *folders, size_t *others, size_t *loose,
                                struct error *err)
{
    struct listing found;
    enum status status = list_folder(root, &found, err);
    for (int i = 0; i < found.count && status == OK; i++) {
        const char *name = found.names[i]->d_name;
        char *path = path_join(root, name);
        struct stat st;
        size_t before = list->count;
        if (path == NULL)
            status = fail(err, E_NOMEM, "no memory for the path of %s", name);
        else
            status = stat_path(path, &st, err);
        if (status == OK && S_ISDIR(st.st_mode)) {
            status = add_images(root, name, (int32_t)folders->count, list, others, err);
            if (status == OK)
                status = class_folders_add(folders, strdup(name), list->count - before, err);
        } else if (status == OK) {
            ++*others;
            *loose += has_image_suffix(name);
        }
        free(path);
    }
    listing_free(&found);
    return status;
}

static enum status take_folders(struct dataset *dataset, const char *root,
                                const struct class_folders *folders, const struct class_list *known,
                                size_t classes, size_t others, struct image_list *list,
                                struct error *err)
{
    class_folders_apply(folders, list);
    TRY(dataset_take_images(dataset, list, OK, err));
    dataset->has_labels = true;
    dataset->numbers_are_ids = folders->by_id;
    dataset->description =
        class_folders_describe(folders, known, root, dataset->count, classes, others);
    return OK;
}

/* ---- images in the folder itself ------------------------------------------------------------- */

static enum status open_flat(const struct dataset_options *options, struct dataset *dataset,
                             struct error *err)
{
    const char *root = dataset->impl;
    struct image_list list = { 0 };
    struct applied_labels labels = { 0 };
    size_t others = 0;
    enum status status = add_images(root, ".", -1, &list, &others, err);
    if (status == OK && list.count == 0)
        status = fail(err, E_CONFIG,
                      "%s: no images in the folder itself; data.devkit and data.labels are for "
                      "those, class folders go without",
                      root);
    if (status == OK)
        status = image_labels_apply(options, root, &list, &labels, err);
    if (status == OK)
        status = check_images_differ(root, &list, err);
    TRY(dataset_take_images(dataset, &list, status, err));
    dataset->has_labels = true;
    dataset->labels_are_numbers = labels.are_numbers;
    dataset->description = text_format("%s: %zu images in one folder (%zu not listed, %zu other "
                                       "files and folders left out)",
                                       root, dataset->count, labels.unlisted, others);
    return OK;
}

/* Takes class folders where any of them has images, else the images beside them. */
static enum status open_root(const struct dataset_options *options, struct dataset *dataset,
                             struct error *err)
{
    const char *root = dataset->impl;
    struct image_list list = { 0 };
    struct class_folders folders = { 0 };
    struct class_index index;
    size_t others = 0, loose = 0, classes = 0;
    class_index_open(options, &index);
    enum status status = find_folders(root, &list, &folders, &others, &loose, err);
    bool flat = status == OK && image_labels_are_for_loose(options, loose, list.count);
    if (status == OK && !flat && list.count == 0)
        status = fail(err, E_CONFIG,
                      "%s: no images in class folders; kind = imagenet wants folders nXXXXXXXX "
                      "with .JPEG, .jpg or .png files in them, or else data.devkit or data.labels "
                      "for images that lie in the folder itself",
                      root);
    if (status == OK && !flat)
        status = check_images_differ(root, &list, err);
    if (status == OK && !flat)
        status = class_folders_resolve(&folders, root, &index, &classes, err);
    if (status == OK && !flat)
        status = take_folders(dataset, root, &folders, &index.list, classes, others, &list, err);
    class_folders_free(&folders);
    class_index_close(&index);
    image_list_free(&list);
    return flat ? open_flat(options, dataset, err) : status;
}

static enum status imagenet_open(const struct dataset_options *options, struct dataset *dataset,
                                 struct error *err)
{
    if (is_file(options->path))
        return fail(
            err, E_CONFIG,
            "%s: a file; kind = imagenet wants a folder with val/nXXXXXXXX/*.JPEG, or the "
            "class folders themselves; a list of images is kind = imagenet_list, an archive "
            "of them kind = imagenet_tar",
            options->path);
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
    bool listed = options->labels != NULL && options->labels[0] != '\0';
    return listed ? open_flat(options, dataset, err) : open_root(options, dataset, err);
}

const struct dataset_kind dataset_imagenet = {
    .name = "imagenet",
    .summary = "a folder with val/nXXXXXXXX/*.JPEG, or the class folders themselves, or images "
               "with data.devkit, data.labels or names that end in WordNet ids",
    .open = imagenet_open,
    .load = files_load,
    .close = files_close,
    .peek = files_peek,
};
