/* The picture of evalh explain: an image beside heat maps, a row for each model. */
#pragma once

#include "class_list.h"
#include "inference.h"

enum { EXPLAIN_MODELS = 2, EXPLAIN_METHODS = 16 };

struct explained_model { /* a model */
    struct inference inference;
    float *maps; /* of the last picture, ordered as engine_map_at says */
    float *heat; /* [methods, S, S] */
    int class;   /* that was explained */
};

struct explain_figure {
    struct explained_model models[EXPLAIN_MODELS];
    int model_count;
    const char *methods[EXPLAIN_METHODS]; /* names of methods that all models have */
    int method_count;
    struct class_list names;
    int choice; /* of --class (explain_classes.h) */
    const char *protocol, *preprocess;
    bool vector;
};

/* "/x/photo.jpg" -> "photo" */
void explain_figure_stem(const char *path, char *out, size_t size);

/* Draws the picture that the models classified last as STEM.png (and .pdf, .svg). `image` is its
 * path, for the heading. */
enum status explain_figure_draw(const struct explain_figure *, const char *image, const char *stem,
                                struct error *err);
