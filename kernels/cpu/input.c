/* Images to tokens, compiled for float and for double (CPU_DOUBLE). An 8-bit value has 256 possible
 * results a channel, so normalising is a lookup. */
#include <string.h>

#include "cpu.h"

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
    const scalar *cls = (const scalar *)(const void *)a->cls;
    int items = a->n * a->len;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        int t = item % a->len, image = item / a->len;
        size_t patch = (size_t)(image * (a->len - 1) + t - (t > a->cls_at));
        const scalar *token = t == a->cls_at ? cls : patches + patch * width;
        const scalar *pos = (const scalar *)(const void *)a->pos + (size_t)t * width;
        scalar *out = (scalar *)(void *)a->out + (size_t)item * width;
        for (size_t k = 0; k < width; k++)
            out[k] = token[k] + pos[k];
    }
}

void FILL(struct ops *op)
{
    op->patchify = patchify;
    op->embed = embed;
}
