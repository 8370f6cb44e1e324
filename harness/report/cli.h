/* What the commands of this folder share of reading a command line. */
#pragma once

#include <argp.h>
#include <stdbool.h>

/* Every command has it in its option table and its options. */
enum { CLI_HELP = 'h' };
#define CLI_HELP_OPTION                                                                            \
    {                                                                                              \
        "help", CLI_HELP, NULL, 0, "this text", 0                                                  \
    }

/* A number in [low, high], or EINVAL after a message that names the option. */
error_t cli_whole(struct argp_state *, const char *option, const char *text, long low, long high,
                  long *out);
error_t cli_real(struct argp_state *, const char *option, const char *text, double low, double high,
                 double *out);

/* Parses; prints the help when *help was set by it. Returns true where the command should go on,
 * else the exit code is in *code. */
bool cli_parse(const struct argp *, int argc, char **argv, void *options, const bool *help,
               int *code);
