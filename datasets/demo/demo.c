/* One demo picture, from the back to the front (demo.h). */
#include "demo.h"

#include <stddef.h>
#include <string.h>

#include "demo_background.h"
#include "demo_shapes.h"

const char *const demo_split_names[] = { "plain", "shortcut", NULL };

const char *const demo_class_names[DEMO_CLASSES] = {
    "striped disc",  "dotted disc",  "striped triangle", "dotted triangle", "striped square",
    "dotted square", "striped star", "dotted star",      "striped cross",   "dotted cross",
};
_Static_assert(DEMO_CLASSES == CLASS_SHAPES * CLASS_TEXTURES, "class = 2 shape + texture");

/* The colours that stand for the classes in the shortcut split. */
static const struct colour patch_colours[DEMO_CLASSES] = {
    { { 222, 38, 38 } },  { { 242, 140, 28 } }, { { 236, 222, 48 } }, { { 56, 170, 56 } },
    { { 56, 206, 206 } }, { { 44, 84, 222 } },  { { 140, 56, 190 } }, { { 244, 134, 196 } },
    { { 120, 72, 36 } },  { { 26, 26, 26 } },
};

struct picture {
    int side;
    uint8_t *rgb;   /* [side, side, 3] */
    int8_t *object; /* [side, side] */
    int8_t *patch;  /* [side, side] */
    struct demo_rng rng;
    uint8_t coverage[DEMO_MAX_SIDE * DEMO_MAX_SIDE];
};

/* A length in 1/256 pixels, between two percentages of the side. */
static int length_draw(struct picture *p, int low, int high)
{
    return rng_between(&p->rng, p->side * PIXEL * low / 100, p->side * PIXEL * high / 100);
}

/* A centre from which a thing of this radius is about within the picture. */
static int centre_draw(struct picture *p, int radius)
{
    int margin = radius * 9 / 10;
    return rng_between(&p->rng, margin, p->side * PIXEL - margin);
}

/* A class's shape without a texture, or a texture on a shape of no class, or neither. */
static void paint_distractor(struct picture *p)
{
    int kind = rng_between(&p->rng, 0, 2), radius = length_draw(p, 6, 11);
    enum shape shape = (enum shape)(kind == 0 ? rng_between(&p->rng, 0, CLASS_SHAPES - 1)
                                              : rng_between(&p->rng, CLASS_SHAPES, SHAPES - 1));
    enum texture texture =
        (enum texture)(kind == 1 ? rng_between(&p->rng, 0, CLASS_TEXTURES - 1)
                                 : rng_between(&p->rng, CLASS_TEXTURES, TEXTURES - 1));
    int x = centre_draw(p, radius), y = centre_draw(p, radius);
    struct textured_shape t =
        textured_shape_draw(&p->rng, shape, texture, x, y, radius, length_draw(p, 5, 8));
    textured_shape_paint(&t, p->side, p->rgb, NULL);
}

/* Draws the object's shadow to one side. */
static void paint_shadow(struct picture *p, const struct textured_shape *object)
{
    struct textured_shape shadow = *object;
    int strength = rng_between(&p->rng, 0, 110); /* of 256 */
    shadow.x += length_draw(p, -6, 6);
    shadow.y += length_draw(p, 0, 6);
    textured_shape_paint(&shadow, p->side, NULL, p->coverage);
    for (int i = 0; i < p->side * p->side; i++)
        for (int c = 0; c < 3; c++) {
            int under = p->rgb[3 * i + c];
            p->rgb[3 * i + c] =
                (uint8_t)(under - under * strength * p->coverage[i] / (256 * COVERAGE_POINTS));
        }
}

static void paint_object(struct picture *p, int class_index)
{
    int radius = length_draw(p, 23, 32), x = centre_draw(p, radius), y = centre_draw(p, radius);
    struct textured_shape t = textured_shape_draw(
        &p->rng, (enum shape)(class_index / CLASS_TEXTURES),
        (enum texture)(class_index % CLASS_TEXTURES), x, y, radius, length_draw(p, 8, 13));
    paint_shadow(p, &t);
    textured_shape_paint(&t, p->side, p->rgb, p->coverage);
    for (int i = 0; i < p->side * p->side; i++)
        p->object[i] = 2 * p->coverage[i] >= COVERAGE_POINTS;
}

/* Draws an object without a class in front, in half of the pictures. It never covers more than a
 * quarter of the visible object. */
static void paint_occluder(struct picture *p)
{
    if (rng_between(&p->rng, 0, 1) == 0)
        return;
    for (int attempt = 0; attempt < 8; attempt++) {
        int radius = length_draw(p, 10, 20), x = centre_draw(p, radius), y = centre_draw(p, radius);
        enum shape shape = (enum shape)rng_between(&p->rng, CLASS_SHAPES, SHAPES - 1);
        enum texture texture = (enum texture)rng_between(&p->rng, CLASS_TEXTURES, TEXTURES - 1);
        struct textured_shape t =
            textured_shape_draw(&p->rng, shape, texture, x, y, radius, length_draw(p, 8, 13));
        int seen = 0, hidden = 0;
        textured_shape_paint(&t, p->side, NULL, p->coverage);
        for (int i = 0; i < p->side * p->side; i++) {
            seen += p->object[i];
            hidden += p->object[i] && 2 * p->coverage[i] >= COVERAGE_POINTS;
        }
        if (hidden == 0 || hidden * 4 > seen)
            continue;
        textured_shape_paint(&t, p->side, p->rgb, NULL);
        for (int i = 0; i < p->side * p->side; i++)
            p->object[i] = p->object[i] && 2 * p->coverage[i] < COVERAGE_POINTS;
        return;
    }
}

/* A framed square of the class's colour in one of the corners, a sixth of the side wide. */
static void paint_patch(struct picture *p, int class_index)
{
    int size = p->side / 6, frame = p->side / 96 + 1, corner = rng_between(&p->rng, 0, 3);
    int left = corner % 2 != 0 ? p->side - size : 0, top = corner / 2 != 0 ? p->side - size : 0;
    struct colour colour = patch_colours[class_index];
    for (int c = 0; c < 3; c++)
        colour.rgb[c] = clamp(colour.rgb[c] + rng_between(&p->rng, -10, 10), 0, 255);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int at = (top + y) * p->side + left + x;
            int edge = x < frame || y < frame || x >= size - frame || y >= size - frame;
            for (int c = 0; c < 3; c++)
                p->rgb[3 * at + c] = (uint8_t)(edge ? 245 : colour.rgb[c]);
            p->patch[at] = 1;
            p->object[at] = 0;
        }
}

int demo_render(const struct demo_spec *spec, uint64_t index, uint8_t *rgb, int8_t *object,
                int8_t *patch)
{
    int label = (int)(index % DEMO_CLASSES), shown = label;
    struct picture p = { .side = spec->side, .rgb = rgb, .object = object, .patch = patch };
    uint64_t stream = mix(mix(spec->seed) + (uint64_t)spec->set * 2 + (uint64_t)spec->split);
    p.rng.state = mix(stream + mix(index));
    memset(patch, 0, (size_t)p.side * (size_t)p.side);

    if (spec->split == DEMO_SHORTCUT)
        shown = rng_between(&p.rng, 0, DEMO_CLASSES - 1);
    background_paint(&p.rng, p.side, rgb);
    for (int n = rng_between(&p.rng, 2, 4); n > 0; n--)
        paint_distractor(&p);
    paint_object(&p, shown);
    paint_occluder(&p);
    background_light(&p.rng, p.side, rgb);
    if (spec->split == DEMO_SHORTCUT)
        paint_patch(&p, label);
    background_noise(&p.rng, p.side, rgb);
    return label;
}
