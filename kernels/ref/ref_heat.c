/* Heat maps and the order in which pixels are removed (SPEC 6). Float arrays in every backend. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ref_num.h"
#include "tie_hash.h"

/* Where output pixel `at` of `side` falls on an axis of `grid` cells, half-pixel centres. Beyond
 * the last centre low == high, before the first one weight = 0: borders are flat. */
struct axis_sample {
    int low, high;
    double weight; /* of high */
};

static struct axis_sample sample_axis(int at, int grid, int side)
{
    double x = (at + 0.5) * grid / side - 0.5;
    if (x < 0)
        x = 0;
    int low = (int)x;
    if (low > grid - 1)
        low = grid - 1;
    return (struct axis_sample){ low, low + 1 < grid ? low + 1 : low, x - low };
}

/* a + w (b - a): exactly a where both are equal, so that plateaus and borders stay ties. */
static double blend(double a, double b, double w)
{
    return a + w * (b - a);
}

static void heat_image(const float *map, int grid, int side, double *up, float *heat)
{
    double min = INFINITY, max = -INFINITY;
    size_t count = (size_t)side * (size_t)side;
    for (int y = 0; y < side; y++) {
        struct axis_sample sy = sample_axis(y, grid, side);
        const float *top = map + sy.low * grid, *bottom = map + sy.high * grid;
        for (int x = 0; x < side; x++) {
            struct axis_sample sx = sample_axis(x, grid, side);
            double v = blend(blend(top[sx.low], top[sx.high], sx.weight),
                             blend(bottom[sx.low], bottom[sx.high], sx.weight), sy.weight);
            up[(size_t)y * (size_t)side + (size_t)x] = v;
            min = fmin(min, v);
            max = fmax(max, v);
        }
    }
    for (size_t i = 0; i < count; i++)
        heat[i] = max > min ? (float)((up[i] - min) / (max - min)) : 0.0f;
}

void ref_heat(struct backend *be, const struct heat_args *a)
{
    size_t cells = (size_t)a->grid * (size_t)a->grid, count = (size_t)a->side * (size_t)a->side;
    double *up = ref_scratch(be, count);
    if (up == NULL)
        return;
    for (size_t i = 0; i < (size_t)a->n; i++)
        heat_image(a->maps + i * cells, a->grid, a->side, up, a->heat + i * count);
    free(up);
}

struct pixel {
    uint32_t heat, tie, index; /* in order of weight */
};

/* Orders as the float does, -0 equal to 0; NaNs end up beyond the infinities. */
static uint32_t float_key(float x)
{
    x += 0.0f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static int compare_pixels(const void *left, const void *right)
{
    const struct pixel *a = left, *b = right;
    if (a->heat != b->heat)
        return a->heat < b->heat ? -1 : 1;
    if (a->tie != b->tie)
        return a->tie < b->tie ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int32_t largest_tie(const struct pixel *order, size_t n)
{
    int32_t best = 0, run = 0;
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && order[i].heat == order[i - 1].heat ? run + 1 : 1;
        best = run > best ? run : best;
    }
    return best;
}

void ref_rank(struct backend *be, const struct rank_args *a)
{
    size_t pixels = (size_t)a->pixels;
    struct pixel *order = calloc(pixels == 0 ? 1 : pixels, sizeof *order);
    if (order == NULL) {
        fail(&be->failed, E_NOMEM, "out of memory: ranking %zu pixels", pixels);
        return;
    }
    for (size_t image = 0; image < (size_t)a->n; image++) {
        const float *heat = a->heat + image * pixels;
        for (uint32_t i = 0; i < pixels; i++) {
            uint32_t key = float_key(heat[i]), tie = i;
            if (a->ties == TIES_REVERSE)
                tie = ~i;
            if (a->ties == TIES_RANDOM)
                tie = tie_hash(a->seeds != NULL ? a->seeds[image] : 0, i);
            order[i] = (struct pixel){ a->ascending ? key : ~key, tie, i };
        }
        qsort(order, pixels, sizeof *order, compare_pixels);
        for (uint32_t i = 0; i < pixels; i++)
            a->rank[image * pixels + order[i].index] = i;
        if (a->largest_tie != NULL)
            a->largest_tie[image] = largest_tie(order, pixels);
    }
    free(order);
}
