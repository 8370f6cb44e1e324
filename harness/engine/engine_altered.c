/* Explanations by the native model with fresh weights in some of its parts. */
#include <stdlib.h>

#include "engine_kinds.h"
#include "free_all.h"
#include "refresh.h"

struct engine_altered {
    struct engine *engine;
    struct model *fresh;                   /* fresh weights everywhere */
    struct model *blend;                   /* what was explained last */
    bool *parts;                           /* [model_parts] scratch */
    const struct explain_method **methods; /* those that the engine was prepared for */
    struct explainer *explainer;           /* of the blend; NULL: none is open */
};

int engine_parts(const struct engine *e)
{
    return engine_model(e) != NULL ? model_parts(engine_model(e)) : 0;
}

enum status engine_altered_open(struct engine *e, uint64_t seed, struct engine_altered **out,
                                struct error *err)
{
    const struct model *m = engine_model(e);
    *out = NULL;
    if (m == NULL)
        return fail(err, E_CONFIG, "%s: weights are randomised of a checkpoint's model alone",
                    e->info.name);
    struct engine_altered *a = calloc(1, sizeof *a);
    if (a == NULL)
        return fail(err, E_NOMEM, "out of memory");
    a->engine = e;
    a->methods = engine_native_methods(e);
    a->parts = calloc((size_t)model_parts(m), sizeof *a->parts);
    enum status status = a->methods != NULL && a->parts != NULL
                             ? model_refresh(m, seed, &a->fresh, err)
                             : fail(err, E_NOMEM, "out of memory");
    if (status == OK)
        status = model_blend(m, a->fresh, 0, 0, &a->blend, err);
    e->altered = a;
    return OPENED(status, a, engine_altered_close, out);
}

void engine_altered_rest(struct engine_altered *a)
{
    if (a == NULL)
        return;
    explainer_close(a->explainer);
    a->explainer = NULL;
}

void engine_altered_close(struct engine_altered *a)
{
    if (a == NULL)
        return;
    engine_altered_rest(a);
    a->engine->altered = NULL;
    model_blend_close(a->blend);
    model_close(a->fresh);
    FREE_ALL(a->parts, a->methods, a);
}

/* For whole batches, whatever the first of them holds. */
static enum status open_explainer(struct engine_altered *a, struct error *err)
{
    struct engine *e = a->engine;
    const struct backend_options options = engine_own_backend(e);
    struct explain_room room = { .bytes = e->altered_room };
    TRY(explainer_open_beside(NULL, a->blend, e->info.device, &options, &e->info.format,
                              &e->explain_options, a->methods, e->prepared_count, e->classes,
                              e->info.batch, e->info.memory > 0 ? &room : NULL, &a->explainer,
                              err));
    return e->references != NULL ? engine_native_refer(e, a->explainer, err) : OK;
}

/* What is open serves the next model, too: opening one takes longer than many an explanation. */
enum status engine_altered_explain(struct engine_altered *a, int first, int count,
                                   const struct explain_image *images, int n,
                                   const struct explain_result *result, struct error *err)
{
    struct engine *e = a->engine;
    model_blend_again(a->blend, engine_model(e), a->fresh, first, count, a->parts);
    enum status status = a->explainer == NULL ? open_explainer(a, err)
                                              : explainer_reweigh(a->explainer, a->parts, err);
    if (status == OK) {
        be_wait(e->backend); /* its queue uploads what others read */
        status = explainer_run(a->explainer, images, n, result, err);
    }
    if (status != OK)
        engine_altered_rest(a);
    return status;
}
