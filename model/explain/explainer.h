/* What an explainer is made of; for its own files. */
#pragma once

#include "input.h"

/* ---- passes: methods that share a model and a precision ---- */

struct where { /* a job's place in the result */
    int method;
    enum class_choice choice;
};

struct pass {
    const struct model *model;
    struct model *own_model; /* randomised; else NULL */
    struct backend *be;
    void *weights;
    void *single_weights;        /* mixed: on be->single; else NULL */
    bool borrowed;               /* be and weights are the lender's */
    struct input_weights *input; /* NULL: no method needs it */
    struct sweep **sweeps;       /* [lanes] */
    size_t weight_bytes;         /* that it holds and the lender did not */
    int lane_batch;
    struct job *jobs;
    struct where *wheres;
    int job_count;
    struct view *views;   /* [batch] */
    uint64_t *hash;       /* [batch] of the images */
    uint8_t **references; /* [reference_count] on the device, or NULL */
    int reference_count;
};

/* Of the model and of the one whose layers are re-initialised: fp32, mixed, double. */
enum {
    PASS_PLAIN,
    PASS_MIXED,
    PASS_DOUBLE,
    PASS_RANDOM,
    PASS_RANDOM_MIXED,
    PASS_RANDOM_DOUBLE,
    PASSES
};

static inline bool pass_mixed(int index)
{
    return index == PASS_MIXED || index == PASS_RANDOM_MIXED;
}

struct explainer {
    const struct model *model;
    struct net *lender; /* or NULL */
    const struct explain_method **methods;
    int method_count, batch;
    int at_once;              /* images that a sweep takes, where a lane takes as many as it can */
    enum sweep_layers layers; /* of all sweeps */
    int references;           /* that methods begin at, where they do */
    int fresh_layers;         /* of the passes' own models */
    int *side;                /* [methods] values a side of a map */
    size_t *map_start;        /* [methods + 1] where a method's maps begin among an image's */
    float *dropped;           /* [batch, methods, CLASS_CHOICES] of the last run */
    bool classes[CLASS_CHOICES];
    struct input_format format;
    uint64_t seed;
    struct pass passes[PASSES];
};

static inline size_t explainer_map_size(const struct explainer *ex, int method)
{
    return (size_t)ex->side[method] * (size_t)ex->side[method];
}

struct sweep_on pass_on(const struct pass *);
/* The weights that a pass binds, each on its backend: where mixed, for the way down besides.
 * Returns their number; [2]. */
struct pass_weights {
    struct backend *be;
    void **weights;
    unsigned uses;
};
int pass_weights(struct pass *, struct pass_weights *);
bool pass_needs_references(const struct pass *);
/* at_once and layers, once all passes' weights are there. */
enum status explainer_choose_images(struct explainer *, struct explain_room *, struct error *);
bool explainer_wants_references(const struct explainer *);
void explainer_drop_references(struct pass *);
