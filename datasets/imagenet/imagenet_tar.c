/* kind = imagenet_tar: ILSVRC2012_img_val.tar as it comes (SPEC 9). The headers are walked once;
 * then every image is read on its own, by any thread, in any order, and so also by a run that
 * continues in the middle. */
#include "imagenet_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contents.h"
#include "decode.h"
#include "files.h"
#include "free_all.h"
#include "image_labels.h"
#include "tar_classes.h"

struct extent {
    uint64_t offset, size; /* bytes */
};

struct tar {
    char *path;
    int fd;
    struct extent *extents; /* [dataset->count] */
};

static void tar_close(struct dataset *dataset)
{
    struct tar *tar = dataset->impl;
    if (tar->fd >= 0)
        close(tar->fd);
    FREE_ALL(tar->extents, tar->path, tar);
}

static enum status open_file(struct tar *tar, uint64_t *size, struct error *err)
{
    struct stat st;
    tar->fd =
        open(tar->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* of a pipe: at once */
    if (tar->fd < 0 || fstat(tar->fd, &st) != 0)
        return fail(err, E_CONFIG, "%s: cannot open: %s; ILSVRC2012_img_val.tar is wanted",
                    tar->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(err, E_CONFIG, "%s: not a file; ILSVRC2012_img_val.tar is wanted", tar->path);
    *size = (uint64_t)st.st_size;
    return OK;
}

static enum status take_extents(struct tar *tar, struct image_list *list, struct error *err)
{
    tar->extents = calloc(list->count, sizeof *tar->extents);
    if (tar->extents == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu images", tar->path, list->count);
    struct stat st = { 0 };
    fstat(tar->fd, &st);
    for (size_t i = 0; i < list->count; i++) {
        tar->extents[i] = (struct extent){ list->items[i].offset, list->items[i].size };
        list->items[i].changed = st.st_mtim.tv_sec;
    }
    return OK;
}

/* Labels the images, which may leave some of them out, and describes the set. */
static enum status label_images(const struct dataset_options *options, struct dataset *dataset,
                                struct tar_members *members, struct error *err)
{
    const struct tar *tar = dataset->impl;
    struct applied_labels labels = { 0 };
    struct tar_labels classes = { 0 };
    if (options->labels == NULL || options->labels[0] == '\0')
        TRY(tar_classes(options, tar->path, members, &classes, err));
    dataset->has_labels = true;
    dataset->numbers_are_ids = classes.by_id;
    dataset->description = classes.description;
    if (classes.by_folder)
        return OK;
    TRY(image_labels_apply(options, tar->path, &members->images, &labels, err));
    dataset->labels_are_numbers = labels.are_numbers;
    dataset->description =
        text_format("%s: %zu images (%zu not listed, %zu other members left out)", tar->path,
                    members->images.count, labels.unlisted, members->others);
    return OK;
}

static enum status tar_open(const struct dataset_options *options, struct dataset *dataset,
                            struct error *err)
{
    struct tar_members members = { 0 };
    uint64_t size = 0;
    struct tar *tar = calloc(1, sizeof *tar);
    if (tar == NULL)
        return fail(err, E_NOMEM, "no memory for a data set");
    tar->fd = -1;
    dataset->impl = tar;
    if ((tar->path = strdup(options->path)) == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    TRY(open_file(tar, &size, err));
    /* The headers lie an image apart, so reading ahead would read the whole file. */
    posix_fadvise(tar->fd, 0, 0, POSIX_FADV_RANDOM);
    enum status status = tar_index(tar->fd, tar->path, size, &members, err);
    posix_fadvise(tar->fd, 0, 0, POSIX_FADV_NORMAL);
    if (status == OK && members.images.count == 0)
        status = fail(err, E_CONFIG,
                      "%s: no images in it (%zu other members); ILSVRC2012_img_val"
                      ".tar is wanted",
                      tar->path, members.others);
    if (status == OK)
        status = label_images(options, dataset, &members, err);
    if (status == OK)
        status = take_extents(tar, &members.images, err);
    status = dataset_take_images(dataset, &members.images, status, err);
    tar_members_free(&members);
    return status;
}

static enum status read_extent(const struct tar *tar, const struct extent *x, const char *name,
                               uint8_t *bytes, struct error *err)
{
    for (size_t have = 0; have < x->size;) {
        ssize_t n = pread(tar->fd, bytes + have, x->size - have, (off_t)(x->offset + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, E_IO, "%s: cannot read: %s", name, strerror(errno));
        if (n == 0)
            return fail(err, E_IO,
                        "%s: beyond the end of the tar, which was longer when it was "
                        "opened",
                        name);
        have += (size_t)n;
    }
    return OK;
}

static bool tar_peek(struct dataset *dataset, size_t index, size_t place, size_t bytes,
                     struct sha256 *hash)
{
    const struct tar *tar = dataset->impl;
    (void)place;
    return contents_add(hash, tar->fd, tar->extents[index].offset, tar->extents[index].size, bytes);
}

static enum status tar_load(struct dataset *dataset, size_t index, struct sample *sample,
                            struct error *err)
{
    const struct tar *tar = dataset->impl;
    const struct extent *x = &tar->extents[index];
    if (x->size > IMAGE_MAX_BYTES)
        return fail(err, E_DATA, "%s: %s: %llu bytes, over the limit of %zu for one picture",
                    tar->path, dataset->ids[index], (unsigned long long)x->size, IMAGE_MAX_BYTES);
    char *name = text_format("%s: %s", tar->path, dataset->ids[index]);
    uint8_t *bytes = malloc(x->size > 0 ? x->size : 1);
    enum status status = OK;
    if (name == NULL || bytes == NULL)
        status = fail(err, E_NOMEM, "%s: %s: no memory for its %llu bytes", tar->path,
                      dataset->ids[index], (unsigned long long)x->size);
    if (status == OK)
        status = read_extent(tar, x, name, bytes, err);
    if (status == OK)
        status = image_decode(bytes, x->size, name, &sample->image, err);
    FREE_ALL(bytes, name);
    return status;
}

const struct dataset_kind dataset_imagenet_tar = {
    "imagenet_tar",
    "ILSVRC2012_img_val.tar, not unpacked, with data.devkit or data.labels, or a tar of class "
    "folders",
    tar_open,
    tar_load,
    tar_close,
    tar_peek
};
