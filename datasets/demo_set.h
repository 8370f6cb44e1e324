/* The demo set on disk. Private to datasets/. */
#pragma once

#include "demo.h"
#include "status.h"

#define DEMO_JPEG_QUALITY 92

/* What storing the picture as JPEG and reading it back makes of it: rgb [side, side, 3], in place.
 */
enum status demo_through_jpeg(uint8_t *rgb, int side, struct error *err);
