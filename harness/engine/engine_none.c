/* No model at all: where every map comes from a file or is a control, and no task asks for a
 * prediction. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_kinds.h"

enum {
    SIDE = 224,
    GRID = 14
}; /* of images and of controls' maps, where nothing else is asked for */

static bool serves(const struct engine_options *o)
{
    return o->checkpoint == NULL && o->command == NULL && o->model.arch == NULL;
}

/* Those of any model: whoever asks for one that needs it learns that there is none. */
static const char *const *method_names(void)
{
    return engine_native.method_names();
}

static enum status open_none(struct engine *e, struct error *err)
{
    struct engine_info *info = &e->info;
    const char *const name = "no model";
    if (e->options.model.heads > 0)
        return fail_key(err, E_CONFIG, "model.heads", "set, and there is no model");
    snprintf(info->name, sizeof info->name, "%s", name);
    snprintf(info->title, sizeof info->title, "%s", name);
    info->arch = "run without a model";
    info->image_size = e->options.model.image_size > 0 ? e->options.model.image_size : SIDE;
    info->grid = info->image_size < GRID ? info->image_size : GRID;
    info->classes = 0;
    info->format = input_imagenet;
    info->identity[0] = (struct engine_identity){
        .name = "checkpoint_sha256", .text = "none", .noun = "model", .decides = true
    };
    info->identity_count = 1;
    snprintf(info->about, sizeof info->about, "images of %d x %d pixels; controls' maps %d x %d",
             info->image_size, info->image_size, info->grid, info->grid);
    snprintf(info->source, sizeof info->source, "maps from files and controls are scored alone");
    e->methods = calloc(engine_count_controls() + 1, sizeof *e->methods);
    if (e->methods == NULL)
        return fail(err, E_NOMEM, "out of memory");
    engine_add_controls(e);
    return OK;
}

static enum status classify(struct engine *e, const struct view *views, size_t n, float *logits,
                            struct error *err)
{
    (void)e;
    (void)views;
    (void)n;
    (void)logits; /* [n, 0] */
    (void)err;
    return OK;
}

static enum status explain(struct engine *e, const struct explain_image *images, int n,
                           const struct explain_result *r, struct error *err)
{
    (void)err;
    for (int i = 0; i < n; i++) {
        r->predicted[i] = -1;
        r->identity_error[i] = NAN;
        r->zero_row_sum[i] = 0;
    }
    for (int m = 0; m < e->prepared_count; m++)
        engine_explain_control(e, images, n, m, r);
    return OK;
}

const struct engine_kind engine_none = {
    .name = "none",
    .serves = serves,
    .method_names = method_names,
    .no_switches = "there is no model to explain",
    .life = { open_none, engine_open_backend, NULL, NULL },
    .classify = classify,
    .maps = { .explain = explain },
};
