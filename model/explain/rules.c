/* The two protocols as sets of switches, and the changes that a config may make (SPEC 5.1, 5.2). */
#include <stdio.h>
#include <string.h>

#include "sweep.h"

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

/* Refuses a key that is set although this architecture has no use for it. */
static enum status refuse_idle(const struct explain_options *o, const struct arch_type *type,
                               struct error *err)
{
    unsigned switches = EXPLAIN_COMMON | (type->explain != NULL ? type->explain->switches : 0);
    for (int i = 0; i < EXPLAIN_SWITCH_COUNT; i++) {
        char users[200], key[48];
        if (!explain_switch_is_set(o, i) || (switches & 1u << i))
            continue;
        list_users((enum explain_switch)(1 << i), users, sizeof users);
        snprintf(key, sizeof key, "explain.%s", explain_switch_infos[i].key);
        return fail_key(err, E_CONFIG, key,
                        "applies to %s models only; this model is a %s: leave it out", users,
                        type->title);
    }
    return OK;
}

static enum status check_ranges(const struct explain_options *o, const struct geometry *g,
                                struct error *err)
{
    if (o->start_layer >= g->depth)
        return fail_key(err, E_CONFIG, "explain.start_layer",
                        "%d is past the end: the model has layers 0 "
                        "to %d",
                        (int)o->start_layer, g->depth - 1);
    if (!(o->discard >= 0 && o->discard < 1))
        return fail_key(err, E_CONFIG, "explain.discard", "%g should be at least 0 and below 1",
                        o->discard);
    if (o->randomise_layers > g->depth)
        return fail_key(err, E_CONFIG, "explain.randomise_layers", "%d: the model has %d layers",
                        (int)o->randomise_layers, g->depth);
    return OK;
}

static void take_switches(const struct explain_options *o, struct rules *out)
{
#define SETTLE(NAME, field, ...)                                                                   \
    if (o->field != BY_PROTOCOL)                                                                   \
        out->field = o->field == YES;
#define ELSEWHERE(NAME, ...)
    EXPLAIN_SWITCHES(ELSEWHERE, ELSEWHERE, ELSEWHERE, SETTLE)
}

/* Settles what a method from outside the paper leaves open. Where it lacks the level asked for, it
 * keeps its own, because one key applies to all methods of a run. */
static void settle_method(const struct explain_options *o, const struct method *m,
                          struct rules *out)
{
    bool own = o->level == LEVEL_OF_METHOD || !(m->levels & 1u << o->level);
    out->level = m->levels == 0 ? LEVEL_TOKEN : own ? m->level : (enum map_level)o->level;
    out->channels =
        o->channels == CHANNELS_OF_METHOD ? m->channels : (enum channel_rule)o->channels;
    out->score = m->traits & METHOD_SCORED ? (enum explained_score)o->score : SCORE_LOGIT;
    out->target = (enum cam_target)o->target;
    out->gramian = o->influence == INFLUENCE_GRAMIAN;
    out->steps = (int)o->steps;
    out->samples = (int)o->samples;
    out->baseline = (enum path_start)o->baseline;
    out->noise = o->noise;
    out->variant = (enum noise_mean)o->variant;
    bool libra = (m->traits & METHOD_BACKWARD) && o->backward == BACKWARD_LIBRA;
    out->gradient = libra ? GRADIENT_LIBRA : m->gradient;
    if (m->gradient != GRADIENT_ATTNLRP)
        return;
    out->softmax = (enum softmax_rule)o->softmax;
    out->gamma_linear = o->gamma_linear;
    out->gamma_conv = out->level == LEVEL_TOKEN ? 0 : o->gamma_conv;
    out->gamma_attention = o->gamma_attention;
}

static void take_options(const struct explain_options *o, const struct method *m,
                         const struct method_functions *f, struct rules *out)
{
    if (o->start_layer >= 0)
        out->start = (int)o->start_layer;
    /* Where the sign rule belongs depends on the method; clamping is every attribution's default.
     */
    out->aggregate = o->aggregate < 0 ? REDUCE_MEAN : (enum reduction)o->aggregate;
    bool weighted = m->gradient != GRADIENT_NONE;
    out->negatives = o->negatives >= 0 ? (enum sign_rule)o->negatives
                     : weighted        ? SIGN_CLAMP
                                       : SIGN_KEEP;
    out->discard = o->discard;
    if (f->bottom != NULL)
        out->clamp_map = false; /* SPEC 5.5 */
    if (!(m->traits & METHOD_FIXED))
        take_switches(o, out);
}

enum status rules_settle(const struct explain_options *o, const struct method *m,
                         const struct model *model, struct rules *out, struct error *err)
{
    const struct method_functions *f = method_functions(m, model->type);
    bool paper = strcmp(o->protocol, "paper") == 0;
    if (!paper && strcmp(o->protocol, "released") != 0)
        return fail_key(err, E_CONFIG, "run.protocol", "'%s' should be released or paper",
                        o->protocol);
    TRY(check_ranges(o, &model->geo, err));
    TRY(refuse_idle(o, model->type, err));
    *out = (struct rules){ 0 };
    if (f == NULL)
        return OK; /* a map without a model */
    model->type->explain->rules(&model->geo, paper && !(m->traits & METHOD_FIXED), f, out);
    settle_method(o, m, out);
    if (m->settle == NULL)
        take_options(o, m, f, out);
    else
        TRY(m->settle(&model->geo, out, err));
    if (model->type->explain->check == NULL)
        return OK;
    return model->type->explain->check(&model->geo, m, f, out, err);
}

enum status settle_signed(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    r->start = 0;
    r->clamp_map = false;
    return OK;
}

enum status settle_last_token(const struct geometry *g, struct rules *r, struct error *err)
{
    r->start = g->depth - 1;
    if (g->readout == READ_TOKEN)
        return OK;
    return fail_key(err, E_CONFIG, "explain.methods",
                    "'attn_gradcam' and 'partial_lrp' look at the attention of the one token that "
                    "meets the head, and this model's head reads several");
}
