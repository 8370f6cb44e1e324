/* Images to tokens: normalised, masked patches, CLS and positions. */
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

static void patchify(struct backend *be, const struct patchify_args *a)
{
    (void)be;
    size_t cols = 3 * (size_t)a->patch * (size_t)a->patch;
    num *row = wr(a->out);
    for (int i = 0; i < a->n; i++)
        for (int gy = 0; gy < a->grid; gy++)
            for (int gx = 0; gx < a->grid; gx++, row += cols)
                patch_row(a, &a->views[i], gy, gx, row);
}

static void embed(struct backend *be, const struct embed_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *patch = rd(a->patches), *cls = rd(a->cls);
    num *out = wr(a->out);
    for (int i = 0; i < a->n; i++)
        for (int t = 0; t < a->len; t++, out += width) {
            const num *pos = rd(a->pos) + (size_t)t * width;
            const num *token = t == a->cls_at ? cls : patch;
            for (size_t k = 0; k < width; k++)
                out[k] = (num)((double)token[k] + pos[k]);
            if (t != a->cls_at)
                patch += width;
        }
}

void REF(fill_input)(struct ops *op)
{
    op->patchify = patchify;
    op->embed = embed;
}
