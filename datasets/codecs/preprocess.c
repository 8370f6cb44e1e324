/* The three preprocessings of SPEC 3, and the label map's (SPEC 8). */
#include <stdbool.h>

#include "resize.h"

const char *const preprocess_names[] = { "eval", "stretch", "notebook", NULL };

enum status image_resize(const struct image *image, int width, int height, enum filter filter,
                         uint8_t *out, struct error *err)
{
    const struct window all = { 0, 0, width, height };
    return image_resize_window(image, width, height, filter, &all, out, err);
}

/* (side - crop) / 2, halves to the even neighbour. */
static int crop_offset(int side, int crop)
{
    int twice = side - crop;
    int half = twice / 2;
    return twice % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* Shorter side to `shorter`, the longer in proportion (rounded down), centre crop side x side. */
static enum status resize_and_crop(const struct image *image, int shorter, int side,
                                   enum filter filter, uint8_t *out, struct error *err)
{
    int short_in = image->width < image->height ? image->width : image->height;
    int long_in = image->width < image->height ? image->height : image->width;
    int64_t longer = (int64_t)shorter * long_in / short_in;
    if (longer > INT32_MAX)
        return fail(err, E_DATA, "%d x %d pixels are too slim to crop", image->width,
                    image->height);
    bool upright = image->width < image->height;
    int width = upright ? shorter : (int)longer, height = upright ? (int)longer : shorter;
    struct window window = { crop_offset(width, side), crop_offset(height, side), side, side };
    return image_resize_window(image, width, height, filter, &window, out, err);
}

const struct eval_cut eval_cut_default = { .crop = 0.875, .filter = FILTER_BICUBIC };

enum status image_preprocess(const struct image *image, enum preprocess kind, int side,
                             uint8_t *out, struct error *err)
{
    return image_preprocess_cut(image, kind, &eval_cut_default, side, out, err);
}

enum status image_preprocess_cut(const struct image *image, enum preprocess kind,
                                 const struct eval_cut *cut, int side, uint8_t *out,
                                 struct error *err)
{
    if (side < 1 || side > IMAGE_MAX_SIDE)
        return fail(err, E_CONFIG, "a model input of %d pixels a side is out of range 1 to %d",
                    side, IMAGE_MAX_SIDE);
    switch (kind) {
    case PREPROCESS_EVAL:
        return resize_and_crop(image, (int)(side / cut->crop), side, cut->filter, out, err);
    case PREPROCESS_NOTEBOOK:
        return resize_and_crop(image, side, side, FILTER_BILINEAR, out, err);
    case PREPROCESS_STRETCH:
        return image_resize(image, side, side, FILTER_BILINEAR, out, err);
    }
    return fail(err, E_CONFIG, "no preprocessing has the number %d", (int)kind);
}

void label_resize(const int8_t *labels, int width, int height, int side, int8_t *out)
{
    struct nearest x = nearest_start(width, side), y = nearest_start(height, side);
    for (int row = 0; row < side; row++) {
        const int8_t *from = labels + (size_t)nearest_next(&y) * (size_t)width;
        struct nearest at = x;
        for (int column = 0; column < side; column++)
            *out++ = from[nearest_next(&at)];
    }
}
