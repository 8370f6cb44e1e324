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

enum { RISE_WIDTH = 11, RISE_CENTRE = RISE_WIDTH / 2, RISE_RADIUS = 20 };

/* g_i = Σ_m w(i - 5 - 11 m) over |·| <= 20, w the normalised Gaussian on -20 ... 20. */
static void rise_kernel(double kernel[RISE_WIDTH])
{
    const double sigma = 5;
    double sum = 0;
    for (int i = 0; i < RISE_WIDTH; i++)
        kernel[i] = 0;
    for (int k = -RISE_RADIUS; k <= RISE_RADIUS; k++) {
        int folded = ((k + RISE_CENTRE) % RISE_WIDTH + RISE_WIDTH) % RISE_WIDTH;
        double weight = exp(-0.5 * k * k / (sigma * sigma));
        kernel[folded] += weight;
        sum += weight;
    }
    for (int i = 0; i < RISE_WIDTH; i++)
        kernel[i] /= sum;
}

/* One pass along a line of `side` values that lie `stride` apart. */
static double rise_at(const double kernel[RISE_WIDTH], const float *line, int side, size_t stride,
                      int at, double outside)
{
    double v = 0;
    for (int k = 0; k < RISE_WIDTH; k++) {
        int x = at + k - RISE_CENTRE;
        v += kernel[k] * (x >= 0 && x < side ? (double)line[(size_t)x * stride] : outside);
    }
    return v;
}

void rise_blur_image(const uint8_t *rgb, int side, const float mean[3], float *scratch,
                     uint8_t *out)
{
    enum { MOST_SIDE = 4096 };
    double kernel[RISE_WIDTH];
    float line[MOST_SIDE];
    size_t row = (size_t)side * 3;
    rise_kernel(kernel);
    for (int y = 0; y < side; y++)
        for (size_t c = 0; c < 3; c++) {
            for (int x = 0; x < side; x++)
                line[x] = rgb[(size_t)y * row + (size_t)x * 3 + c];
            for (int x = 0; x < side; x++)
                scratch[(size_t)y * row + (size_t)x * 3 + c] =
                    (float)rise_at(kernel, line, side, 1, x, 255.0 * (double)mean[c]);
        }
    for (int y = 0; y < side; y++)
        for (size_t i = 0; i < row; i++)
            out[(size_t)y * row + i] = (uint8_t)lround(
                rise_at(kernel, scratch + i, side, row, y, 255.0 * (double)mean[i % 3]));
}
