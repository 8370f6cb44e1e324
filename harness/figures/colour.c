#include "colour.h"

#include <math.h>

/* Every 15th of viridis' 256 published colours (matplotlib, _cm_listed.py); between them colours
 * are mixed linearly, which is never more than 5 of 255 away from the published table. */
static const uint8_t stops[][3] = {
    { 0x44, 0x01, 0x54 }, { 0x48, 0x17, 0x69 }, { 0x47, 0x2a, 0x7a }, { 0x43, 0x3d, 0x84 },
    { 0x3d, 0x4e, 0x8a }, { 0x35, 0x5e, 0x8d }, { 0x2e, 0x6d, 0x8e }, { 0x29, 0x7b, 0x8e },
    { 0x23, 0x89, 0x8e }, { 0x1f, 0x97, 0x8b }, { 0x21, 0xa5, 0x85 }, { 0x2e, 0xb3, 0x7c },
    { 0x46, 0xc0, 0x6f }, { 0x65, 0xcb, 0x5e }, { 0x89, 0xd5, 0x48 }, { 0xb0, 0xdd, 0x2f },
    { 0xd8, 0xe2, 0x19 }, { 0xfd, 0xe7, 0x25 },
};

void colour_of(double value, uint8_t rgb[3])
{
    const int last = (int)(sizeof stops / sizeof *stops) - 1;
    if (isnan(value)) {
        rgb[0] = rgb[1] = rgb[2] = 0x80;
        return;
    }
    double at = fmin(fmax(value, 0), 1) * last;
    int k = at >= last ? last - 1 : (int)at;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(stops[k][c] + (at - k) * (stops[k + 1][c] - stops[k][c]));
}

void colour_values(const float *values, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        colour_of((double)values[i], out + 3 * i);
}

void colour_overlay(const uint8_t *rgb, const float *heat, size_t pixels, uint8_t *out)
{
    /* The photograph is limited to middle greys and weighs a third, so that colours can still be
     * read as numbers while contours remain visible. */
    const double share = 0.38;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = rgb + 3 * i;
        uint8_t colour[3];
        double grey = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; /* ITU-R BT.601 luma */
        colour_of((double)heat[i], colour);
        for (int c = 0; c < 3; c++)
            out[3 * i + (size_t)c] = (uint8_t)lround(share * grey + (1 - share) * colour[c]);
    }
}
