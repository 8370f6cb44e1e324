/* Reading a command line: what the commands share. */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "stats.h"

/* Every command has this option in its table, and a place for it. */
enum { CLI_HELP = 'h' };
#define CLI_HELP_OPTION                                                                            \
    {                                                                                              \
        "help", CLI_HELP, NULL, 0, "this text", 0                                                  \
    }

/* Two options of every command that resamples. */
enum { CLI_RESAMPLES = 0x1000, CLI_SEED };
#define CLI_BOOTSTRAP_OPTIONS                                                                      \
    { "resamples", CLI_RESAMPLES, "N", 0, "of the bootstrap, 10 ... 100000 (default 1000)", 0 },   \
    {                                                                                              \
        "seed", CLI_SEED, "N", 0, "of the bootstrap (default 1)", 0                                \
    }

/* An option of every command that reads a config. */
#define CLI_SET_OPTION(help)                                                                       \
    {                                                                                              \
        "set", 's', "SECTION.KEY=VALUE", 0, help, 0                                                \
    }

/* Texts of the command line in their order. They belong to argv, the array to the list. */
struct cli_list {
    const char **text; /* [count] */
    size_t count;
};
void cli_list_free(struct cli_list *);
/* The values of all --set, put into the config one after the other. */
enum status cli_apply_settings(const struct cli_list *, struct config *, struct error *err);

/* Where the value of an option goes: one row for each option that is stored as it is. */
enum cli_kind {
    CLI_END,   /* after the last row */
    CLI_FLAG,  /* bool: true */
    CLI_TEXT,  /* const char *; one of `words`, where there are any */
    CLI_WORD,  /* int: the index among `words` */
    CLI_WHOLE, /* int in [low, high] */
    CLI_LONG,  /* uint64_t in [low, high] */
    CLI_REAL,  /* double in [low, high] */
    CLI_LIST   /* struct cli_list: added to it */
};
struct cli_place {
    enum cli_kind kind;
    int key;
    size_t at; /* offsetof in the command's struct of options */
    double low, high;
    const char *const *words; /* NULL-terminated */
};
/* Stores the value in `options` by the row of this key. ARGP_ERR_UNKNOWN: no row has it; EINVAL
 * after a message that names the option and says what would be right. */
error_t cli_store(const struct cli_place *, int key, char *value, struct argp_state *,
                  void *options);
/* The rows of CLI_BOOTSTRAP_OPTIONS, for a struct bootstrap_options at this offset. */
#define CLI_BOOTSTRAP_PLACES(offset)                                                               \
    { CLI_WHOLE, CLI_RESAMPLES, (offset) + offsetof(struct bootstrap_options, resamples),          \
      10,        100000,        NULL },                                                            \
    {                                                                                              \
        CLI_LONG, CLI_SEED, (offset) + offsetof(struct bootstrap_options, seed), 0, INT32_MAX,     \
            NULL                                                                                   \
    }

/* The files that a command is given: option parsers hand ARGP_KEY_ARG and ARGP_KEY_END on.
 * `expected`: what is said where there are none, "a result file (.h5) is expected"; help needs
 * none. */
error_t cli_files(struct cli_list *, int key, char *value, struct argp_state *, bool help,
                  const char *expected);

/* For commands with one CONFIG or MODEL, which is stored in *slot: option parsers hand ARGP_KEY_ARG
 * and ARGP_KEY_END on. `what` is "config" or the like, `try` a command line that would be right. */
error_t cli_one(const char **slot, int key, char *value, struct argp_state *, bool help,
                const char *what, const char *try);

/* Parses; prints the help when *help was set by it. Returns true where the command should go on,
 * else the exit code is in *code. */
bool cli_parse(const struct argp *, int argc, char **argv, void *options, const bool *help,
               int *code);
