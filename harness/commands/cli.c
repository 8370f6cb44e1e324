#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"

/* What argp hands to parsers. */
struct cli_input {
    const struct cli_place *places;
    void *options;
};

/* The long name of an option, for messages. */
static const char *option_name(const struct argp_state *state, int key)
{
    for (const struct argp_option *o = state->root_argp->options; o->name != NULL; o++)
        if (o->key == key)
            return o->name;
    return "?";
}

static error_t store_number(const struct cli_place *p, const char *text, struct argp_state *state,
                            void *place)
{
    char *end;
    errno = 0;
    double number = p->kind == CLI_REAL ? strtod(text, &end) : (double)strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno == ERANGE ||
        !(number >= p->low && number <= p->high)) { /* NaN fails both */
        argp_error(state, "--%s %s: a %snumber from %.10g to %.10g is expected",
                   option_name(state, p->key), text, p->kind == CLI_REAL ? "" : "whole ", p->low,
                   p->high);
        return EINVAL;
    }
    if (p->kind == CLI_REAL)
        *(double *)place = number;
    else if (p->kind == CLI_LONG)
        *(uint64_t *)place = (uint64_t)number;
    else
        *(int *)place = (int)number;
    return 0;
}

/* *index: of the text among p->words. */
static error_t find_word(const struct cli_place *p, const char *text, struct argp_state *state,
                         int *index)
{
    char list[200] = "";
    for (size_t i = 0, used = 0; p->words[i] != NULL && used < sizeof list; i++) {
        if (strcmp(p->words[i], text) == 0) {
            *index = (int)i;
            return 0;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                 p->words[i]);
    }
    argp_error(state, "--%s %s: one of %s is expected", option_name(state, p->key), text, list);
    return EINVAL;
}

static error_t add(struct cli_list *list, const char *text)
{
    const char **grown = realloc(list->text, (list->count + 1) * sizeof *grown);
    if (grown == NULL) {
        log_error("out of memory");
        return ENOMEM;
    }
    list->text = grown;
    list->text[list->count++] = text;
    return 0;
}

void cli_list_free(struct cli_list *list)
{
    free(list->text);
    *list = (struct cli_list){ 0 };
}

enum status cli_apply_settings(const struct cli_list *settings, struct config *config,
                               struct error *err)
{
    for (size_t i = 0; i < settings->count; i++)
        TRY(config_set(config, settings->text[i], err));
    return OK;
}

static error_t store_one(const struct cli_place *p, const char *text, struct argp_state *state,
                         const char **place)
{
    if (*place != NULL) {
        argp_error(state, "one %s at a time: '%s' is a second one", p->words[0], text);
        return EINVAL;
    }
    *place = text;
    return 0;
}

static const struct cli_place *place_of(const struct cli_place *places, int key)
{
    while (places->kind != CLI_END && places->key != key)
        places++;
    return places;
}

static bool help_asked(const struct cli_input *in)
{
    return *(const bool *)((const char *)in->options + place_of(in->places, CLI_HELP)->at);
}

/* At the end of the command line: is there an argument where one is needed? */
static error_t check_arguments(const struct cli_input *in, struct argp_state *state)
{
    const struct cli_place *p = place_of(in->places, ARGP_KEY_ARG);
    const void *place = (const char *)in->options + p->at;
    if (help_asked(in))
        return 0;
    if (p->kind == CLI_ONE && *(const char *const *)place == NULL)
        argp_error(state, "a %s is expected; try: %s", p->words[0], p->words[1]);
    else if (p->kind == CLI_FILES && ((const struct cli_list *)place)->count == 0)
        argp_error(state, "%s", p->words[0]);
    else
        return 0;
    return EINVAL;
}

error_t cli_option(int key, char *value, struct argp_state *state)
{
    const struct cli_input *in = state->input;
    if (key == ARGP_KEY_END)
        return check_arguments(in, state);
    const struct cli_place *p = place_of(in->places, key);
    void *place = (char *)in->options + p->at;
    int index = 0;
    error_t bad = 0;
    switch (p->kind) {
    case CLI_FLAG:
        *(bool *)place = true;
        return 0;
    case CLI_TEXT:
        *(const char **)place = value;
        return p->words != NULL ? find_word(p, value, state, &index) : 0;
    case CLI_WORD:
        bad = find_word(p, value, state, &index);
        *(int *)place = index;
        return bad;
    case CLI_WHOLE:
    case CLI_LONG:
    case CLI_REAL:
        return store_number(p, value, state, place);
    case CLI_LIST:
    case CLI_FILES:
        return add(place, value);
    case CLI_ONE:
        return store_one(p, value, state, place);
    case CLI_END:
        break;
    }
    return ARGP_ERR_UNKNOWN;
}

void *cli_options(const struct argp_state *state)
{
    return ((const struct cli_input *)state->input)->options;
}

bool cli_parse(const struct argp *argp, const struct cli_place *places, int argc, char **argv,
               void *options, int *code)
{
    struct cli_input in = { places, options };
    *code = EXIT_USAGE;
    for (int i = 1; i < argc; i++) /* argp's own advice names it beside --help */
        if (strcmp(argv[i], "--usage") == 0) {
            argp_help(argp, stdout, ARGP_HELP_USAGE, argv[0]);
            *code = EXIT_DONE;
            return false;
        }
    if (argp_parse(argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &in) != 0)
        return false;
    if (!help_asked(&in))
        return true;
    argp_help(argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
    *code = EXIT_DONE;
    return false;
}
