/* A model ready to look at pictures, for the commands that take a checkpoint and images. */
#pragma once

#include "explain.h"
#include "image.h"

struct inference_options {
    const char *checkpoint;
    int image_size, heads; /* 0: from the checkpoint; as in model_options */
    bool heads_if_any;     /* as in model_options */
    const char *device;    /* "auto", "cpu", "cuda", "ref" */
    int threads;           /* 0: all */
    enum preprocess preprocess;
};

struct inference {
    struct model *model;
    const char *device; /* name of the engine that opened */
    struct backend_options backend_options;
    struct backend *backend;
    struct net *net; /* of one image */
    enum preprocess preprocess;
    struct image picture; /* the last one, as the model sees it: [S, S, 3] */
    uint8_t *rgb_device;
    float *logits; /* [classes], of the last picture */
};

enum status inference_open(struct inference *, const struct inference_options *, struct error *err);
void inference_close(struct inference *);

/* Preprocesses and classifies: s->picture, s->logits. */
enum status inference_run(struct inference *, const struct image *, struct error *err);
/* map [grid, grid] -> heat [S, S] in [0,1] (SPEC 6). */
enum status inference_heat(struct inference *, const float *map, int grid, float *heat,
                           struct error *err);

/* "deit_tiny", or "vim (6 layers, width 48)" where the geometry was not published. */
void inference_title(const struct inference *, char *out, size_t size);
