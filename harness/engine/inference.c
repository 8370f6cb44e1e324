#include "inference.h"

#include <math.h>
#include <stdlib.h>

enum status inference_take_memory(struct inference *s, struct error *err)
{
    int side = s->engine->info.image_size;
    size_t bytes = (size_t)side * (size_t)side * 3;
    s->picture = (struct image){ side, side, malloc(bytes) };
    s->logits = malloc((size_t)s->engine->info.classes * sizeof *s->logits);
    s->rgb = engine_alloc(s->engine, bytes, 1);
    if (s->picture.rgb == NULL || s->logits == NULL || s->rgb == NULL)
        return fail(err, E_NOMEM, "no memory for an image of %d x %d pixels", side, side);
    return OK;
}

static enum status open_inference(struct inference *s, const struct engine_options *o,
                                  struct error *err)
{
    struct engine_options options = *o;
    options.batch = 1;
    TRY(engine_open(&options, &s->engine, err));
    TRY(engine_start(s->engine, err));
    return inference_take_memory(s, err);
}

enum status inference_open(struct inference *s, const struct engine_options *o,
                           enum preprocess preprocess, struct error *err)
{
    *s = (struct inference){ .preprocess = preprocess };
    enum status status = open_inference(s, o, err);
    if (status != OK)
        inference_close(s);
    return status;
}

void inference_free_memory(struct inference *s)
{
    if (s->rgb != NULL)
        engine_free(s->engine, s->rgb);
    image_free(&s->picture);
    free(s->logits);
}

void inference_close(struct inference *s)
{
    inference_free_memory(s);
    engine_close(s->engine);
    *s = (struct inference){ 0 };
}

enum status inference_run(struct inference *s, const struct image *image, struct error *err)
{
    size_t side = (size_t)s->engine->info.image_size;
    TRY(image_preprocess(image, s->preprocess, (int)side, s->picture.rgb, err));
    engine_upload(s->engine, s->rgb, s->picture.rgb, side * side * 3);
    const struct view view = { .rgb = s->rgb };
    return engine_classify(s->engine, &view, 1, s->logits, err);
}

enum status inference_heat(struct inference *s, const float *maps, enum class_choice choice,
                           float *heat, struct error *err)
{
    struct engine *e = s->engine;
    size_t pixels = (size_t)e->info.image_size * (size_t)e->info.image_size;
    float *from = engine_alloc(e, engine_map_values(e), sizeof *from);
    float *to = engine_alloc(e, pixels * (size_t)e->prepared_count, sizeof *to);
    enum status status = OK;
    if (from == NULL || to == NULL)
        status = fail(err, E_NOMEM, "no memory for %d heat maps", e->prepared_count);
    if (status == OK)
        engine_upload(e, from, maps, engine_map_values(e) * sizeof *maps);
    for (int i = 0; status == OK && i < e->prepared_count; i++)
        engine_heat(e, from + engine_map_at(e, 0, i, choice), 1, e->prepared[i]->side,
                    to + (size_t)i * pixels);
    if (status == OK) {
        engine_download(e, heat, to, pixels * (size_t)e->prepared_count * sizeof *heat);
        status = engine_sync(e, err);
    }
    engine_free(e, from);
    engine_free(e, to);
    return status;
}

int inference_top(const struct inference *s)
{
    int top = 0;
    for (int k = 1; k < s->engine->info.classes; k++)
        if (s->logits[k] > s->logits[top])
            top = k;
    return top;
}

double inference_probability(const struct inference *s, int class)
{
    double top = s->logits[inference_top(s)], sum = 0;
    for (int k = 0; k < s->engine->info.classes; k++)
        sum += exp((double)s->logits[k] - top);
    return exp((double)s->logits[class] - top) / sum;
}
