/* kind = imagenet_list: a text list, one `file label` a line (SPEC 9). */
#include "imagenet_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "file_list.h"
#include "files.h"

/* The folder that a list's relative names start from. */
static char *list_root(const struct dataset_options *options)
{
    if (options->root != NULL && options->root[0] != '\0')
        return strdup(options->root);
    const char *slash = strrchr(options->path, '/');
    if (slash == NULL)
        return strdup(".");
    if (slash == options->path)
        return strdup("/");
    return strndup(options->path, (size_t)(slash - options->path));
}

static enum status list_open(const struct dataset_options *options, struct dataset *dataset,
                             struct error *err)
{
    struct image_list list = { 0 };
    char *root = list_root(options);
    dataset->impl = root;
    if (root == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    struct class_index classes;
    class_index_open(options, &classes);
    enum status status = file_list_read(options->path, root, &classes, &list, NULL, err);
    dataset->labels_are_numbers = classes.numbers;
    class_index_close(&classes);
    TRY(dataset_take_images(dataset, &list, status, err));
    dataset->has_labels = true;
    dataset->description =
        text_format("%s: %zu images, files under %s", options->path, dataset->count, root);
    return OK;
}

const struct dataset_kind dataset_imagenet_list = {
    "imagenet_list", "a text file of 'file label' lines, or LOC_val_solution.csv",
    list_open,       files_load,
    files_close,     files_peek
};
