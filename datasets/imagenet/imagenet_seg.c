/* kind = imagenet_seg: images and masks in gtsegs_ijcv.mat (SPEC 9). */
#include "imagenet_kinds.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contents.h"
#include "files.h"
#include "gtsegs.h"
#include "image_list.h"

struct seg {
    struct gtsegs *file;
    uint64_t size; /* bytes */
};

static enum status take_images(const struct dataset_options *options, struct dataset *dataset,
                               struct error *err)
{
    const struct seg *seg = dataset->impl;
    struct image_list list = { 0 };
    struct stat st = { 0 };
    stat(options->path, &st);
    enum status status = gtsegs_check_order(seg->file, err);
    for (size_t i = 0; i < gtsegs_count(seg->file) && status == OK; i++) {
        status = image_list_add(&list, text_format("%06zu", i), -1, (uint64_t)st.st_size, err);
        if (status == OK)
            list.items[i].changed = st.st_mtim.tv_sec;
    }
    return dataset_take_images(dataset, &list, status, err);
}

static enum status seg_open(const struct dataset_options *options, struct dataset *dataset,
                            struct error *err)
{
    struct stat st = { 0 };
    struct seg *seg = calloc(1, sizeof *seg);
    dataset->impl = seg;
    if (seg == NULL)
        return fail(err, E_NOMEM, "no memory for a data set");
    TRY(gtsegs_open(options->path, false, options->image_order, options->mask_order, &seg->file,
                    err));
    stat(options->path, &st);
    seg->size = (uint64_t)st.st_size;
    TRY(take_images(options, dataset, err));
    dataset->has_masks = true;
    dataset->description = text_format("%s: %zu images with masks", options->path, dataset->count);
    if (options->image_order == ORDER_AUTO && !gtsegs_marked(seg->file))
        dataset->assumed = strdup("images are stored [3, W, H], as MATLAB does: the file does not "
                                  "say it; data.image_order = hw would read them as [3, H, W]");
    return OK;
}

static enum status seg_load(struct dataset *dataset, size_t index, struct sample *sample,
                            struct error *err)
{
    const struct seg *seg = dataset->impl;
    TRY(gtsegs_image(seg->file, index, &sample->image, err));
    return gtsegs_mask(seg->file, GTSEGS_GT, index, sample->image.width, sample->image.height,
                       &sample->labels, err);
}

/* All arrays of a small file. Where they unpack to far more than it has, the last are left out. */
static void peek_all(const struct seg *seg, struct sha256 *hash)
{
    const size_t most = (size_t)8 * CONTENTS_WHOLE, header = 4096; /* nor are there endless ones */
    size_t count = gtsegs_count(seg->file), used = 0;
    for (size_t i = 0; i < count && used < most; i++)
        used += header + gtsegs_peek(seg->file, GTSEGS_GT, i, CONTENTS_BYTES, hash);
    for (size_t i = 0; i < count && used < most; i++)
        used += header + gtsegs_peek(seg->file, GTSEGS_IMG, i, CONTENTS_BYTES, hash);
}

/* Of a large file mostly masks, which are small, and are what is mended in place. Values are read
 * and not the file's bytes: a file that is written anew holds other dates. */
static bool seg_peek(struct dataset *dataset, size_t index, size_t place, size_t bytes,
                     struct sha256 *hash)
{
    const struct seg *seg = dataset->impl;
    if (seg->size < CONTENTS_WHOLE) {
        if (place == 0)
            peek_all(seg, hash);
        return true;
    }
    gtsegs_peek(seg->file, GTSEGS_GT, index, (place % 8 == 0 ? 64 : 4) * bytes, hash);
    if (place % 8 == 4)
        gtsegs_peek(seg->file, GTSEGS_IMG, index, 8 * bytes, hash);
    return true;
}

static void seg_close(struct dataset *dataset)
{
    struct seg *seg = dataset->impl;
    gtsegs_close(seg->file);
    free(seg);
}

const struct dataset_kind dataset_imagenet_seg = { "imagenet_seg", "gtsegs_ijcv.mat", seg_open,
                                                   seg_load,       seg_close,         seg_peek };
