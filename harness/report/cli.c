#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "command.h"

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
    if (argp_parse(argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, options) != 0)
        return false;
    if (!*help)
        return true;
    argp_help(argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
    *code = EXIT_DONE;
    return false;
}
