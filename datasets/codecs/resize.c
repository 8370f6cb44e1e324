/* Pillow's resampling, written from its description (SPEC 3): a separable convolution whose
 * support widens when it shrinks, coefficients in fixed point, each pass rounded to 8 bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "resize.h"
#include "sizes.h"

#define COEFFICIENT_BITS 22 /* fractional; 8 bits of pixel and 2 of overshoot fill an int32 */

/* Rows that the horizontal pass processes together, interleaved, so that its innermost loop reads
 * memory in order. */
#define ROWS 16
#define LANES (ROWS * 3)

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

/* For each output position of one axis the input positions it reads and their weights. */
struct axis {
    int count;        /* output positions */
    int taps;         /* most inputs of any */
    int32_t *first;   /* [count] */
    int32_t *used;    /* [count] inputs from `first` on */
    int32_t *weights; /* [count, taps], COEFFICIENT_BITS fractional bits */
};

static void axis_free(struct axis *axis)
{
    FREE_ALL(axis->first, axis->used, axis->weights);
}

/* Positions [offset, offset + count) of an axis that goes from `in` to `out` pixels. */
static enum status axis_plan(struct axis *axis, int in, int out, int offset, int count,
                             enum filter filter, struct error *err)
{
    double (*weight)(double) = filter == FILTER_BICUBIC ? cubic : triangle;
    double scale = (double)in / out;
    double stretch = scale > 1.0 ? scale : 1.0;
    double support = (filter == FILTER_BICUBIC ? 2.0 : 1.0) * stretch;
    double step = 1.0 / stretch;
    size_t cells;

    axis->count = count;
    axis->taps = (int)ceil(support) * 2 + 1;
    double *real = malloc((size_t)axis->taps * sizeof *real);
    axis->first = malloc((size_t)count * sizeof *axis->first);
    axis->used = malloc((size_t)count * sizeof *axis->used);
    axis->weights = size_mul((size_t)count, (size_t)axis->taps, &cells)
                        ? calloc(cells, sizeof *axis->weights)
                        : NULL;
    if (real == NULL || axis->first == NULL || axis->used == NULL || axis->weights == NULL) {
        free(real);
        return fail(err, E_NOMEM, "no memory for resizing %d to %d pixels", in, out);
    }
    for (int i = 0; i < count; i++) {
        double centre = (offset + i + 0.5) * scale, sum = 0.0;
        int low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
        low = low < 0 ? 0 : low;
        high = high > in ? in : high;
        for (int k = 0; k < high - low; k++) {
            real[k] = weight((k + low - centre + 0.5) * step);
            sum += real[k];
        }
        int32_t *fixed = axis->weights + (size_t)i * (size_t)axis->taps;
        for (int k = 0; k < high - low; k++) {
            double w = (sum != 0.0 ? real[k] / sum : real[k]) * (1 << COEFFICIENT_BITS);
            fixed[k] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        }
        axis->first[i] = low;
        axis->used[i] = high - low;
    }
    free(real);
    return OK;
}

static inline uint8_t round_to_byte(int32_t sum)
{
    sum >>= COEFFICIENT_BITS; /* the half was added at the start */
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Columns [left, right) of `rows` rows from `y` on, turned to [column][row, channel]. */
static void gather(const struct image *image, int y, int rows, int left, int right, uint8_t *block)
{
    for (int r = 0; r < rows; r++) {
        const uint8_t *from = image->rgb + ((size_t)(y + r) * (size_t)image->width + left) * 3;
        uint8_t *to = block + r * 3;
        for (int x = left; x < right; x++, from += 3, to += LANES)
            memcpy(to, from, 3);
    }
}

/* Rows [top, bottom) of the image, resized along x: out [bottom - top, axis->count, 3]. */
static enum status pass_x(const struct image *image, const struct axis *axis, int top, int bottom,
                          uint8_t *out, struct error *err)
{
    int last = axis->count - 1;
    int left = axis->first[0], right = axis->first[last] + axis->used[last];
    uint8_t *block = calloc((size_t)(right - left), LANES);
    if (block == NULL)
        return fail(err, E_NOMEM, "no memory for resizing");
    for (int y = top; y < bottom; y += ROWS) {
        int rows = bottom - y < ROWS ? bottom - y : ROWS;
        gather(image, y, rows, left, right, block);
        for (int i = 0; i < axis->count; i++) {
            const uint8_t *from = block + (size_t)(axis->first[i] - left) * LANES;
            const int32_t *w = axis->weights + (size_t)i * (size_t)axis->taps;
            int32_t sum[LANES];
            for (int j = 0; j < LANES; j++)
                sum[j] = 1 << (COEFFICIENT_BITS - 1);
            for (int k = 0; k < axis->used[i]; k++, from += LANES)
                for (int j = 0; j < LANES; j++)
                    sum[j] += from[j] * w[k];
            for (int r = 0; r < rows; r++) {
                uint8_t *to = out + ((size_t)(y - top + r) * (size_t)axis->count + i) * 3;
                for (int c = 0; c < 3; c++)
                    to[c] = round_to_byte(sum[r * 3 + c]);
            }
        }
    }
    free(block);
    return OK;
}

/* in [rows from `top` on, bytes] to out [axis->count, bytes]. */
static enum status pass_y(const uint8_t *in, int top, const struct axis *axis, size_t bytes,
                          uint8_t *out, struct error *err)
{
    int32_t *sum = malloc(bytes * sizeof *sum);
    if (sum == NULL)
        return fail(err, E_NOMEM, "no memory for resizing");
    for (int i = 0; i < axis->count; i++) {
        const uint8_t *from = in + (size_t)(axis->first[i] - top) * bytes;
        const int32_t *w = axis->weights + (size_t)i * (size_t)axis->taps;
        for (size_t j = 0; j < bytes; j++)
            sum[j] = 1 << (COEFFICIENT_BITS - 1);
        for (int k = 0; k < axis->used[i]; k++, from += bytes)
            for (size_t j = 0; j < bytes; j++)
                sum[j] += from[j] * w[k];
        for (size_t j = 0; j < bytes; j++)
            out[(size_t)i * bytes + j] = round_to_byte(sum[j]);
    }
    free(sum);
    return OK;
}

/* Both passes in order; `x` or `y` with count 0: that axis keeps its size, and the window is cut
 * out. A pass that would change nothing is left out, as in Pillow. */
static enum status convolve(const struct image *image, const struct axis *x, const struct axis *y,
                            const struct window *w, uint8_t *out, struct error *err)
{
    int last = y->count - 1;
    int top = y->count > 0 ? y->first[0] : w->y;
    int bottom = y->count > 0 ? y->first[last] + y->used[last] : w->y + w->height;
    size_t line = (size_t)w->width * 3, rows = (size_t)(bottom - top), bytes;
    uint8_t *between = out;
    enum status status = OK;

    if (y->count > 0) {
        between = size_mul(line, rows, &bytes) ? malloc(bytes) : NULL;
        if (between == NULL)
            return fail(err, E_NOMEM, "no memory for resizing: %zu x %d pixels", rows, w->width);
    }
    if (x->count > 0) {
        status = pass_x(image, x, top, bottom, between, err);
    } else {
        for (size_t r = 0; r < rows; r++)
            memcpy(between + r * line,
                   image->rgb + (((size_t)top + r) * (size_t)image->width + w->x) * 3, line);
    }
    if (y->count > 0) {
        if (status == OK)
            status = pass_y(between, top, y, line, out, err);
        free(between);
    }
    return status;
}

static void resize_nearest(const struct image *image, int width, int height, const struct window *w,
                           uint8_t *out)
{
    struct nearest ys = nearest_start(image->height, height);
    for (int y = 0; y < w->y + w->height; y++) {
        const uint8_t *row = image->rgb + (size_t)nearest_next(&ys) * (size_t)image->width * 3;
        struct nearest xs = nearest_start(image->width, width);
        for (int x = 0; y >= w->y && x < w->x + w->width; x++) {
            int at = nearest_next(&xs);
            if (x < w->x)
                continue;
            memcpy(out, row + (size_t)at * 3, 3);
            out += 3;
        }
    }
}

enum status image_resize_window(const struct image *image, int width, int height,
                                enum filter filter, const struct window *w, uint8_t *out,
                                struct error *err)
{
    struct axis x = { 0 }, y = { 0 };
    enum status status = OK;

    if (width < 1 || height < 1 || w->x < 0 || w->y < 0 || w->width < 1 || w->height < 1 ||
        w->x > width - w->width || w->y > height - w->height)
        return fail(err, E_CONFIG, "cannot resize to %d x %d pixels, window %d x %d at %d, %d",
                    width, height, w->width, w->height, w->x, w->y);
    if (filter == FILTER_NEAREST) {
        resize_nearest(image, width, height, w, out);
        return OK;
    }
    if (width != image->width)
        status = axis_plan(&x, image->width, width, w->x, w->width, filter, err);
    if (status == OK && height != image->height)
        status = axis_plan(&y, image->height, height, w->y, w->height, filter, err);
    if (status == OK)
        status = convolve(image, &x, &y, w, out, err);
    axis_free(&x);
    axis_free(&y);
    return status;
}
