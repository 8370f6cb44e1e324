/* kind = imagenet_seg: images and masks in gtsegs_ijcv.mat (SPEC 9). */
#include "imagenet_kinds.h"

#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "gtsegs.h"
#include "image_list.h"

static enum status seg_open(const struct dataset_options *options, struct dataset *dataset,
                            struct error *err)
{
    struct image_list list = { 0 };
    struct gtsegs *file;
    struct stat st = { 0 };
    TRY(gtsegs_open(options->path, false, options->image_order, options->mask_order, &file, err));
    dataset->impl = file;
    stat(options->path, &st);
    enum status status = gtsegs_check_order(file, err);
    for (size_t i = 0; i < gtsegs_count(file) && status == OK; i++)
        status = image_list_add(&list, text_format("%06zu", i), -1, (uint64_t)st.st_size, err);
    TRY(dataset_take_images(dataset, &list, status, err));
    dataset->has_masks = true;
    dataset->description = text_format("%s: %zu images with masks", options->path, dataset->count);
    if (options->image_order == ORDER_AUTO && !gtsegs_marked(file))
        dataset->assumed = strdup("images are stored [3, W, H], as MATLAB does: the file does not "
                                  "say it; data.image_order = hw would read them as [3, H, W]");
    return OK;
}

static enum status seg_load(struct dataset *dataset, size_t index, struct sample *sample,
                            struct error *err)
{
    TRY(gtsegs_image(dataset->impl, index, &sample->image, err));
    return gtsegs_mask(dataset->impl, GTSEGS_GT, index, sample->image.width, sample->image.height,
                       &sample->labels, err);
}

static void seg_close(struct dataset *dataset)
{
    gtsegs_close(dataset->impl);
}

const struct dataset_kind dataset_imagenet_seg = { "imagenet_seg", "gtsegs_ijcv.mat", seg_open,
                                                   seg_load, seg_close };
