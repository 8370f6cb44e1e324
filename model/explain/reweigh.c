/* An explainer whose model has other weights than before. */
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "explainer.h"
#include "randomise.h"
#include "refresh.h"
#include "sampling.h"

static enum status no_memory(const struct pass_weights *w, const struct model *m, struct error *err)
{
    return fail(err, E_NOMEM, "%s: no memory for the weights of %s", w->be->name,
                m->checkpoint->path);
}

/* The weights of the parts that changed; or all of them, elsewhere, where the architecture cannot.
 */
static enum status bind_again(const struct pass_weights *w, const struct model *m,
                              const bool *parts, struct error *err)
{
    const struct arch_type *type = m->type;
    if (type->rebind == NULL) {
        type->unbind(*w->weights, w->be);
        *w->weights = type->bind(m, w->be, w->uses);
        return *w->weights != NULL ? OK : no_memory(w, m, err);
    }
    for (int part = 0; part < model_parts(m); part++)
        if (parts[part] && !type->rebind(*w->weights, m, w->be, w->uses, part))
            return no_memory(w, m, err);
    return OK;
}

static enum status reweigh_pass(struct pass *p, const bool *parts, struct error *err)
{
    struct pass_weights own[2];
    enum status s = OK;
    for (int i = 0; i < p->be->lanes; i++)
        sampling_forget(p->sweeps[i]);
    for (int i = 0, count = pass_weights(p, own); s == OK && i < count; i++)
        s = bind_again(&own[i], p->model, parts, err);
    const struct sweep_on on = pass_on(p);
    for (int i = 0; i < p->be->lanes; i++) {
        p->sweeps[i]->weights = on.weights;
        p->sweeps[i]->down_weights = on.down_weights;
    }
    if (s != OK)
        return s;
    if (parts[model_parts(p->model) - 1])
        TRY(input_rebind(p->input, p->model, on.down, err));
    return be_sync(p->be, err);
}

enum status explainer_reweigh(struct explainer *ex, const bool *parts, struct error *err)
{
    size_t bytes = (size_t)model_parts(ex->model) * sizeof *parts;
    bool *own = malloc(bytes);
    enum status s = own != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (int i = 0; s == OK && i < PASSES; i++) {
        struct pass *p = &ex->passes[i];
        if (p->job_count == 0)
            continue;
        memcpy(own, parts, bytes);
        if (p->own_model != NULL)
            model_randomise_again(p->own_model, ex->model, ex->fresh_layers, own);
        s = p->borrowed ? fail(err, E_CONFIG, "%s: its weights are borrowed", p->be->name)
                        : reweigh_pass(p, own, err);
    }
    free(own);
    return s;
}
