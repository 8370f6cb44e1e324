#include "explain_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const explain_precision_names[] = { "auto", "fp32", "mixed", "double", NULL };
const char *const tie_names[] = { "index", "reverse", "random", NULL };
const char *const aggregate_names[] = { "protocol", "mean", "max", "min", "product", NULL };
const char *const sign_names[] = { "protocol", "keep", "clamp", "abs", NULL };
const char *const tristate_names[] = { "protocol", "no", "yes", NULL };
const char *const explained_score_names[] = { "logit", "softmax", NULL };
const char *const level_names[] = { "method", "token", "patch", "pixel", NULL };
const char *const channel_names[] = { "method", "sum", "abs", "max", NULL };
const char *const backward_names[] = { "true", "libra", NULL };
const char *const cam_target_names[] = { "norm", "mixer", NULL };
const char *const influence_names[] = { "jacobian", "gramian", NULL };
const char *const softmax_names[] = { "cp", "attn", NULL };
const char *const no_yes_names[] = { "no", "yes", NULL };
const char *const baseline_names[] = { "mean", "black", NULL };
const char *const variant_names[] = { "mean", "squared", NULL };

#define DEFAULT(NAME, field, initial, value, ...) .field = value,
#define DEFAULT_SWITCH(NAME, field, ...) .field = BY_PROTOCOL,
const struct explain_options explain_defaults = {
    .protocol = "released", EXPLAIN_SWITCHES(DEFAULT, DEFAULT, DEFAULT, DEFAULT_SWITCH)
};

#define CHOICE(NAME, field, initial, value, words, first, published, ablation, help)               \
    { #field, initial, published, ablation },
#define NUMBER(NAME, field, initial, value, low, high, published, ablation, help)                  \
    { #field, initial, published, ablation },
#define SWITCH(NAME, field, published, help) { #field, "protocol", published, false },
const struct explain_switch_info explain_switch_infos[] = { EXPLAIN_SWITCHES(CHOICE, NUMBER, NUMBER,
                                                                             SWITCH) };

bool explain_switch_is_set(const struct explain_options *o, int position)
{
#define IS_SET(NAME, field, ...)                                                                   \
    case EXPLAIN_##NAME##_AT:                                                                      \
        return o->field != explain_defaults.field;
    switch (position) {
        EXPLAIN_SWITCHES(IS_SET, IS_SET, IS_SET, IS_SET)
    default:
        return false;
    }
}

/* The next number of a list with blanks or commas, or NaN. */
static double next_number(const char **at, const char *end)
{
    char *after;
    while (*at < end && (**at == ' ' || **at == ','))
        ++*at;
    double number = *at < end ? strtod(*at, &after) : NAN;
    if (*at == end || after == *at || after > end)
        return NAN;
    *at = after;
    return number;
}

/* `length`: of the first text, which goes on beyond it. */
static bool same_value(const char *a, size_t length, const char *b)
{
    const char *a_end = a + length, *b_end = b + strlen(b);
    if (length == strlen(b) && strncmp(a, b, length) == 0)
        return true;
    while (a < a_end || b < b_end)
        if (next_number(&a, a_end) != next_number(&b, b_end)) /* NaN: no number, and so not equal */
            return false;
    return true;
}

bool explain_same_value(const char *a, const char *b)
{
    return same_value(a, strlen(a), b);
}

bool explain_switch_published(const struct explain_switch_info *s, const char *value,
                              const char *arch)
{
    if (explain_same_value(s->initial, value) || strcmp(s->published, "*") == 0)
        return true;
    size_t prefix = strlen(arch);
    for (const char *at = s->published; *at != '\0'; at += strspn(at, " ")) {
        size_t word = strcspn(at, " "), colon = strcspn(at, " :");
        bool qualified = colon < word;
        const char *rest = qualified ? at + colon + 1 : at;
        if ((!qualified || (colon == prefix && strncmp(at, arch, colon) == 0)) &&
            same_value(rest, word - (size_t)(rest - at), value))
            return true;
        at += word;
    }
    return false;
}
