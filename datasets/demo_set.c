#include "demo_set.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"

enum status demo_through_jpeg(uint8_t *rgb, int side, struct error *err)
{
    struct image image = { side, side, rgb }, back;
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(jpeg_encode(&image, DEMO_JPEG_QUALITY, &bytes, &size, err));
    enum status status = image_decode(bytes, size, "demo picture", &back, err);
    free(bytes);
    if (status != OK)
        return status;
    memcpy(rgb, back.rgb, (size_t)side * (size_t)side * 3);
    image_free(&back);
    return OK;
}
