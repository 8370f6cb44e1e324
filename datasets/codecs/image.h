/* Images: decoding, Pillow-exact resizing, the three preprocessings (SPEC 3). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct image {
    int width, height;
    uint8_t *rgb; /* [height, width, 3], malloc'ed */
};

/* JPEG (grey, YCbCr, RGB, CMYK, YCCK; baseline, progressive) or PNG, told by content; EXIF
 * orientation ignored. `name` for messages. Larger than IMAGE_MAX_SIDE a side or IMAGE_MAX_PIXELS
 * is E_DATA; so is a truncated file. */
#define IMAGE_MAX_SIDE 32768
#define IMAGE_MAX_PIXELS (256u << 20)
enum status image_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                         struct error *err);
enum status image_read(const char *path, struct image *out, struct error *err);
void image_free(struct image *);

enum filter { FILTER_NEAREST, FILTER_BILINEAR, FILTER_BICUBIC };

/* Pillow's Image.resize for 8-bit RGB, bit-exact. out [height, width, 3] by the caller. */
enum status image_resize(const struct image *, int width, int height, enum filter, uint8_t *out,
                         struct error *err);

enum preprocess { PREPROCESS_EVAL, PREPROCESS_STRETCH, PREPROCESS_NOTEBOOK };
extern const char *const preprocess_names[]; /* "eval", "stretch", "notebook", NULL */

/* out [side, side, 3]. */
enum status image_preprocess(const struct image *, enum preprocess, int side, uint8_t *out,
                             struct error *err);

/* How `eval` crops: the shorter side becomes side / crop pixels (rounded down), and the centre is
 * kept. */
struct eval_cut {
    double crop; /* IMAGE_LEAST_CROP to 1 */
    enum filter filter;
};
#define IMAGE_LEAST_CROP 0.05
extern const struct eval_cut eval_cut_default; /* 224 of 256 pixels, bicubic */
/* The same with another crop for `eval`; the other preprocessings have none. */
enum status image_preprocess_cut(const struct image *, enum preprocess, const struct eval_cut *,
                                 int side, uint8_t *out, struct error *err);

/* Nearest neighbour, Pillow's rule, of a label map [height, width] to [side, side] (SPEC 8). */
void label_resize(const int8_t *labels, int width, int height, int side, int8_t *out);

/* Encoders, for pages that embed their pictures: *bytes malloc'ed, the caller frees it. The JPEG is
 * baseline, 4:2:0, by libjpeg's defaults (ISLOW): the same bytes on one build of libjpeg. */
enum status jpeg_encode(const struct image *, int quality, uint8_t **bytes, size_t *size,
                        struct error *err);
enum status png_encode(const struct image *, uint8_t **bytes, size_t *size, struct error *err);

/* PNG writing, for heat maps and panels. */
enum status image_write_png(const char *path, const struct image *, struct error *err);
