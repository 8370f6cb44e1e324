/* The picture of evalh explain: an image beside heat maps, a row for each model. */
#pragma once

#include "class_names.h"
#include "scene.h"

enum { PANEL_SIDES = 2, PANEL_METHODS = 16 };

struct panel_side { /* a model */
    struct scene scene;
    struct explainer *explainer;
    float *maps; /* [methods, g, g] of the last picture; room for CLASS_CHOICES times as many */
    float *heat; /* [methods, S, S] */
    int class;   /* that was explained */
};

struct panel {
    struct panel_side sides[PANEL_SIDES];
    int side_count;
    const struct explain_method *methods[PANEL_METHODS];
    int method_count;
    struct class_names names;
    const char *protocol, *preprocess;
    bool vector;
};

/* The largest logit's class, the lowest of equal ones; and the softmax of a class. */
int panel_top(const struct scene *);
double panel_probability(const struct scene *, int class);

/* "/x/photo.jpg" -> "photo" */
void panel_stem(const char *path, char *out, size_t size);

/* The last picture that the sides looked at, drawn as STEM.png (and .pdf, .svg). `image` is its
 * path, for the heading. */
enum status panel_draw(const struct panel *, const char *image, const char *stem,
                       struct error *err);
