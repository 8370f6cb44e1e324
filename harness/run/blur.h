/* A heavily blurred copy of an image: what removed pixels take with task.fill = blur. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Gaussian, σ = side / 20 (11.2 pixels at 224), cut at 3σ, border pixels repeated. rgb and out
 * [side, side, 3]; scratch [side, side, 3] floats. */
void blur_image(const uint8_t *rgb, int side, float *scratch, uint8_t *out);
