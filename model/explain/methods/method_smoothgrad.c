/* SmoothGrad (Smilkov et al. 2017): the mean of the gradients at the pixels, or of their squares,
 * over noisy copies of the image. */
#include "draw.h"
#include "input.h"
#include "sampling.h"

static int samples(const struct rules *r)
{
    return r->samples;
}

static void make(struct samples *s, const struct rules *r, int sample, real *out, real *difference)
{
    (void)difference;
    sampling_mix(s, 1, s->x, 0, NULL, out);
    for (int i = 0; i < s->n; i++) {
        s->stream[i] = draw_stream(s->seed, s->hash[i], (uint64_t)sample);
        s->wx[i] = r->noise * s->range[i];
    }
    sampling_noise(s, out);
}

/* Gradients may be averaged where they are at the tokens, and their squares only at the pixels. */
static size_t sum(const struct geometry *g, const struct rules *r)
{
    size_t side = (size_t)g->image_size;
    return r->variant == MEAN_OF_SQUARES ? 3 * side * side : (size_t)g->tokens * (size_t)g->width;
}

static void bottom(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    const struct input *in = v->input;
    const real *x = v->g_tokens;
    (void)tracks;
    if (r->variant == MEAN_OF_SQUARES) {
        input_pixel_gradient(v, r, false);
        run_map2(v->be, MAP_MUL, in->pixels, in->pixels, in->pixels, (size_t)v->n * sum(v->geo, r),
                 1.0);
        x = in->pixels;
    }
    sampling_add(v, 1.0 / r->samples, x, sum(v->geo, r));
}

static void done(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    if (r->variant == MEAN_OF_GRADIENTS)
        input_pixel_gradient(v, r, false);
    input_put_pixels(v, r, r->variant == MEAN_OF_SQUARES ? v->at->sum : v->input->pixels, 1,
                     tracks);
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    sampling_settle(r, 0.15);
    return OK;
}

static const struct sampler noisy = { .count = samples, .make = make, .sum = sum };

const struct method method_smoothgrad = {
    .info = { .name = "smoothgrad",
              .summary =
                  "SmoothGrad: gradients at the pixels over 50 noisy copies, at each pixel" },
    .gradient = GRADIENT_PLAIN,
    .sampler = &noisy,
    .traits = METHOD_SUMS | METHOD_SCORED,
    .levels = 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_PIXEL,
    .channels = CHANNELS_ABS,
    .settle = settle,
    .on = METHOD_ON({ "", { .bottom = bottom, .done = done } }),
};
