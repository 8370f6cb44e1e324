/* The picture of evalh explain: an image beside heat maps, a row for each model. */
#pragma once

#include "class_list.h"
#include "inference.h"

enum { EXPLAIN_MODELS = 2, EXPLAIN_METHODS = 16 };

struct explained_model { /* a model */
    struct inference inference;
    struct explainer *explainer;
    float *maps; /* [methods, g, g] of the last picture; room for CLASS_CHOICES times as many */
    float *heat; /* [methods, S, S] */
    int class;   /* that was explained */
};

struct explain_figure {
    struct explained_model models[EXPLAIN_MODELS];
    int model_count;
    const struct explain_method *methods[EXPLAIN_METHODS];
    int method_count;
    struct class_list names;
    const char *protocol, *preprocess;
    bool vector;
};

/* The largest logit's class, the lowest of equal ones; and the softmax of a class. */
int explain_figure_top(const struct inference *);
double explain_figure_probability(const struct inference *, int class);

/* "/x/photo.jpg" -> "photo" */
void explain_figure_stem(const char *path, char *out, size_t size);

/* The last picture that the models looked at, drawn as STEM.png (and .pdf, .svg). `image` is its
 * path, for the heading. */
enum status explain_figure_draw(const struct explain_figure *, const char *image, const char *stem,
                                struct error *err);
