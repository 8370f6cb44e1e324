#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"

error_t cli_whole(struct argp_state *state, const char *option, const char *text, long low,
                  long high, long *out)
{
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno == 0 && *text && !*end && *out >= low && *out <= high)
        return 0;
    argp_error(state, "--%s %s: a whole number from %ld to %ld is expected", option, text, low,
               high);
    return EINVAL;
}

error_t cli_real(struct argp_state *state, const char *option, const char *text, double low,
                 double high, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (*text && !*end && *out >= low && *out <= high) /* NaN fails both */
        return 0;
    argp_error(state, "--%s %s: a number from %g to %g is expected", option, text, low, high);
    return EINVAL;
}

bool cli_parse(const struct argp *argp, int argc, char **argv, void *options, const bool *help,
               int *code)
{
    *code = EXIT_USAGE;
    for (int i = 1; i < argc; i++) /* argp's own advice names it beside --help */
        if (strcmp(argv[i], "--usage") == 0) {
            argp_help(argp, stdout, ARGP_HELP_USAGE, argv[0]);
            *code = EXIT_DONE;
            return false;
        }
    if (argp_parse(argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, options) != 0)
        return false;
    if (!*help)
        return true;
    argp_help(argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
    *code = EXIT_DONE;
    return false;
}

bool cli_files_open(struct cli_files *f, int argc, const char *command)
{
    *f = (struct cli_files){ .file = calloc((size_t)argc + 1, sizeof *f->file) };
    if (!f->file)
        log_error("evalh %s: no memory", command);
    return f->file != NULL;
}

void cli_files_close(struct cli_files *f)
{
    free(f->file);
    *f = (struct cli_files){ 0 };
}

error_t cli_files_parse(struct cli_files *f, int key, char *value, struct argp_state *state,
                        bool help, const char *expected)
{
    switch (key) {
    case ARGP_KEY_ARG:
        f->file[f->files++] = value;
        return 0;
    case ARGP_KEY_END:
        if (f->files > 0 || help)
            return 0;
        argp_error(state, "%s is expected", expected);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

error_t cli_one(const char **slot, int key, char *value, struct argp_state *state, bool help,
                const char *what, const char *try)
{
    switch (key) {
    case ARGP_KEY_ARG:
        if (*slot != NULL) {
            argp_error(state, "one %s at a time: '%s' is a second one", what, value);
            return EINVAL;
        }
        *slot = value;
        return 0;
    case ARGP_KEY_END:
        if (*slot != NULL || help)
            return 0;
        argp_error(state, "a %s is expected; try: %s", what, try);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

error_t cli_bootstrap(struct bootstrap_options *b, int key, const char *value,
                      struct argp_state *state)
{
    bool seed = key == CLI_SEED;
    long number = 0;
    error_t bad = seed ? cli_whole(state, "seed", value, 0, INT32_MAX, &number)
                       : cli_whole(state, "resamples", value, 10, 100000, &number);
    if (bad)
        return bad;
    if (seed)
        b->seed = (uint64_t)number;
    else
        b->resamples = (int)number;
    return 0;
}
