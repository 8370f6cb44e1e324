/* Blurred copies of an image, from which removed pixels are taken with task.fill = blur and
 * rise_blur. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Gaussian, σ = side / 20 (11.2 pixels at 224), cut at 3σ, border pixels repeated. rgb and out
 * [side, side, 3]; scratch [side, side, 3] floats. */
void blur_image(const uint8_t *rgb, int side, float *scratch, uint8_t *out);

/* RISE's (Petsiuk 2018): the window of 11 x 11 pixels that its code makes of a Gaussian with σ 5
 * cut at 4σ and folded back at the window, and the mean colour [3] in [0, 1] outside the image
 * (zeros of the normalised one). Rounded to 8 bits. The arrays are as above. */
void rise_blur_image(const uint8_t *rgb, int side, const float mean[3], float *scratch,
                     uint8_t *out);
