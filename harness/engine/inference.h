/* A model that classifies single images, for the commands that take a checkpoint and images. */
#pragma once

#include "engine.h"
#include "image.h"

struct inference {
    struct engine *engine; /* started, of one image at a time */
    enum preprocess preprocess;
    struct image picture; /* the last one, as the model sees it: [S, S, 3] */
    uint8_t *rgb;         /* the same in engine memory */
    float *logits;        /* [classes], of the last picture */
};

enum status inference_open(struct inference *, const struct engine_options *, enum preprocess,
                           struct error *err);
void inference_close(struct inference *);

/* Preprocesses and classifies: picture, rgb, logits. */
enum status inference_run(struct inference *, const struct image *, struct error *err);

/* maps [side, side], of `count` methods one behind the other as engine_map_at has those of one
 * image,
 * -> heat [count, S, S] on the host, in [0,1]. */
enum status inference_heat(struct inference *, const float *maps, enum class_choice, float *heat,
                           struct error *err);

/* The class of the largest logit, the lowest of equal ones; and the softmax of a class, in double.
 */
int inference_top(const struct inference *);
double inference_probability(const struct inference *, int class);
