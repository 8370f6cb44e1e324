#include "upsample.h"

#include <stddef.h>

/* Where pixel `at` of `side` falls on an axis of `cells`: beyond the last centre low == high,
 * before the first one the weight is 0. */
struct place {
    int low, high;
    double weight; /* of high */
};

static struct place place_of(int at, int cells, int side)
{
    double x = (at + 0.5) * cells / side - 0.5;
    x = x < 0 ? 0 : x;
    int low = (int)x < cells - 1 ? (int)x : cells - 1;
    return (struct place){ low, low + 1 < cells ? low + 1 : low, x - low };
}

/* Exactly a where both are equal, so that plateaus and borders stay ties. */
static double between(double a, double b, double weight)
{
    return a + weight * (b - a);
}

void upsample(const float *map, int rows, int columns, int side, double *out)
{
    for (int y = 0; y < side; y++) {
        struct place down = place_of(y, rows, side);
        const float *upper = map + (size_t)down.low * (size_t)columns;
        const float *lower = map + (size_t)down.high * (size_t)columns;
        for (int x = 0; x < side; x++) {
            struct place across = place_of(x, columns, side);
            double top =
                between((double)upper[across.low], (double)upper[across.high], across.weight);
            double bottom =
                between((double)lower[across.low], (double)lower[across.high], across.weight);
            out[(size_t)y * (size_t)side + (size_t)x] = between(top, bottom, down.weight);
        }
    }
}
