/* What both picture targets do: a picture within the limits, or a message. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "image.h"

static inline void fuzz_image(const uint8_t *bytes, size_t size)
{
    struct image image;
    struct error err = { 0 };
    enum status s = image_decode(bytes, size, "fuzz", &image, &err);
    if (s != OK) {
        if (image.rgb != NULL || s != err.code || (s != E_DATA && s != E_NOMEM) ||
            strncmp(err.text, "fuzz: ", 6) != 0)
            abort();
        return;
    }
    if (image.width < 1 || image.width > IMAGE_MAX_SIDE || image.height < 1 ||
        image.height > IMAGE_MAX_SIDE)
        abort();
    /* Touches the last byte, so that a buffer that is too small shows. */
    volatile uint8_t last = image.rgb[(size_t)image.width * (size_t)image.height * 3 - 1];
    (void)last;
    image_free(&image);
}
