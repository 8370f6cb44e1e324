/* The two decoders behind image_decode (image.c). */
#pragma once

#include "image.h"

/* No file worth decoding is larger: IMAGE_MAX_PIXELS raw RGB is 768 MiB. */
#define IMAGE_MAX_BYTES ((size_t)1 << 30)

/* Checks a picture's size against the limits of image.h and takes its memory: out->rgb
 * [height, width, 3]. E_DATA or E_NOMEM. */
enum status image_allocate(struct image *out, size_t width, size_t height, const char *name,
                           struct error *err);

enum status jpeg_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                        struct error *err);
enum status png_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                       struct error *err);
