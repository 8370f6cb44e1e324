#include "blur.h"

#include <math.h>

enum { RADIUS_MAX = 640 }; /* 3σ of the largest image, 4096 / 20 */

static int clampi(int x, int high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

void blur_image(const uint8_t *rgb, int side, float *scratch, uint8_t *out)
{
    double weight[RADIUS_MAX + 1], sum = 0, sigma = side / 20.0;
    int radius = (int)ceil(3 * sigma);
    if (radius > RADIUS_MAX)
        radius = RADIUS_MAX;
    for (int k = 0; k <= radius; k++) {
        weight[k] = exp(-0.5 * k * k / (sigma * sigma));
        sum += k == 0 ? weight[k] : 2 * weight[k];
    }
    size_t row = (size_t)side * 3;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < 3; c++) {
                double v = 0;
                for (int k = -radius; k <= radius; k++)
                    v += weight[k < 0 ? -k : k] *
                         rgb[(size_t)y * row + (size_t)clampi(x + k, side - 1) * 3 + (size_t)c];
                scratch[(size_t)y * row + (size_t)x * 3 + (size_t)c] = (float)(v / sum);
            }
    for (int y = 0; y < side; y++)
        for (size_t i = 0; i < row; i++) {
            double v = 0;
            for (int k = -radius; k <= radius; k++)
                v += weight[k < 0 ? -k : k] * scratch[(size_t)clampi(y + k, side - 1) * row + i];
            out[(size_t)y * row + i] = (uint8_t)lround(v / sum);
        }
}
