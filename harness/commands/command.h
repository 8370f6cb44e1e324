/* Subcommands of evalh: one file each, and one line in the table of commands.c.
 *
 * Exit codes: 0 done; 1 something failed, or was stopped, after work had begun; 2 nothing was run,
 * because the command line, a config or an input is not right. */
#pragma once

#include <argp.h>

#include "cli.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary;     /* one line for evalh --help */
    const struct argp *argp; /* the command line: man page and shell completion follow from it */
    struct cli_options options;
    int (*run)(void *options); /* returns the exit code */
};

/* Reads the command line and runs the command. argv[0] is the full name for messages ("evalh
 * report"). Returns the exit code; never calls exit(). */
int command_main(const struct command *, int argc, char **argv);

extern const struct command *const commands[]; /* NULL-terminated */

extern const struct command command_run;
extern const struct command command_attn;
extern const struct command command_doctor;
extern const struct command command_explain;
extern const struct command command_report;
extern const struct command command_compare;
extern const struct command command_rescore;
extern const struct command command_info;
extern const struct command command_precision;
extern const struct command command_bench;
extern const struct command command_export;
