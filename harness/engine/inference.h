/* A model that classifies single images, for commands that take a checkpoint and images. */
#pragma once

#include "engine.h"
#include "image.h"

struct inference {
    struct engine *engine; /* started, for one image at a time */
    enum preprocess preprocess;
    struct image picture; /* the last image as the model sees it: [S, S, 3] */
    uint8_t *rgb;         /* the same in engine memory */
    float *logits;        /* [classes], of the last picture */
};

enum status inference_open(struct inference *, const struct engine_options *, enum preprocess,
                           struct error *err);
void inference_close(struct inference *);

/* Memory for one image and its logits, with an engine that belongs to somebody else; it is freed
 * after a failure, too. */
enum status inference_take_memory(struct inference *, struct error *);
void inference_free_memory(struct inference *);

/* Preprocesses and classifies an image; sets picture, rgb and logits. */
enum status inference_run(struct inference *, const struct image *, struct error *err);

/* Turns the maps [side, side] of `count` methods, laid out as engine_map_at says for one image,
 * into heat [count, S, S] on the host, in [0,1]. */
enum status inference_heat(struct inference *, const float *maps, enum class_choice, float *heat,
                           struct error *err);

/* The class with the largest logit (the lowest of equal ones), and the softmax of a class in
 * double. */
int inference_top(const struct inference *);
double inference_probability(const struct inference *, int class);
