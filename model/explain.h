/* Explanations: heat per patch, g×g, for a model, an image and a class (SPEC 5).
 *
 * Methods are a const table with one file for each method. The harness knows no method by name. */
#pragma once

#include "explain_options.h"
#include "model.h"

struct explain_method {
    const char *name;    /* "attribution" */
    const char *summary; /* one line for --help and docs */
    bool class_agnostic; /* the map does not depend on the class */
    bool needs_double;   /* with precision auto, or mixed where that is there */
    bool adds_up;        /* its terms should add up to the score: explain_result.sum_error */
    bool control;        /* not an explanation; explanations are compared with it (SPEC 5.6) */
};

extern const struct explain_method *const explain_methods[]; /* NULL-terminated */
const struct explain_method *explain_find(const char *name); /* NULL: unknown */

bool explain_supports(const struct explain_method *, const struct model *);
/* What it runs in on this model: fp32, double, or mixed, where all but the forward pass and the
 * residuals' rule of LRP is in float (sweep_on). */
enum explain_precision explain_runs_in(const struct explain_method *, const struct model *,
                                       const struct explain_options *);
/* The side of the method's map on this model: that of the patch grid, or of the image. */
int explain_map_side(const struct explain_method *, const struct model *,
                     const struct explain_options *);
/* Controls that need no model, and can be compared with the maps of any model. */
bool explain_needs_no_model(const struct explain_method *);
/* Fills map [side, side] of such a control, as explainer_run does where g = side. */
void explain_without_model(const struct explain_method *, int side, uint64_t seed, uint64_t id_hash,
                           float *map);

struct explainer;

/* Plans memory for `batch` images, the given methods and classes. E_CONFIG: a method that the
 * architecture does not have, an option out of range (named as the config key). */
enum status explainer_open(const struct model *, const char *backend,
                           const struct backend_options *, const struct input_format *,
                           const struct explain_options *,
                           const struct explain_method *const *methods, int method_count,
                           const bool classes[CLASS_CHOICES], int batch, struct explainer **out,
                           struct error *err);
/* Device memory: what an explainer may take of it. */
struct explain_room {
    size_t bytes;
    size_t
        needed; /* out, where not even one image at a time fits (E_NOMEM): what that would take */
};
/* The same beside a net of this model on this backend, which must outlive the explainer: passes
 * that compute as the net does, in fp32, borrow the net's backend and weights. Do not call it while
 * the net runs. Either of `lender` and `room` may be NULL. */
enum status explainer_open_beside(struct net *, const struct model *, const char *backend,
                                  const struct backend_options *, const struct input_format *,
                                  const struct explain_options *,
                                  const struct explain_method *const *methods, int method_count,
                                  const bool classes[CLASS_CHOICES], int batch,
                                  struct explain_room *room, struct explainer **out,
                                  struct error *err);
void explainer_close(struct explainer *);
/* Call it after the model's tensors of some parts have changed, parts [model_parts] (refresh.h),
 * and no others: makes what the explainer holds of these again. E_CONFIG of one that borrows a
 * net's weights; after E_NOMEM or E_DEVICE only explainer_close may follow. */
enum status explainer_reweigh(struct explainer *, const bool *parts, struct error *err);

/* The layout of maps in explain_result: images in order; within an image the methods in the order
 * given to explainer_open; of each method CLASS_CHOICES maps [side, side] with the method's side.
 * Where all methods have the patch grid's side, this is [n, methods, CLASS_CHOICES, g, g]. */
size_t explainer_map_values(const struct explainer *); /* of one image */
size_t explainer_map_at(const struct explainer *, int image, int method, enum class_choice);
int explainer_side(const struct explainer *, int method);
/* Of an image of the last run: the share of the tokens' relevance (of Σ |v|) that a map of patches
 * leaves out, since it lies on CLS, registers and the like; 0 to 1. NaN: of a map of pixels or of a
 * control, or nothing is relevant. */
float explainer_dropped(const struct explainer *, int image, int method, enum class_choice);

/* Whether a method begins at images of the data set, which explainer_references gives. */
bool explain_needs_references(const struct explain_method *);
/* Whether it goes through the model many times, once for each of its samples. */
bool explain_takes_samples(const struct explain_method *);
/* The images that they are, on the host, each [S, S, 3]: they are taken over to the device. Before
 * explainer_run, where a method needs them. */
enum status explainer_references(struct explainer *, const uint8_t *const *rgb, int count,
                                 struct error *err);

/* What explaining an image costs in passes through all layers; a gradient that goes through a part
 * of them counts for that part, and what it takes to know a layer's activations again is in it. */
struct explain_passes {
    double forward, backward;
    double once; /* forward passes that serve all images: of each thread that explains */
};
/* Planned, of one method (by its place) alone, or of all (-1), which share what they can. Of both
 * classes, should an image's target not be the predicted one. */
enum status explainer_plan(const struct explainer *, int method, struct explain_passes *out,
                           struct error *err);
/* Made so far, of all images together; `once` is among the forward ones. */
struct explain_passes explainer_passes(const struct explainer *);

/* Bytes of device memory that the explainer holds: weights and workspaces of all its passes. */
size_t explainer_bytes(const struct explainer *);
/* Images of a batch that it explains at a time, so that it keeps to its room. */
int explainer_images(const struct explainer *);

struct explain_image {
    const uint8_t *rgb; /* [S, S, 3], uploaded to the device of the explainer's backends */
    int32_t label;      /* true class: the target */
    int32_t predicted;  /* class to explain as the predicted one; -1: this model's own */
    uint64_t id_hash;   /* of the image's id: seeds `random` */
};

struct explain_result {    /* arrays by the caller, for n images */
    int32_t *predicted;    /* [n] */
    float *maps;           /* [n, explainer_map_values]; the map of an image, a method and a class,
                              [side, side], begins at explainer_map_at. A class not asked for is
                              untouched; a class-agnostic map, or target = predicted, is computed
                              once and copied */
    float *identity_error; /* [n] hidden-attention identity (SPEC 4) of the model itself (of none
                              that is re-initialised), relative; NaN where no method computed it */
    uint8_t *zero_row_sum; /* [n] a rollout met a row sum of exactly 0 */
    float *sum_error; /* [n, methods, CLASS_CHOICES] or NULL: how far what a method hands out misses
                         the score, where it should add up to that (libra), relative to the sum of
                         absolute values; NaN elsewhere */
};

enum status explainer_run(struct explainer *, const struct explain_image *, int n,
                          const struct explain_result *, struct error *err);
