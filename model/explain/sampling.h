/* Gradients at inputs that are made from the image: points of a path, noisy copies (SPEC 22.5).
 *
 * A method that has a sampler sees no layers. Its `bottom` is called for each of the samples, in
 * their order, with the gradient at the tokens there, and its `done` once after the last one; both
 * find in view->at what they need. Samples of all images are computed side by side, as many as the
 * planned batch takes; what is made of one depends on nothing but the image and its number. */
#pragma once

#include "sweep.h"

/* What inputs are made from. Patches of n images: [n, g*g, 3 P P], `count` values an image. */
struct samples {
    const struct geometry *geo;
    struct backend *be;
    const struct input_format *format;
    int n;
    size_t count;
    const real *x;        /* what the model sees of the images */
    const real *base;     /* where a path begins; NULL: at 0 */
    const double *range;  /* [n] from the least to the largest of x */
    const uint64_t *hash; /* [n] of the images, for draws (draw.h) */
    uint64_t seed;
    const uint8_t *const *references; /* [reference_count], [S, S, 3] on the device */
    int reference_count;
    double *wx, *wy; /* [n] scratch, as is the rest */
    uint64_t *stream;
    struct view *views;
};

struct sampler {
    int (*count)(const struct rules *);
    /* Sample number `sample` of each image into out, and into `difference` what is multiplied with
     * the gradient there, where the method does that; both [n, g*g, 3 P P]. With sample = -1 only
     * out, where the path begins: asked for if `begins`. */
    void (*make)(struct samples *, const struct rules *, int sample, real *out, real *difference);
    /* Values of an image that are summed over the samples, on the device; NULL: none. */
    size_t (*sum)(const struct geometry *, const struct rules *);
    bool begins;     /* the score where the path begins is wanted; it is the same for all images */
    bool references; /* wants samples.references */
};

/* view->at, in a sampler's functions. */
struct at_sample {
    int number, total;
    const real *difference; /* [n, g*g, 3 P P] */
    real *sum;              /* [n, sampler.sum] */
    double *scratch;        /* [n] */
    /* In `done`: the score at the images, and where their paths begin; [n]. */
    const double *score, *score_begin;
};

/* Sums: at->sum (+)= w x, x [n, count]; begins anew at the first sample. */
void sampling_add(struct layer_view *, double w, const real *x, size_t count);
/* out = wx x + wy y, the same weights for all n images. y: or NULL. */
void sampling_mix(struct samples *, double wx, const real *x, double wy, const real *y, real *out);
/* patches += sigma N(0, 1), sigma [n] in s->wx, drawn from s->stream. */
void sampling_noise(struct samples *, real *patches);

/* Points and weights of Gauss and Legendre's rule on [0, 1]: number i of n, ascending. */
void gauss_legendre(int n, int i, double *at, double *weight);

/* For method.settle: no protocol applies; the noise that the method has by itself; and at the
 * tokens a product with the input is the patches' own, as CLS and positions are the same
 * everywhere. */
void sampling_settle(struct rules *, double noise);
/* The same as a method.settle, without noise. */
enum status settle_sampled(const struct geometry *, struct rules *, struct error *);

/* ---- of a sweep ---- */

/* Makes sweep->sampling where a job has a sampler. False: out of memory. */
bool sampling_new(struct sweep *);
bool sampling_open(struct sweep *); /* host memory; sampling is there */
void sampling_close(struct sweep *);
/* Other weights: what was found of the old ones holds no more. Without sampling nothing happens. */
void sampling_forget(struct sweep *);
void sampling_layout(struct sweep *, struct bump *);
/* After the forward pass at the images themselves, whose patches lie in sweep->stem. */
void sampling_run(struct sweep *, const int32_t *predicted, const int32_t *target);
