/* Images to tokens: normalised, masked patches, CLS and positions. */
#include "draw.h"
#include "ref_num.h"

/* The masked value of one pixel in [0, 1]: a float, as torchvision's ToTensor makes it. (What is
 * rounded here matters: the ViT's LRP turns 1e-8 of the input into 20 % of a map, SPEC 6.) */
static float pixel_value(const struct patchify_args *a, const struct view *v, size_t pixel, int c)
{
    if (v->rank == NULL || v->rank[pixel] >= v->removed)
        return v->rgb[pixel * 3 + (size_t)c] / 255.0f;
    if (v->fill != NULL)
        return v->fill[pixel * 3 + (size_t)c] / 255.0f;
    return a->fill_rgb[c];
}

static void patch_row(const struct patchify_args *a, const struct view *v, int gy, int gx, num *row)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < a->patch; y++)
            for (int x = 0; x < a->patch; x++) {
                size_t pixel =
                    (size_t)(gy * a->stride + y) * (size_t)a->side + (size_t)(gx * a->stride + x);
                *row++ = (num)(((double)pixel_value(a, v, pixel, c) - a->mean[c]) / a->std[c]);
            }
}

void REF(patchify)(struct backend *be, const struct patchify_args *a)
{
    (void)be;
    size_t cols = 3 * (size_t)a->patch * (size_t)a->patch;
    num *row = wr(a->out);
    for (int i = 0; i < a->n; i++)
        for (int gy = 0; gy < a->grid; gy++)
            for (int gx = 0; gx < a->grid; gx++, row += cols)
                patch_row(a, &a->views[i], gy, gx, row);
}

void REF(embed)(struct backend *be, const struct embed_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *patch = rd(a->patches);
    num *out = wr(a->out);
    for (int i = 0; i < a->n; i++)
        for (int t = 0, other = 0; t < a->len; t++, out += width) {
            const num *pos = rd(a->pos) + (size_t)t * width;
            bool is_other = other < a->others && a->other_at[other] == t;
            const num *token = is_other ? rd(a->other) + (size_t)other * width : patch;
            for (size_t k = 0; k < width; k++)
                out[k] = (num)((double)token[k] + pos[k]);
            other += is_other;
            patch += is_other ? 0 : width;
        }
}

/* The sum over the patches that hold pixel (y, x), of their value of channel c. */
static double folded(const struct fold_args *a, const num *patches, int y, int x, int c)
{
    double sum = 0;
    for (int gy = 0; gy < a->grid; gy++)
        for (int gx = 0; gx < a->grid; gx++) {
            int dy = y - gy * a->stride, dx = x - gx * a->stride;
            if (dy >= 0 && dy < a->patch && dx >= 0 && dx < a->patch)
                sum += patches[((gy * a->grid + gx) * 3 + c) * a->patch * a->patch + dy * a->patch +
                               dx];
        }
    return sum;
}

void REF(fold)(struct backend *be, const struct fold_args *a)
{
    (void)be;
    size_t image = (size_t)a->grid * (size_t)a->grid * 3 * (size_t)a->patch * (size_t)a->patch;
    num *out = wr(a->out);
    for (int i = 0; i < a->n; i++)
        for (int y = 0; y < a->side; y++)
            for (int x = 0; x < a->side; x++)
                for (int c = 0; c < 3; c++)
                    *out++ = (num)folded(a, rd(a->patches) + (size_t)i * image, y, x, c);
}

static void noise_patch(const struct noise_args *a, int image, int gy, int gx, num *row)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < a->patch; y++)
            for (int x = 0; x < a->patch; x++, row++) {
                int line = c * a->side + gy * a->stride + y;
                size_t value = (size_t)line * (size_t)a->side + (size_t)(gx * a->stride + x);
                *row = (num)(*row + a->sigma[image] * draw_normal(a->stream[image], value));
            }
}

void REF(noise)(struct backend *be, const struct noise_args *a)
{
    (void)be;
    size_t cols = 3 * (size_t)a->patch * (size_t)a->patch;
    num *row = wr(a->patches);
    for (int i = 0; i < a->n; i++)
        for (int gy = 0; gy < a->grid; gy++)
            for (int gx = 0; gx < a->grid; gx++, row += cols)
                noise_patch(a, i, gy, gx, row);
}

void REF(mix)(struct backend *be, const struct mix_args *a)
{
    (void)be;
    for (size_t i = 0; i < (size_t)a->n; i++)
        for (size_t k = i * a->count; k < (i + 1) * a->count; k++) {
            double v = a->wx[i] * rd(a->x)[k] + (a->y != NULL ? a->wy[i] * rd(a->y)[k] : 0);
            wr(a->out)[k] = (num)(a->accumulate ? rd(a->out)[k] + v : v);
        }
}
