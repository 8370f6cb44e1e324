/* Reading a command line: what the commands share. */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "stats.h"

/* The option that ends the table of every command, and the table's end. */
enum { CLI_HELP = 'h' };
#define CLI_HELP_OPTION                                                                            \
    { "help", CLI_HELP, NULL, 0, "this text", 0 },                                                 \
    {                                                                                              \
        0                                                                                          \
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
    CLI_LIST,  /* struct cli_list: added to it */
    CLI_ONE,   /* const char *: the one argument that is no option */
    CLI_FILES  /* struct cli_list: the arguments that are no options, at least one */
};
struct cli_place {
    enum cli_kind kind;
    int key;
    size_t at; /* offsetof in the command's struct of options */
    double low, high;
    const char *const *words; /* NULL-terminated */
};
/* The options that a command keeps, in a struct of its own. */
struct cli_options {
    const struct cli_place *places;
    size_t size;          /* of the struct */
    const void *defaults; /* the struct before the command line is read */
};
#define CLI_OPTIONS(places, defaults)                                                              \
    {                                                                                              \
        places, sizeof(defaults), &(defaults)                                                      \
    }

/* Rows for the arguments that are no options. `what` is "config" or the like, `try` a command line
 * that would be right; `expected` is what is said where there are none, "a result file (.h5) is
 * expected". */
#define CLI_ONE_ARGUMENT(at, what, try)                                                            \
    {                                                                                              \
        CLI_ONE, ARGP_KEY_ARG, at, 0, 0, (const char *const[])                                     \
        {                                                                                          \
            what, try, NULL                                                                        \
        }                                                                                          \
    }
#define CLI_FILE_ARGUMENTS(at, expected)                                                           \
    {                                                                                              \
        CLI_FILES, ARGP_KEY_ARG, at, 0, 0, (const char *const[])                                   \
        {                                                                                          \
            expected, NULL                                                                         \
        }                                                                                          \
    }
/* The parser of a command: stores the value by the row of this key. EINVAL after a message that
 * names the option and says what would be right; ARGP_ERR_UNKNOWN: no row has the key. */
error_t cli_option(int key, char *value, struct argp_state *);
/* For a parser that does more and calls cli_option for the rest: the command's struct of options,
 * and whether --help was given, so that nothing needs to be there. */
void *cli_options(const struct argp_state *);
bool cli_help_asked(const struct argp_state *);
/* The rows of CLI_BOOTSTRAP_OPTIONS, for a struct bootstrap_options at this offset. */
#define CLI_BOOTSTRAP_PLACES(offset)                                                               \
    { CLI_WHOLE, CLI_RESAMPLES, (offset) + offsetof(struct bootstrap_options, resamples),          \
      10,        100000,        NULL },                                                            \
    {                                                                                              \
        CLI_LONG, CLI_SEED, (offset) + offsetof(struct bootstrap_options, seed), 0, INT32_MAX,     \
            NULL                                                                                   \
    }

/* A command's struct argp; `arguments` is "CONFIG" or the like, `text` the head of the help. */
#define CLI_ARGP(options, parser, arguments, text)                                                 \
    {                                                                                              \
        options, parser, arguments, text, NULL, NULL, NULL                                         \
    }

/* The exit code of a command that ended so, after its message where it failed. `begun`: work had
 * begun. */
int cli_exit_code(enum status, bool begun, const struct error *);
/* Does what a command is for and returns its exit code; `work` sets *begun when it begins. */
int cli_run(enum status (*work)(void *options, bool *begun, struct error *), void *options);
