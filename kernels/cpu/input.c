/* Images to tokens, compiled for float and for double (CPU_DOUBLE). An 8-bit value has 256 possible
 * results a channel, so normalising is a lookup. */
#include <string.h>

#include "cpu.h"
#include "draw.h"

#ifdef CPU_DOUBLE
typedef double scalar;
#define FILL cpu_input64_ops
#else
typedef float scalar;
#define FILL cpu_input_ops
#endif

struct lookup {
    scalar of[3][256], fill[3];
};

static scalar normalise(const struct patchify_args *a, float x, int c)
{
    return (scalar)(((double)x - a->mean[c]) / a->std[c]);
}

static void make_lookup(struct lookup *l, const struct patchify_args *a)
{
    for (int c = 0; c < 3; c++) {
        for (int v = 0; v < 256; v++)
            l->of[c][v] = normalise(a, (float)v / 255.0F, c);
        l->fill[c] = normalise(a, a->fill_rgb[c], c);
    }
}

/* One line of a patch: `count` pixels from `pixel` on, to three planes of patch² each. */
static void line(const struct view *v, const struct lookup *l, size_t pixel, int count,
                 size_t plane, scalar *out)
{
    const uint8_t *rgb = v->rgb + 3 * pixel, *fill = v->fill ? v->fill + 3 * pixel : NULL;
    for (int x = 0; x < count; x++, rgb += 3) {
        const uint8_t *from = rgb;
        if (v->rank && v->rank[pixel + (size_t)x] < v->removed) {
            if (!fill) {
                for (size_t c = 0; c < 3; c++)
                    out[c * plane + (size_t)x] = l->fill[c];
                continue;
            }
            from = fill + 3 * x;
        }
        for (size_t c = 0; c < 3; c++)
            out[c * plane + (size_t)x] = l->of[c][from[c]];
    }
}

static void patchify(struct backend *be, const struct patchify_args *a)
{
    struct lookup l;
    make_lookup(&l, a);
    size_t plane = (size_t)a->patch * (size_t)a->patch;
    int items = a->n * a->grid;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) { /* a row of patches */
        int image = item / a->grid, gy = item % a->grid;
        scalar *out = (scalar *)(void *)a->out + (size_t)item * (size_t)a->grid * 3 * plane;
        for (int gx = 0; gx < a->grid; gx++, out += 3 * plane)
            for (int y = 0; y < a->patch; y++) {
                size_t pixel =
                    (size_t)(gy * a->stride + y) * (size_t)a->side + (size_t)(gx * a->stride);
                line(&a->views[image], &l, pixel, a->patch, plane, out + y * a->patch);
            }
    }
}

static void embed(struct backend *be, const struct embed_args *a)
{
    size_t width = (size_t)a->width;
    const scalar *patches = (const scalar *)(const void *)a->patches;
    const scalar *others = (const scalar *)(const void *)a->other;
    int items = a->n * a->len;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        int t = item % a->len, image = item / a->len;
        int before = 0;
        while (before < a->others && a->other_at[before] < t)
            before++;
        bool is_other = before < a->others && a->other_at[before] == t;
        size_t patch = (size_t)(image * (a->len - a->others) + t - before);
        const scalar *token = is_other ? others + (size_t)before * width : patches + patch * width;
        const scalar *pos = (const scalar *)(const void *)a->pos + (size_t)t * width;
        scalar *out = (scalar *)(void *)a->out + (size_t)item * width;
        for (size_t k = 0; k < width; k++)
            out[k] = token[k] + pos[k];
    }
}

/* The first patch along an axis that holds pixel `at`, and one past the last. */
static void patches_with(const struct fold_args *a, int at, int *first, int *end)
{
    int past = at - a->patch + 1; /* a patch that begins before it has ended by then */
    *first = past <= 0 ? 0 : (past + a->stride - 1) / a->stride;
    *end = at / a->stride + 1 < a->grid ? at / a->stride + 1 : a->grid;
}

/* Pixels that no patch holds are 0: the last ones, where the grid does not fill the image. */
static void fold(struct backend *be, const struct fold_args *a)
{
    size_t plane = (size_t)a->patch * (size_t)a->patch;
    int lines = a->n * a->side;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int line = 0; line < lines; line++) {
        int image = line / a->side, y = line % a->side, top, bottom, left, right;
        const scalar *from = (const scalar *)(const void *)a->patches +
                             (size_t)image * (size_t)(a->grid * a->grid) * 3 * plane;
        scalar *out = (scalar *)(void *)a->out + (size_t)line * (size_t)a->side * 3;
        patches_with(a, y, &top, &bottom);
        for (int x = 0; x < a->side; x++, out += 3) {
            out[0] = out[1] = out[2] = 0;
            patches_with(a, x, &left, &right);
            for (int gy = top; gy < bottom; gy++)
                for (int gx = left; gx < right; gx++) {
                    const scalar *p = from + (size_t)(gy * a->grid + gx) * 3 * plane +
                                      (y - gy * a->stride) * a->patch + x - gx * a->stride;
                    for (size_t c = 0; c < 3; c++)
                        out[c] += p[c * plane];
                }
        }
    }
}

static void noise(struct backend *be, const struct noise_args *a)
{
    size_t line = (size_t)a->patch, rows = 3 * line;
    int patches = a->n * a->grid * a->grid;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int patch = 0; patch < patches; patch++) {
        int image = patch / (a->grid * a->grid), at = patch % (a->grid * a->grid);
        int top = at / a->grid * a->stride, left = at % a->grid * a->stride;
        scalar *out = (scalar *)(void *)a->patches + (size_t)patch * rows * line;
        for (int row = 0; row < (int)rows; row++) {
            int y = row / a->patch * a->side + top + row % a->patch;
            uint64_t value = (uint64_t)y * (uint64_t)a->side + (uint64_t)left;
            for (size_t x = 0; x < line; x++, out++)
                *out = (scalar)(*out + a->sigma[image] * draw_normal(a->stream[image], value + x));
        }
    }
}

static void mix(struct backend *be, const struct mix_args *a)
{
    enum { CHUNK = 8192 };
    size_t chunks = (a->count + CHUNK - 1) / CHUNK;
#pragma omp parallel for collapse(2) num_threads(cpu_team(be)) schedule(static)
    for (int i = 0; i < a->n; i++)
        for (size_t chunk = 0; chunk < chunks; chunk++) {
            size_t first = chunk * CHUNK, at = (size_t)i * a->count + first;
            size_t count = a->count - first < CHUNK ? a->count - first : CHUNK;
            const scalar *x = (const scalar *)(const void *)a->x + at;
            const scalar *y = a->y ? (const scalar *)(const void *)a->y + at : NULL;
            scalar *out = (scalar *)(void *)a->out + at;
            scalar wx = (scalar)a->wx[i], wy = y ? (scalar)a->wy[i] : 0;
            for (size_t k = 0; k < count; k++) {
                scalar v = wx * x[k] + (y ? wy * y[k] : 0);
                out[k] = a->accumulate ? out[k] + v : v;
            }
        }
}

void FILL(struct ops *op)
{
    op->patchify = patchify;
    op->embed = embed;
    op->fold = fold;
    op->noise = noise;
    op->mix = mix;
}
