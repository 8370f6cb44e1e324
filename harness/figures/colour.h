/* Colours for numbers: viridis (N. Smith, S. van der Walt, E. Firing 2015; CC0), whose lightness
 * rises evenly and which reads the same to the colour-blind and in grey. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* value in [0,1], clamped. NaN gives a middle grey, which viridis does not have. */
void colour_of(double value, uint8_t rgb[3]);

/* values [count] in [0,1] -> out [count, 3] */
void colour_values(const float *values, size_t count, uint8_t *out);

/* Draws heat in colour over the photograph in grey: rgb, out [pixels, 3]; heat [pixels] in
 * [0,1]. */
void colour_overlay(const uint8_t *rgb, const float *heat, size_t pixels, uint8_t *out);
