/* What an explainer's passes cost and begin at. */
#include <stdlib.h>
#include <string.h>

#include "explainer.h"
#include "sampling.h"

/* ---- passes ---- */

enum status explainer_plan(const struct explainer *ex, int method, struct explain_passes *out,
                           struct error *err)
{
    *out = (struct explain_passes){ 0 };
    for (int i = 0; i < PASSES; i++) {
        const struct pass *p = &ex->passes[i];
        struct explain_passes own;
        struct job *jobs = calloc((size_t)p->job_count + 1, sizeof *jobs);
        int count = 0;
        if (jobs == NULL)
            return fail(err, E_NOMEM, "out of memory");
        for (int k = 0; k < p->job_count; k++)
            if (method < 0 || p->wheres[k].method == method)
                jobs[count++] = p->jobs[k];
        enum status s = sweep_plan(ex->model, jobs, count, &own, err);
        free(jobs);
        TRY(s);
        out->forward += own.forward;
        out->backward += own.backward;
        out->once += own.once;
    }
    return OK;
}

struct explain_passes explainer_passes(const struct explainer *ex)
{
    struct explain_passes made = { 0 };
    for (int i = 0; i < PASSES; i++)
        for (int k = 0; ex->passes[i].sweeps != NULL && k < ex->passes[i].be->lanes; k++) {
            made.forward += ex->passes[i].sweeps[k]->passes.forward;
            made.backward += ex->passes[i].sweeps[k]->passes.backward;
        }
    return made;
}

/* ---- references ---- */

bool explain_needs_references(const struct explain_method *m)
{
    const struct sampler *sampler = method_of(m)->sampler;
    return sampler != NULL && sampler->references;
}

bool explain_takes_samples(const struct explain_method *m)
{
    return method_of(m)->sampler != NULL;
}

bool pass_needs_references(const struct pass *p)
{
    for (int i = 0; i < p->job_count; i++)
        if (explain_needs_references(&p->jobs[i].method->info))
            return true;
    return false;
}

bool explainer_wants_references(const struct explainer *ex)
{
    for (int i = 0; i < PASSES; i++)
        if (pass_needs_references(&ex->passes[i]) && ex->passes[i].reference_count == 0)
            return true;
    return false;
}

void explainer_drop_references(struct pass *p)
{
    for (int i = 0; p->references != NULL && i < p->reference_count; i++)
        if (p->references[i] != NULL)
            p->be->free(p->be, p->references[i]);
    free(p->references);
    p->references = NULL;
    p->reference_count = 0;
}

static enum status take_references(struct pass *p, size_t bytes, const uint8_t *const *rgb,
                                   int count, struct error *err)
{
    explainer_drop_references(p);
    p->references = calloc((size_t)count + 1, sizeof *p->references);
    for (int i = 0; p->references != NULL && i < count; i++) {
        p->reference_count = i + 1;
        p->references[i] = p->be->alloc(p->be, bytes);
        if (p->references[i] == NULL)
            break;
        p->be->upload(p->be, p->references[i], rgb[i], bytes);
    }
    if (p->references == NULL || p->reference_count < count ||
        (count > 0 && p->references[count - 1] == NULL))
        return fail(err, E_NOMEM, "%s: no memory for %d images to begin at", p->be->name, count);
    for (int k = 0; k < p->be->lanes; k++) {
        p->sweeps[k]->references = (const uint8_t *const *)p->references;
        p->sweeps[k]->reference_count = count;
    }
    return p->be->sync(p->be, err);
}

enum status explainer_references(struct explainer *ex, const uint8_t *const *rgb, int count,
                                 struct error *err)
{
    size_t side = (size_t)ex->model->geo.image_size;
    for (int i = 0; i < PASSES; i++)
        if (pass_needs_references(&ex->passes[i]))
            TRY(take_references(&ex->passes[i], 3 * side * side, rgb, count, err));
    return OK;
}
