/* Integrated Gradients (Sundararajan, Taly and Yan 2017): the gradient on the straight way from a
 * baseline to the image, by Gauss and Legendre's rule, times the difference of the two. */
#include <math.h>

#include "input.h"
#include "sampling.h"

static int steps(const struct rules *r)
{
    return r->steps;
}

/* base + at (x - base). The difference is the image's: it is made once. */
static void make(struct samples *s, const struct rules *r, int sample, real *out, real *difference)
{
    double at = 0, weight;
    if (sample >= 0)
        gauss_legendre(r->steps, sample, &at, &weight);
    sampling_mix(s, at, s->x, 1 - at, s->base, out);
    if (sample == 0)
        sampling_mix(s, 1, s->x, -1, s->base, difference);
}

static size_t sum(const struct geometry *g, const struct rules *r)
{
    (void)r;
    return (size_t)g->tokens * (size_t)g->width;
}

static void bottom(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    double at, weight;
    (void)tracks;
    gauss_legendre(r->steps, v->at->number, &at, &weight);
    sampling_add(v, weight, v->g_tokens, sum(v->geo, r));
}

/* Completeness: the map's sum is the difference of the scores, as far as the rule is exact. */
static void done(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    const struct geometry *g = v->geo;
    int patches = g->grid * g->grid;
    double *products = v->host;
    input_patch_products(v, products);
    for (int i = 0; i < v->n; i++) {
        struct track *t = &tracks[i];
        for (int k = 0; k < patches; k++) {
            t->sum += products[i * patches + k];
            t->size += fabs(products[i * patches + k]);
        }
        double wanted = v->at->score[i] - v->at->score_begin[i];
        t->sum_error = t->size > 0 ? fabs(t->sum - wanted) / t->size : fabs(wanted);
    }
    if (r->level == LEVEL_PATCH && r->channels == CHANNELS_SUM)
        input_put_patches(v, products, 1, tracks);
    else
        input_add_products(v, r, 1, tracks);
}

static const struct sampler path = { .count = steps, .make = make, .sum = sum, .begins = true };

const struct method method_ig = {
    .info = { .name = "ig",
              .summary = "Integrated Gradients, signed: from the mean colour or black, 50 steps",
              .adds_up = true },
    .gradient = GRADIENT_PLAIN,
    .sampler = &path,
    .traits = METHOD_SUMS | METHOD_SCORED,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PATCH,
    .settle = settle_sampled,
    .on = METHOD_ON({ "", { .bottom = bottom, .done = done } }),
};
