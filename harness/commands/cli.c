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
    bool help; /* is asked for */
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

/* At the end of the command line: is there an argument where one is needed? */
static error_t check_arguments(const struct cli_input *in, struct argp_state *state)
{
    const struct cli_place *p = place_of(in->places, ARGP_KEY_ARG);
    const void *place = (const char *)in->options + p->at;
    if (in->help)
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
    struct cli_input *in = state->input;
    if (key == ARGP_KEY_END)
        return check_arguments(in, state);
    if (key == CLI_HELP) {
        in->help = true;
        return 0;
    }
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

bool cli_help_asked(const struct argp_state *state)
{
    return ((const struct cli_input *)state->input)->help;
}

int cli_exit_code(enum status status, bool begun, const struct error *err)
{
    if (status == OK)
        return EXIT_DONE;
    log_error("%s", err->text);
    return begun ? EXIT_FAILED : EXIT_USAGE;
}

int cli_run(enum status (*work)(void *options, bool *begun, struct error *), void *options)
{
    struct error err = { 0 };
    bool begun = false;
    enum status status = work(options, &begun, &err);
    return cli_exit_code(status, begun, &err);
}

static int parse_and_run(const struct command *c, int argc, char **argv, void *options)
{
    struct cli_input in = { c->options.places, options, false };
    for (int i = 1; i < argc; i++) /* argp's own advice names it beside --help */
        if (strcmp(argv[i], "--usage") == 0) {
            argp_help(c->argp, stdout, ARGP_HELP_USAGE, argv[0]);
            return EXIT_DONE;
        }
    if (argp_parse(c->argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &in) != 0)
        return EXIT_USAGE;
    if (!in.help)
        return c->run(options);
    argp_help(c->argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
    return EXIT_DONE;
}

int command_main(const struct command *c, int argc, char **argv)
{
    void *options = malloc(c->options.size);
    if (options == NULL) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    memcpy(options, c->options.defaults, c->options.size);
    int code = parse_and_run(c, argc, argv, options);
    for (const struct cli_place *p = c->options.places; p->kind != CLI_END; p++)
        if (p->kind == CLI_LIST || p->kind == CLI_FILES)
            free(((struct cli_list *)(void *)((char *)options + p->at))->text);
    free(options);
    return code;
}
