/* evalh run: configs in, result files out. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "log.h"
#include "run_one.h"
#include "stop.h"
#include "task.h"

struct arguments {
    const char **configs, **settings; /* [argc] each */
    size_t config_count, setting_count;
    bool dry_run, fresh, help, keys, methods;
    char limit[64]; /* "run.limit=N" or "" */
    char *again;    /* the command that goes on after an interruption */
};

/* ---- all configs ----------------------------------------------------------------------------- */

struct configs {
    struct config **list;
    size_t count, room;
};

static enum status read_config(const struct arguments *a, const char *path, struct config **out,
                               struct error *err)
{
    TRY(config_new(out, err));
    enum status status = config_read(*out, path, err);
    for (size_t i = 0; i < a->setting_count && status == OK; i++)
        status = config_set(*out, a->settings[i], err);
    if (status == OK && a->limit[0] != '\0')
        status = config_set(*out, a->limit, err);
    return status;
}

/* Room for one more; its config is NULL. */
static enum status add_config(struct configs *all, struct config ***slot, struct error *err)
{
    if (all->count == all->room) {
        size_t room = 2 * all->room + 8;
        struct config **grown = realloc(all->list, room * sizeof *grown);
        if (grown == NULL)
            return fail(err, E_NOMEM, "out of memory");
        all->list = grown;
        all->room = room;
    }
    *slot = &all->list[all->count++];
    **slot = NULL;
    return OK;
}

/* One of run.vary's runs: its own name and output, told by what it sets. */
static enum status set_variant(struct config *c, const struct config_values *base,
                               const char *assignment, struct error *err)
{
    char tag[128], text[4600];
    size_t key = strcspn(assignment, "=");
    const char *dot = memchr(assignment, '.', key);
    snprintf(tag, sizeof tag, "%s", dot != NULL ? dot + 1 : assignment);
    for (char *p = tag; *p != '\0'; p++)
        if (strchr("=/ \t", *p) != NULL)
            *p = '-';
    snprintf(text, sizeof text, "%s%s", dot != NULL ? "" : "explain.", assignment);
    TRY(config_set(c, text, err));
    snprintf(text, sizeof text, "run.name=%s-%s", base->run.name, tag);
    TRY(config_set(c, text, err));
    const char *output = base->run.output;
    size_t stem = strlen(output);
    if (stem > 3 && strcmp(output + stem - 3, ".h5") == 0)
        stem -= 3;
    snprintf(text, sizeof text, "run.output=%.*s-%s.h5", (int)stem, output, tag);
    TRY(config_set(c, text, err));
    return config_finish(c, err);
}

/* The runs of one config file: itself, and those of run.vary. */
static enum status read_configs(const struct arguments *a, const char *path, struct configs *all,
                                struct error *err)
{
    struct config **slot = NULL, *base;
    TRY(add_config(all, &slot, err));
    TRY(read_config(a, path, slot, err));
    base = *slot;
    TRY(config_finish(base, err));
    const struct words *vary = &config_values(base)->run.vary;
    for (size_t i = 0; i < vary->count; i++) {
        TRY(add_config(all, &slot, err));
        TRY(read_config(a, path, slot, err));
        if (set_variant(*slot, config_values(base), vary->word[i], err) != OK)
            return config_blame(base, vary, err);
    }
    return OK;
}

static enum status check_outputs(struct config *const *configs, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(config_values(configs[i])->run.output,
                       config_values(configs[k])->run.output) == 0)
                return config_fail(configs[i], &config_values(configs[i])->run.output, err,
                                   "is the output of %s too; each run wants its own",
                                   config_path(configs[k]));
    return OK;
}

/* Rank 0 opens its plan first, then all others theirs: a mistake is told once, and a demo set is
 * written once. */
static enum status open_plan(struct ranks *ranks, struct config *config, struct plan **plan,
                             struct error *err)
{
    const struct plan_place place = { .device = ranks_local(ranks),
                                      .sharers = ranks_sharers(ranks) };
    enum status status = OK;
    *plan = NULL;
    if (ranks_lead(ranks))
        status = plan_open_at(config, &place, plan, err);
    TRY(ranks_agree(ranks, status, err));
    if (!ranks_lead(ranks))
        status = plan_open_at(config, &place, plan, err);
    status = ranks_agree(ranks, status, err);
    if (status != OK) {
        plan_close(*plan);
        *plan = NULL;
    }
    return status;
}

/* Every plan is opened and printed before the first one runs, so that a mistake in the last config
 * does not show after hours. */
static enum status show_plans(const struct arguments *a, const struct ranks *ranks,
                              const struct configs *all, struct error *err)
{
    struct plan *plan;
    for (size_t i = 0; i < all->count; i++) {
        TRY(plan_open(all->list[i], &plan, err));
        plan_print(plan, ranks_count(ranks), a->dry_run ? stdout : stderr);
        plan_close(plan);
    }
    return OK;
}

static enum status run_configs(const struct arguments *a, struct ranks *ranks,
                               const struct configs *all, bool *begun, struct error *err)
{
    struct plan *plan;
    enum status status = OK;
    bool show = a->dry_run || all->count > 1;
    if (show && ranks_lead(ranks))
        status = show_plans(a, ranks, all, err);
    TRY(ranks_agree(ranks, status, err));
    if (a->dry_run)
        return OK;
    stop_listen();
    for (size_t i = 0; i < all->count; i++) {
        TRY(open_plan(ranks, all->list[i], &plan, err));
        if (!show && ranks_lead(ranks))
            plan_print(plan, ranks_count(ranks), stderr);
        status = run_one(ranks, plan, a->fresh, a->again, begun, err);
        plan_close(plan);
        TRY(status);
    }
    return OK;
}

static enum status read_all(const struct arguments *a, struct configs *all, struct error *err)
{
    for (size_t i = 0; i < a->config_count; i++)
        TRY(read_configs(a, a->configs[i], all, err));
    return check_outputs(all->list, all->count, err);
}

static int run(const struct arguments *a)
{
    struct error err;
    struct configs all = { 0 };
    struct ranks *ranks;
    bool begun = false, speaks = true;
    enum status status = ranks_open(&ranks, &err);
    if (status == OK) {
        speaks = ranks_lead(ranks);
        if (!speaks)
            log_set_level(LOG_WARN); /* what a rank has seen itself: pictures it leaves out */
        status = ranks_agree(ranks, read_all(a, &all, &err), &err);
    }
    if (status == OK)
        status = run_configs(a, ranks, &all, &begun, &err);
    if (status != OK && speaks)
        log_error("%s", err.text);
    for (size_t i = 0; i < all.count; i++)
        config_free(all.list[i]);
    free(all.list);
    if (ranks != NULL)
        ranks_close(ranks);
    return status == OK ? EXIT_DONE : begun ? EXIT_FAILED : EXIT_USAGE;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_FRESH = 256, KEY_KEYS, KEY_METHODS };

static const struct argp_option options[] = {
    { "set", 's', "SECTION.KEY=VALUE", 0, "a key of the config, over what its file says", 0 },
    { "limit", 'l', "N", 0, "only N images, evenly over the data set (run.limit, data.subset)", 0 },
    { "dry-run", 'n', NULL, 0, "open and check everything, say what would be done, and stop", 0 },
    { "fresh", KEY_FRESH, NULL, 0, "start over, and replace a result that is there", 0 },
    { "keys", KEY_KEYS, NULL, 0, "list every key of a config, and stop", 0 },
    { "methods", KEY_METHODS, NULL, 0, "list explanation methods, tasks, data sets, and stop", 0 },
    { "help", 'h', NULL, 0, "this text", 0 },
    { 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 's':
        a->settings[a->setting_count++] = arg;
        return 0;
    case 'l':
        snprintf(a->limit, sizeof a->limit, "run.limit=%s", arg);
        return 0;
    case 'n':
        a->dry_run = true;
        return 0;
    case KEY_FRESH:
        a->fresh = true;
        return 0;
    case KEY_KEYS:
        a->keys = true;
        return 0;
    case KEY_METHODS:
        a->methods = true;
        return 0;
    case 'h':
        a->help = true;
        return 0;
    case ARGP_KEY_ARG:
        a->configs[a->config_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_keys(void)
{
    char *text = config_reference();
    if (text != NULL)
        fputs(text, stdout);
    free(text);
}

static void print_tables(void)
{
    puts("explain.methods");
    for (int i = 0; explain_methods[i] != NULL; i++)
        printf("  %-14s %s\n", explain_methods[i]->name, explain_methods[i]->summary);
    puts("task.kind");
    for (int i = 0; tasks[i] != NULL; i++)
        printf("  %-14s %s\n", tasks[i]->name, tasks[i]->summary);
    puts("data.kind");
    for (int i = 0; dataset_kinds[i] != NULL; i++)
        printf("  %-14s %s\n", dataset_kinds[i]->name, dataset_kinds[i]->summary);
}

static const struct argp argp = { .options = options,
                                  .parser = parse,
                                  .args_doc = "CONFIG...",
                                  .doc = "Runs what each CONFIG says and writes its result "
                                         "file; an interrupted run goes on where it stopped." };

/* As a shell takes it. */
static void put_word(FILE *f, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=.,:/+@%";
    bool quoted = word[0] == '\0' || word[strspn(word, plain)] != '\0';
    fputs(quoted ? " '" : " ", f);
    for (const char *p = word; *p != '\0'; p++)
        if (*p == '\'')
            fputs("'\\''", f);
        else
            fputc(*p, f);
    if (quoted)
        fputc('\'', f);
}

/* The same run again: all its options but --fresh, which would begin anew. */
static char *command_again(const struct arguments *a)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    fputs("evalh run", f);
    for (size_t i = 0; i < a->config_count; i++)
        put_word(f, a->configs[i]);
    for (size_t i = 0; i < a->setting_count; i++) {
        fputs(" -s", f);
        put_word(f, a->settings[i]);
    }
    if (a->limit[0] != '\0')
        fprintf(f, " --limit %s", strchr(a->limit, '=') + 1);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

static int main_run(int argc, char **argv)
{
    struct arguments a = { .configs = calloc((size_t)argc + 1, sizeof *a.configs),
                           .settings = calloc((size_t)argc + 1, sizeof *a.settings) };
    int code = EXIT_USAGE;
    if (a.configs == NULL || a.settings == NULL)
        log_error("out of memory");
    else if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &a) == 0) {
        code = EXIT_DONE;
        if (a.help)
            argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
        else if (a.keys)
            print_keys();
        else if (a.methods)
            print_tables();
        else if (a.config_count > 0)
            code = (a.again = command_again(&a)) != NULL ? run(&a) : EXIT_FAILED;
        else {
            log_error(
                "no config is given; try: evalh run configs/demo_vim.ini, or evalh run --help");
            code = EXIT_USAGE;
        }
    }
    free(a.configs);
    free(a.settings);
    free(a.again);
    return code;
}

const struct command command_run = { "run", "runs what configs say; continues interrupted runs",
                                     main_run, &argp };
