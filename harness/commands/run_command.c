/* evalh run: configs in, result files out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "log.h"
#include "run_again.h"
#include "run_found.h"
#include "run_list.h"
#include "run_one.h"
#include "stop.h"
#include "task.h"

struct arguments {
    struct cli_list files, settings;
    bool dry_run, fresh, keys, methods;
    const char *limit; /* NULL: as the configs say */
    char *again;       /* the command that goes on after an interruption */
};

/* ---- all runs ---------------------------------------------------------------------------------
 */

/* Rank 0 opens its plan first and the others follow, so that a mistake is reported once and a demo
 * set is written once. */
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

/* Prints whether the store would accept the run, and which results it would continue. */
static enum status show_found(const struct arguments *a, const struct plan *plan, int ranks,
                              FILE *to, struct error *err)
{
    struct store_found found;
    char text[200];
    TRY(plan_check_maps(plan, err));
    TRY(run_look(plan, true, ranks, a->fresh, &found, err));
    if (run_found_text(&found, text, sizeof text)[0] != '\0')
        fprintf(to, "  found      %s\n", text);
    return OK;
}

/* Every plan is opened and printed before the first one runs, so that a mistake in the last one
 * does not show after hours. A run that would be refused is reported and not run. */
static void show_plans(const struct arguments *a, const struct ranks *ranks, struct run_list *all)
{
    struct plan *plan;
    FILE *to = a->dry_run ? stdout : stderr;
    for (size_t i = 0; i < all->count; i++) {
        struct run_item *item = &all->item[i];
        enum status status = plan_open(item->config, &plan, &item->why);
        if (status == OK) {
            plan_print(plan, ranks_count(ranks), to);
            status = show_found(a, plan, ranks_count(ranks), to, &item->why);
        }
        item->why.code = status;
        if (status != OK)
            log_error("%s", item->why.text);
        plan_close(plan);
    }
}

/* Gives every rank what rank 0 found in show_plans. */
static void share_failures(struct ranks *ranks, struct run_list *all)
{
    unsigned char failed[RANKS_SHARE];
    for (size_t first = 0; first < all->count; first += RANKS_SHARE) {
        size_t rest = all->count - first, count = rest < RANKS_SHARE ? rest : RANKS_SHARE;
        for (size_t i = 0; i < count; i++)
            failed[i] = (unsigned char)all->item[first + i].why.code;
        ranks_share(ranks, failed, count);
        for (size_t i = 0; i < count; i++)
            all->item[first + i].why.code = (enum status)failed[i];
    }
}

/* What show_plans does for several runs; every rank calls it. */
static enum status show_run(struct ranks *ranks, const struct plan *plan, struct error *err)
{
    enum status status = OK;
    if (ranks_lead(ranks)) {
        plan_print(plan, ranks_count(ranks), stderr);
        status = plan_check_maps(plan, err);
    }
    return ranks_agree(ranks, status, err);
}

static enum status run_item(const struct arguments *a, struct ranks *ranks, bool show,
                            struct run_item *item, bool *begun)
{
    struct plan *plan = NULL;
    enum status status = OK;
    if (stop_requested()) /* at the very end of the run before */
        status = fail(&item->why, E_STOPPED, "stopped by signal %d before it began", stop_signal());
    status = ranks_agree(ranks, status, &item->why);
    if (status == OK)
        status = open_plan(ranks, item->config, &plan, &item->why);
    if (status == OK && show)
        status = show_run(ranks, plan, &item->why);
    if (status == OK) {
        stop_listen();
        status = run_one(ranks, plan, a->fresh, a->again, begun, &item->why);
        stop_leave();
    }
    plan_close(plan);
    item->done = status == OK;
    item->why.code = status;
    return status;
}

/* Runs one after the other; goes on after a failure, but not after a signal. */
static void run_all(const struct arguments *a, struct ranks *ranks, struct run_list *all,
                    bool *begun)
{
    bool several = all->count > 1;
    if ((several || a->dry_run) && ranks_lead(ranks))
        show_plans(a, ranks, all);
    share_failures(ranks, all);
    if (a->dry_run)
        return;
    for (size_t i = 0; i < all->count; i++) {
        struct run_item *item = &all->item[i];
        if (item->why.code != OK)
            continue;
        enum status status = run_item(a, ranks, !several, item, begun);
        if (status != OK && ranks_lead(ranks))
            log_error("%s", item->why.text);
        if (status == E_STOPPED)
            break;
    }
}

/* After several runs, lists those that failed, and why. */
static void sum_up(const struct run_list *all)
{
    size_t done = 0, failed = 0;
    for (size_t i = 0; i < all->count; i++) {
        done += all->item[i].done;
        failed += all->item[i].why.code != OK;
    }
    if (failed == 0)
        return;
    log_error("%zu of %zu runs failed, %zu are done; those that failed, and why:", failed,
              all->count, done);
    for (size_t i = 0; i < all->count; i++) {
        const struct run_item *item = &all->item[i];
        if (item->why.code != OK)
            log_error("  %s: %s", config_values(item->config)->run.name, item->why.text);
    }
}

/* The exit code. Nothing was begun where every run was refused before it started. */
static int judge_all(const struct arguments *a, const struct run_list *all, bool begun)
{
    bool failed = false, done = false;
    for (size_t i = 0; i < all->count; i++) {
        failed |= all->item[i].why.code != OK;
        done |= all->item[i].done;
    }
    return !failed ? EXIT_DONE : (begun || done) && !a->dry_run ? EXIT_FAILED : EXIT_USAGE;
}

static enum status read_runs(const struct arguments *a, struct run_list *all, struct error *err)
{
    char limit[64] = "";
    if (a->limit != NULL)
        snprintf(limit, sizeof limit, "run.limit=%s", a->limit);
    const struct run_words words = { .files = a->files.text,
                                     .file_count = a->files.count,
                                     .settings = a->settings.text,
                                     .override_count = a->settings.count,
                                     .limit = limit };
    return run_list_read(&words, all, err);
}

static int run_configs(const struct arguments *a)
{
    struct error err;
    struct run_list all = { 0 };
    struct ranks *ranks;
    bool begun = false, speaks = true;
    int code = EXIT_USAGE;
    enum status status = ranks_open(&ranks, &err);
    if (status == OK) {
        speaks = ranks_lead(ranks);
        if (!speaks)
            log_set_level(LOG_WARN); /* a rank warns of the pictures that it leaves out itself */
        status = ranks_agree(ranks, read_runs(a, &all, &err), &err);
    }
    if (status == OK) {
        run_all(a, ranks, &all, &begun);
        if (speaks && all.count > 1 && !a->dry_run)
            sum_up(&all);
        code = judge_all(a, &all, begun);
    } else if (speaks) {
        log_error("%s", err.text);
    }
    run_list_free(&all);
    if (ranks != NULL)
        ranks_close(ranks);
    return code;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_FRESH = 256, KEY_KEYS, KEY_METHODS };

static const struct argp_option option_table[] = {
    CLI_SET_OPTION("a key of the config, over what its file says"),
    { "limit", 'l', "N", 0, "only N images, evenly over the data set (run.limit, data.subset)", 0 },
    { "dry-run", 'n', NULL, 0, "open and check everything, say what would be done, and stop", 0 },
    { "fresh", KEY_FRESH, NULL, 0, "start over, and replace a result that is there", 0 },
    { "keys", KEY_KEYS, NULL, 0, "list every key of a config, and stop", 0 },
    { "methods", KEY_METHODS, NULL, 0, "list explanation methods, tasks, data sets, and stop", 0 },
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct arguments, field)
static const struct cli_place places[] = {
    { CLI_LIST, 's', AT(settings), 0, 0, NULL },
    { CLI_TEXT, 'l', AT(limit), 0, 0, NULL },
    { CLI_FLAG, 'n', AT(dry_run), 0, 0, NULL },
    { CLI_FLAG, KEY_FRESH, AT(fresh), 0, 0, NULL },
    { CLI_FLAG, KEY_KEYS, AT(keys), 0, 0, NULL },
    { CLI_FLAG, KEY_METHODS, AT(methods), 0, 0, NULL },
    { CLI_LIST, ARGP_KEY_ARG, AT(files), 0, 0, NULL },
    { 0 },
};

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

static const struct argp argp =
    CLI_ARGP(option_table, cli_option, "CONFIG... [CHECKPOINT...]",
             "Runs what each CONFIG says and writes its result file; an interrupted run goes on "
             "where it stopped. With checkpoints (weights/*.pth), each CONFIG is run for each of "
             "them in place of its model.checkpoint, and name and output get the checkpoint's name "
             "at their end. A run that fails does not keep the others from running.");

static int run_run(void *options)
{
    struct arguments *a = options;
    int code = EXIT_DONE;
    if (a->keys)
        print_keys();
    else if (a->methods)
        print_tables();
    else if (a->files.count > 0)
        code = (a->again = run_again(a->files.text, a->files.count, a->settings.text,
                                     a->settings.count, a->limit)) != NULL
                   ? run_configs(a)
                   : EXIT_FAILED;
    else {
        log_error("no config is given; try: evalh run configs/demo_vim.ini, or evalh run --help");
        code = EXIT_USAGE;
    }
    free(a->again);
    return code;
}

static const struct arguments defaults = { .limit = NULL };

const struct command command_run = { "run", "runs what configs say; continues interrupted runs",
                                     &argp, CLI_OPTIONS(places, defaults), run_run };
