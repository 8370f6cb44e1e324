/* Explanations by the native model with fresh weights in some of its parts. */
#include <stdlib.h>

#include "engine_kinds.h"
#include "free_all.h"
#include "refresh.h"

struct engine_altered {
    struct engine *engine;
    struct model *fresh;                   /* fresh weights everywhere */
    const struct explain_method **methods; /* those that the engine was prepared for */
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
    enum status status = a->methods != NULL ? model_refresh(m, seed, &a->fresh, err)
                                            : fail(err, E_NOMEM, "out of memory");
    return OPENED(status, a, engine_altered_close, out);
}

void engine_altered_close(struct engine_altered *a)
{
    if (a == NULL)
        return;
    model_close(a->fresh);
    FREE_ALL(a->methods, a);
}

enum status engine_altered_explain(struct engine_altered *a, int first, int count,
                                   const struct explain_image *images, int n,
                                   const struct explain_result *result, struct error *err)
{
    struct engine *e = a->engine;
    const struct backend_options options = engine_own_backend(e);
    struct explainer *explainer = NULL;
    struct model *blend;
    TRY(model_blend(engine_model(e), a->fresh, first, count, &blend, err));
    struct explain_room room = { .bytes = e->altered_room };
    enum status status = explainer_open_beside(
        NULL, blend, e->info.device, &options, &e->info.format, &e->explain_options, a->methods,
        e->prepared_count, e->classes, n, e->info.memory > 0 ? &room : NULL, &explainer, err);
    if (status == OK && e->references != NULL)
        status = engine_native_refer(e, explainer, err);
    if (status == OK) {
        be_wait(e->backend); /* its queue uploads what others read */
        status = explainer_run(explainer, images, n, result, err);
    }
    explainer_close(explainer);
    model_blend_close(blend);
    return status;
}
