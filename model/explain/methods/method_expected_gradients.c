/* Expected Gradients (Erion et al. 2021): Integrated Gradients from images of the data set, one
 * random point on the way from one random of them for each sample. */
#include "draw.h"
#include "input.h"
#include "sampling.h"

static int samples(const struct rules *r)
{
    return r->samples;
}

/* Sample i: from b, drawn with replacement, to x + noise; the point u between them. */
static void make(struct samples *s, const struct rules *r, int sample, real *out, real *difference)
{
    const struct stem_ws patches = { .patches = out };
    for (int i = 0; i < s->n; i++) {
        s->stream[i] = draw_stream(s->seed, s->hash[i], (uint64_t)sample);
        int b = (int)(draw_uniform(s->stream[i], 1) * s->reference_count);
        s->views[i] = (struct view){ .rgb = s->references[b] };
        s->wx[i] = r->noise * s->range[i];
    }
    stem_patches(s->geo, s->be, &patches, s->format, s->views, s->n);
    run_copy(s->be, s->x, difference, (size_t)s->n * s->count);
    if (r->noise > 0)
        sampling_noise(s, difference);
    sampling_mix(s, 1, difference, -1, out, difference);
    for (int i = 0; i < s->n; i++) {
        s->wx[i] = draw_uniform(s->stream[i], 0);
        s->wy[i] = 1;
    }
    const struct mix_args between = { .n = s->n,
                                      .count = s->count,
                                      .x = difference,
                                      .y = out,
                                      .wx = s->wx,
                                      .wy = s->wy,
                                      .out = out };
    s->be->op.mix(s->be, &between);
}

static void bottom(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    input_add_products(v, r, 1.0 / r->samples, tracks);
}

static const struct sampler between = { .count = samples, .make = make, .references = true };

const struct method method_expected_gradients = {
    .info = { .name = "expected_gradients",
              .summary = "Expected Gradients, signed: 50 ways from images of the data set" },
    .gradient = GRADIENT_PLAIN,
    .sampler = &between,
    .traits = METHOD_SUMS | METHOD_SCORED,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PATCH,
    .settle = settle_sampled,
    .on = METHOD_ON({ "", { .bottom = bottom } }),
};
