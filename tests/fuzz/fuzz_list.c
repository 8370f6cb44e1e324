/* libFuzzer target: a list of 'file label' lines, a solution as Kaggle's, or the devkit's ground
 * truth, that labels two images. */
#include <string.h>

#include "file_list.h"
#include "image_labels.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void as_list(const char *path)
{
    const struct dataset_options options = { .head_classes = 1000 };
    struct class_index classes;
    struct image_list list = { 0 };
    struct error err = { 0 };
    struct list_line *lines = NULL;
    class_index_open(&options, &classes);
    enum status s = file_list_read(path, NULL, &classes, &list, &lines, &err);
    if (s != OK && (s != err.code || s != E_CONFIG || strncmp(err.text, path, strlen(path)) != 0 ||
                    lines != NULL))
        abort();
    for (size_t i = 0; s == OK && i < list.count; i++)
        if (list.items[i].id[0] == '\0' || list.items[i].label < 0 || lines[i].number == 0 ||
            (i > 0 && lines[i].number <= lines[i - 1].number))
            abort();
    free(lines);
    image_list_free(&list);
    class_index_close(&classes);
}

static void as_labels(const char *path)
{
    /* The devkit does not exist, so that a list that passes for a ground truth fails there at the
     * latest. */
    const struct dataset_options options = { .labels = path, .devkit = "/nonexistent" };
    struct image_list list = { 0 };
    struct error err = { 0 };
    struct applied_labels labels;
    if (image_list_add(&list, strdup("b.JPEG"), -1, 2, NULL) != OK ||
        image_list_add(&list, strdup("a.JPEG"), -1, 1, NULL) != OK)
        abort();
    enum status s = image_labels_apply(&options, "where", &list, &labels, &err);
    if (s != OK && (s != err.code || s != E_CONFIG))
        abort();
    if (s == OK && (list.count == 0 || list.count + labels.unlisted != 2))
        abort();
    for (size_t i = 0; s == OK && i < list.count; i++)
        if (list.items[i].label < 0 || list.items[i].size != 1 + (list.items[i].id[0] == 'b'))
            abort();
    image_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_file f = memory_file(bytes, size);
    as_list(f.path);
    as_labels(f.path);
    memory_file_close(&f);
    return 0;
}
