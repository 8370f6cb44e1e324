/* The two protocols as sets of switches, and what a config may change (SPEC 5.1, 5.2). */
#include <stdio.h>
#include <string.h>

#include "sweep.h"

const struct explain_options explain_defaults = {
    .protocol = "released",
    .start_layer = -1,
    .own_decay = BY_PROTOCOL,
    .diagonal = BY_PROTOCOL,
    .full_matrix = BY_PROTOCOL,
    .row_norm = BY_PROTOCOL,
    .gated_gradient = BY_PROTOCOL,
    .minmax = BY_PROTOCOL,
    .clamp_map = BY_PROTOCOL,
    .aggregate_by_protocol = 1,
    .negatives_by_protocol = 1,
    .precision_auto = 1,
    .randomise_layers = -1,
};

static void pick(bool *rule, enum tristate option)
{
    if (option != BY_PROTOCOL)
        *rule = option == YES;
}

/* The architectures that have a use for a key: "Vim", "Vim and ViT". */
static void list_users(enum explain_switch key, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0, used = 0; arch_types[i] != NULL && used < size; i++) {
        const struct arch_explain *e = arch_types[i]->explain;
        if (e != NULL && (e->switches & (unsigned)key))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " and " : "",
                                     arch_types[i]->title);
    }
}

/* A key that is set although it means nothing to this architecture. */
static enum status refuse_idle(const struct explain_options *o, const struct arch_type *type,
                               struct error *err)
{
    const struct {
        enum explain_switch bit;
        const char *key;
        bool set;
    } keys[] = {
        { EXPLAIN_START_LAYER, "start_layer", o->start_layer >= 0 },
        { EXPLAIN_OWN_DECAY, "own_decay", o->own_decay != BY_PROTOCOL },
        { EXPLAIN_DIAGONAL, "diagonal", o->diagonal != BY_PROTOCOL },
        { EXPLAIN_FULL_MATRIX, "full_matrix", o->full_matrix != BY_PROTOCOL },
        { EXPLAIN_ROW_NORM, "row_norm", o->row_norm != BY_PROTOCOL },
        { EXPLAIN_GATED_GRADIENT, "gated_gradient", o->gated_gradient != BY_PROTOCOL },
        { EXPLAIN_MINMAX, "minmax", o->minmax != BY_PROTOCOL },
        { EXPLAIN_CLAMP_MAP, "clamp_map", o->clamp_map != BY_PROTOCOL },
        { EXPLAIN_AGGREGATE, "aggregate", !o->aggregate_by_protocol },
        { EXPLAIN_NEGATIVES, "negatives", !o->negatives_by_protocol },
        { EXPLAIN_DISCARD, "discard", o->discard != 0 },
    };
    unsigned switches = type->explain != NULL ? type->explain->switches : 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char users[200];
        if (!keys[i].set || (switches & (unsigned)keys[i].bit))
            continue;
        list_users(keys[i].bit, users, sizeof users);
        return fail(err, E_CONFIG,
                    "explain.%s applies to %s models only; this model is a %s: "
                    "leave it out",
                    keys[i].key, users, type->title);
    }
    return OK;
}

static enum status check_ranges(const struct explain_options *o, const struct geometry *g,
                                struct error *err)
{
    if (o->start_layer >= g->depth)
        return fail(err, E_CONFIG,
                    "explain.start_layer = %d is past the end: the model has layers 0 "
                    "to %d",
                    o->start_layer, g->depth - 1);
    if (!(o->discard >= 0 && o->discard < 1))
        return fail(err, E_CONFIG, "explain.discard = %g: should be at least 0 and below 1",
                    o->discard);
    if (o->randomise_layers > g->depth)
        return fail(err, E_CONFIG, "explain.randomise_layers = %d: the model has %d layers",
                    o->randomise_layers, g->depth);
    return OK;
}

enum status rules_settle(const struct explain_options *o, const struct method *m,
                         const struct model *model, struct rules *out, struct error *err)
{
    const struct method_functions *f = method_functions(m, model->type);
    bool paper = strcmp(o->protocol, "paper") == 0;
    if (!paper && strcmp(o->protocol, "released") != 0)
        return fail(err, E_CONFIG, "run.protocol = %s: should be released or paper", o->protocol);
    TRY(check_ranges(o, &model->geo, err));
    TRY(refuse_idle(o, model->type, err));
    *out = (struct rules){ 0 };
    if (f == NULL)
        return OK; /* a map without a model */
    model->type->explain->rules(&model->geo, paper && !m->fixed_protocol, f, out);
    if (o->start_layer >= 0)
        out->start = o->start_layer;
    /* Where the sign rule belongs depends on the method; clamping is every attribution's default.
     */
    out->aggregate = o->aggregate_by_protocol ? REDUCE_MEAN : o->aggregate;
    bool weighted = m->gradient != GRADIENT_NONE;
    out->negatives = !o->negatives_by_protocol ? o->negatives : weighted ? SIGN_CLAMP : SIGN_KEEP;
    out->discard = o->discard;
    if (f->bottom != NULL)
        out->clamp_map = false; /* SPEC 5.5 */
    if (m->fixed_protocol)
        return OK;
    pick(&out->own_decay, o->own_decay);
    pick(&out->diagonal, o->diagonal);
    pick(&out->full_matrix, o->full_matrix);
    pick(&out->row_norm, o->row_norm);
    pick(&out->gated_gradient, o->gated_gradient);
    pick(&out->minmax, o->minmax);
    pick(&out->clamp_map, o->clamp_map);
    return OK;
}
