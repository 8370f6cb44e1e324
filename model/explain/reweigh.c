/* An explainer whose model has other weights than before. */
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "explainer.h"
#include "randomise.h"
#include "refresh.h"
#include "sampling.h"

static enum status no_memory(const struct pass *p, struct error *err)
{
    return fail(err, E_NOMEM, "%s: no memory for the weights of %s", p->be->name,
                p->model->checkpoint->path);
}

static void bind_all(struct pass *p, unsigned uses)
{
    p->model->type->unbind(p->weights, p->be);
    p->weights = p->model->type->bind(p->model, p->be, uses);
    for (int i = 0; i < p->be->lanes; i++)
        p->sweeps[i]->weights = p->weights;
}

static enum status reweigh_pass(struct pass *p, const bool *parts, struct error *err)
{
    const struct arch_type *type = p->model->type;
    unsigned uses = jobs_weight_uses(p->jobs, p->job_count, type);
    int stem = model_parts(p->model) - 1;
    for (int i = 0; i < p->be->lanes; i++)
        sampling_forget(p->sweeps[i]);
    if (type->rebind == NULL) {
        bind_all(p, uses);
        if (p->weights == NULL)
            return no_memory(p, err);
    }
    for (int part = 0; part <= stem && type->rebind != NULL; part++)
        if (parts[part] && !type->rebind(p->weights, p->model, p->be, uses, part))
            return no_memory(p, err);
    if (parts[stem])
        TRY(input_rebind(p->input, p->model, p->be, err));
    return p->be->sync(p->be, err);
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
