/* Finds methods by name, and their functions for an architecture. */
#include "method.h"

#include <string.h>

#include "sweep.h"

const struct explain_method *explain_find(const char *name)
{
    for (int i = 0; explain_methods[i] != NULL; i++)
        if (strcmp(explain_methods[i]->name, name) == 0)
            return explain_methods[i];
    return NULL;
}

const struct method *method_of(const struct explain_method *info)
{
    return (const struct method *)info; /* its first member */
}

const struct method *method_run_by(const struct method *m)
{
    return m->randomised != NULL ? m->randomised : m;
}

static const struct method_functions *own_functions(const struct method *m, const char *arch)
{
    for (const struct method_on *on = m->on; on != NULL && on->arch != NULL; on++)
        if (strcmp(on->arch, arch) == 0)
            return &on->f;
    return NULL;
}

static const struct method_functions *of_arch(const struct arch_explain *e, const char *method)
{
    for (const struct arch_method *row = e->methods; row != NULL && row->method != NULL; row++)
        if (strcmp(row->method, method) == 0)
            return &row->f;
    return NULL;
}

const struct method_functions *method_functions(const struct method *m,
                                                const struct arch_type *type)
{
    const struct arch_explain *e = type->explain;
    m = method_run_by(m);
    if (e == NULL || (m->gradient != GRADIENT_NONE && !(e->gradients & 1u << m->gradient)))
        return NULL;
    const struct method_functions *f = own_functions(m, type->name);
    if (f == NULL)
        f = of_arch(e, m->info.name);
    if (f == NULL)
        f = own_functions(m, "");
    return f == NULL || (f->relevance && !e->relevance) ? NULL : f;
}

bool explain_supports(const struct explain_method *info, const struct model *model)
{
    const struct method *m = method_of(info);
    return m->map != NULL || method_functions(m, model->type) != NULL;
}

/* Samplers' gradients are their own, at other inputs. */
static bool can_mix(const struct method *m, const struct model *model,
                    const struct explain_options *o)
{
    struct rules r;
    m = method_run_by(m);
    return method_functions(m, model->type) != NULL && m->sampler == NULL &&
           rules_settle(o, m, model, &r, NULL) == OK && r.gradient != GRADIENT_NONE &&
           (model->type->explain->mixed & 1u << r.gradient) != 0;
}

enum explain_precision explain_runs_in(const struct explain_method *info, const struct model *model,
                                       const struct explain_options *o)
{
    const struct method *m = method_of(info);
    const struct method_functions *f = method_functions(m, model->type);
    bool needed = info->needs_double && f != NULL && f->relevance;
    if (o->precision == EXPLAIN_FP32 || o->precision == EXPLAIN_DOUBLE)
        return (enum explain_precision)o->precision;
    if ((needed || o->precision == EXPLAIN_MIXED) && can_mix(m, model, o))
        return EXPLAIN_MIXED;
    return needed ? EXPLAIN_DOUBLE : EXPLAIN_FP32;
}

bool explain_needs_no_model(const struct explain_method *info)
{
    return method_of(info)->map != NULL;
}

void explain_without_model(const struct explain_method *info, int side, uint64_t seed,
                           uint64_t id_hash, float *map)
{
    const struct geometry square = { .grid = side };
    method_of(info)->map(&square, seed, id_hash, map);
}

int method_pixel_side(const struct geometry *g, const struct rules *r)
{
    return r->level == LEVEL_PIXEL ? g->image_size : 0;
}

int explain_map_side(const struct explain_method *info, const struct model *model,
                     const struct explain_options *o)
{
    struct rules r;
    bool settled = rules_settle(o, method_run_by(method_of(info)), model, &r, NULL) == OK;
    int side = settled ? method_pixel_side(&model->geo, &r) : 0;
    return side > 0 ? side : model->geo.grid;
}

unsigned jobs_weight_uses(const struct job *jobs, int count, const struct arch_type *type)
{
    unsigned uses = WEIGHT_FORWARD;
    for (int i = 0; i < count; i++) {
        enum gradient_kind kind = jobs[i].rules.gradient;
        if (kind == GRADIENT_FIRST_LRP) {
            uses |= BIND_SIGNED;
            continue;
        }
        if (kind != GRADIENT_NONE)
            uses |= WEIGHT_BACK;
        if (kind == GRADIENT_ATTNLRP)
            uses |= BIND_ABSOLUTE;
        if (method_functions(jobs[i].method, type)->relevance)
            uses |= WEIGHT_LRP;
    }
    return uses;
}
