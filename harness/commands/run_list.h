/* The runs that a command line asks for: every config, with each checkpoint that stands beside it,
 * and with each entry of its run.vary. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "status.h"

struct run_item {
    struct config *config;
    bool done;
    struct error why; /* code OK: nothing has gone wrong so far */
};

struct run_list {
    struct run_item *item;
    size_t count, room;
};

struct run_words {
    const char *const *files; /* configs and checkpoints, in any order */
    size_t file_count;
    const char *const *settings; /* "section.key=value", over what a config says */
    size_t override_count;
    const char *limit; /* one more setting, or "" */
};

/* Whether a file is a checkpoint and not a config: it holds bytes that no text has. For a file that
 * cannot be read, the ending of its name decides. */
bool run_list_is_checkpoint(const char *path);

/* With checkpoints, makes a run for each config and checkpoint. Name and output of the run then end
 * in the checkpoint's name without folder and ending, preceded by as many of its folders as
 * distinguish it from the others. E_CONFIG: no config, a mistake in one, or two runs with one
 * output. */
enum status run_list_read(const struct run_words *, struct run_list *out, struct error *err);
void run_list_free(struct run_list *);
