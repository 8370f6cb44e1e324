/* The two protocols as sets of switches, and what a config may change (SPEC 5.1, 5.2). */
#include <stdio.h>
#include <string.h>

#include "method.h"

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

static const struct rules vim_released = { .row_norm = true, .minmax = true, .clamp_map = true };
static const struct rules vim_paper = { .own_decay = true, .diagonal = true, .full_matrix = true,
                                        .gated_gradient = true };
/* The ViT's methods are Transformer-Explainability's in both protocols (SPEC 5.4). */
static const struct rules vit_rules = { .full_matrix = true, .diagonal = true, .row_norm = true };

/* First layer of the released Vim code: 15 of 24, other depths in proportion. */
static int released_start(int depth)
{
    return depth * 15 / 24;
}

static void pick(bool *rule, enum tristate option)
{
    if (option != BY_PROTOCOL)
        *rule = option == YES;
}

static enum status refuse_on_vit(const struct explain_options *o, struct error *err)
{
    const struct {
        const char *key;
        bool set;
    } vim_only[] = {
        { "own_decay", o->own_decay != BY_PROTOCOL },
        { "diagonal", o->diagonal != BY_PROTOCOL },
        { "full_matrix", o->full_matrix != BY_PROTOCOL },
        { "gated_gradient", o->gated_gradient != BY_PROTOCOL },
        { "minmax", o->minmax != BY_PROTOCOL },
        { "aggregate", !o->aggregate_by_protocol },
        { "negatives", !o->negatives_by_protocol },
    };
    for (size_t i = 0; i < sizeof vim_only / sizeof vim_only[0]; i++)
        if (vim_only[i].set)
            return fail(err, E_CONFIG, "explain.%s applies to Vim models only; this model is a ViT: "
                        "leave it out", vim_only[i].key);
    return OK;
}

static enum status check_ranges(const struct explain_options *o, const struct geometry *g,
                                struct error *err)
{
    if (o->start_layer >= g->depth)
        return fail(err, E_CONFIG, "explain.start_layer = %d is past the end: the model has layers 0 "
                    "to %d", o->start_layer, g->depth - 1);
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
    const struct geometry *g = &model->geo;
    bool vim = model->type->id == ARCH_VIM, paper = strcmp(o->protocol, "paper") == 0;
    if (!paper && strcmp(o->protocol, "released") != 0)
        return fail(err, E_CONFIG, "run.protocol = %s: should be released or paper", o->protocol);
    TRY(check_ranges(o, g, err));
    if (!vim)
        TRY(refuse_on_vit(o, err));
    if (m->fixed_protocol)
        paper = false;
    *out = !vim ? vit_rules : paper ? vim_paper : vim_released;
    if (!vim)
        out->start = g->depth > 1 ? 1 : 0;
    else
        out->start = paper ? 0 : released_start(g->depth);
    if (o->start_layer >= 0)
        out->start = o->start_layer;
    if (!vim && m->lrp)
        out->row_norm = false; /* SPEC 5.4 */
    /* Where the sign rule belongs depends on the method; clamping is every attribution's default. */
    out->aggregate = o->aggregate_by_protocol ? REDUCE_MEAN : o->aggregate;
    bool weighted = m->gradient != GRADIENT_NONE;
    out->negatives = !o->negatives_by_protocol ? o->negatives : weighted ? SIGN_CLAMP : SIGN_KEEP;
    out->discard = o->discard;
    if (m->bottom[model->type->id] != NULL)
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
