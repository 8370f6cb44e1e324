/* Runs a subcommand inside the test, with its output caught; and a folder for the test's files. */
#pragma once

#include "command.h"

struct outcome {
    int code;
    char *out, *err; /* what it wrote */
};

/* Arguments without the command's own name; NULL ends them. */
struct outcome run_command(const struct command *, const char *const *arguments);
void outcome_free(struct outcome *);

/* Whole file as a text; ends the program where there is none. */
char *read_file(const char *path);

/* Set-up and tear-down of cmocka groups; HDF5 prints nothing of its own from then on. */
int make_folder(void **state);
int remove_folder(void **state);
/* A path in that folder; good until eight later calls. */
const char *in_folder(const char *name);
