/* The demo benchmark: pictures made from a seed, with exact ground truth.
 *
 * Ten classes: five shapes (disc, triangle, square, star, cross) times two textures (stripes,
 * dots), so that neither alone tells the class: class = 2 shape + texture. The object stands
 * upright but for a lean of up to 15 degrees; its texture runs in any direction. Around it:
 * a textured background, distractors that have a class's shape or a texture but never both,
 * often something in front, uneven light, noise.
 *
 * All arithmetic is in integers: the same bytes from every compiler, flag and machine. */
#pragma once

#include <stdint.h>

/* Raised with every change of the pictures. */
#define DEMO_VERSION 2

#define DEMO_CLASSES 10
#define DEMO_MIN_SIDE 32
#define DEMO_MAX_SIDE 512
#define DEMO_DEFAULT_SIDE 96

/* Training pictures come from another stream, so that none of them is ever a test picture,
 * whatever the seeds. */
enum demo_set { DEMO_HELD_OUT, DEMO_TRAIN };

/* PLAIN: the object tells the class. SHORTCUT: a patch in one of the corners, of the class's
 * colour, tells it; the object is drawn without regard to it, so all evidence lies in the patch. */
enum demo_split { DEMO_PLAIN, DEMO_SHORTCUT };
extern const char *const demo_split_names[]; /* "plain", "shortcut", NULL */

struct demo_spec {
    uint64_t seed;
    enum demo_set set;
    enum demo_split split;
    int side; /* pixels, DEMO_MIN_SIDE to DEMO_MAX_SIDE */
};

extern const char *const demo_class_names[DEMO_CLASSES];

/* Picture `index`. rgb [side, side, 3]; object [side, side]: 1 where it is seen; patch [side,
 * side]: 1 where the shortcut is, all 0 in the plain split. Returns the class, index %
 * DEMO_CLASSES. */
int demo_render(const struct demo_spec *spec, uint64_t index, uint8_t *rgb, int8_t *object,
                int8_t *patch);
