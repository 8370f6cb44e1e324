/* Maps scaled up to the size of the images, as the protocol does it (SPEC 6). */
#pragma once

/* map [rows, columns] -> out [side, side], bilinear with half-pixel centres and flat borders, in
 * double: equal values stay equal, and a map of [side, side] stays what it is. */
void upsample(const float *map, int rows, int columns, int side, double *out);
