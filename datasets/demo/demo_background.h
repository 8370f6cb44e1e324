/* The background of a demo picture, and its light. */
#pragma once

#include <stdint.h>

#include "demo_integer.h"

/* Fills rgb [side, side, 3] with one of several textures in two related colours. */
void background_paint(struct demo_rng *, int side, uint8_t *rgb);

/* Multiplies by a light that falls off in a random direction, and by an overall exposure. */
void background_light(struct demo_rng *, int side, uint8_t *rgb);

/* Adds the noise of a camera. */
void background_noise(struct demo_rng *, int side, uint8_t *rgb);
