/* What the commands share of reading a command line. */
#pragma once

#include <argp.h>
#include <stdbool.h>

#include "stats.h"

/* Every command has it in its option table and its options. */
enum { CLI_HELP = 'h' };
#define CLI_HELP_OPTION                                                                            \
    {                                                                                              \
        "help", CLI_HELP, NULL, 0, "this text", 0                                                  \
    }

/* Two options of every command that resamples; the parser hands their keys to cli_bootstrap. */
enum { CLI_RESAMPLES = 0x1000, CLI_SEED };
#define CLI_BOOTSTRAP_OPTIONS                                                                      \
    { "resamples", CLI_RESAMPLES, "N", 0, "of the bootstrap, 10 ... 100000 (default 1000)", 0 },   \
    {                                                                                              \
        "seed", CLI_SEED, "N", 0, "of the bootstrap (default 1)", 0                                \
    }
error_t cli_bootstrap(struct bootstrap_options *, int key, const char *value, struct argp_state *);

/* A number in [low, high], or EINVAL after a message that names the option. */
error_t cli_whole(struct argp_state *, const char *option, const char *text, long low, long high,
                  long *out);
error_t cli_real(struct argp_state *, const char *option, const char *text, double low, double high,
                 double *out);

/* The files that a command is given: option parsers hand ARGP_KEY_ARG and ARGP_KEY_END on. */
struct cli_files {
    const char **file; /* [files] the caller's argv */
    int files;
};
/* Room for a whole argv; false, and logged, where memory ran out. */
bool cli_files_open(struct cli_files *, int argc, const char *command);
void cli_files_close(struct cli_files *);
/* `expected` says what there must be one of: "a result file (.h5)"; help needs none. */
error_t cli_files_parse(struct cli_files *, int key, char *value, struct argp_state *, bool help,
                        const char *expected);

/* The one CONFIG or MODEL of a command goes to *slot; the same keys are handed on. `what`:
 * "config", `try`: a command line that would do. */
error_t cli_one(const char **slot, int key, char *value, struct argp_state *, bool help,
                const char *what, const char *try);

/* Parses; prints the help when *help was set by it. Returns true where the command should go on,
 * else the exit code is in *code. */
bool cli_parse(const struct argp *, int argc, char **argv, void *options, const bool *help,
               int *code);
