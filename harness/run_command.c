/* evalh run: configs in, result files out. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "explain.h"
#include "log.h"
#include "plan.h"
#include "progress.h"
#include "runner.h"
#include "stop.h"
#include "store.h"
#include "summary.h"
#include "task.h"
#include "version.h"

struct arguments {
    const char **configs, **settings; /* [argc] each */
    size_t config_count, setting_count;
    bool dry_run, fresh, help, keys, methods;
    char limit[64]; /* "run.limit=N" or "" */
};

/* ---- one run --------------------------------------------------------------------------------- */

static enum status run_shards(struct plan *plan, struct runner *runner, struct store *store,
                              struct progress *progress, struct error *err)
{
    for (size_t i = 0; i < store_shards(store); i++) {
        size_t first, count;
        if (store_has(store, i))
            continue;
        store_range(store, i, &first, &count);
        enum status status = runner_shard(runner, first, count, progress, err);
        if (status == OK)
            status = store_put(store, i, runner_records(runner), err);
        if (status == OK && stop_requested() && store_done(store) < store_shards(store))
            status = fail(err, E_STOPPED, "stopped");
        if (status == E_STOPPED)
            fail(err, E_STOPPED,
                 "stopped by signal %d: %zu of %zu shards are done; 'evalh run %s' goes on from "
                 "there",
                 stop_signal(), store_done(store), store_shards(store), config_path(plan->config));
        else if (status != OK && store_done(store) > 0)
            log_info("%zu of %zu shards are done and kept in %s.parts", store_done(store),
                     store_shards(store), plan->v->run.output);
        TRY(status);
    }
    return OK;
}

/* Provenance beside what the store knows itself. */
static enum status merge(struct plan *plan, struct runner *runner, struct store *store,
                         const struct progress *progress, struct error *err)
{
    static const char *const precisions[] = { "fp32", "tf32", "bf16", "double" };
    char created[32];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const char *slash = strrchr(plan->model->checkpoint->path, '/');
    struct store_attribute attributes[] = {
        { "evalh_version", EVALH_VERSION, 0, false },
        { "git_commit", EVALH_COMMIT, 0, false },
        { "protocol", plan->v->run.protocol == PROTOCOL_PAPER ? "paper" : "released", 0, false },
        { "arch", model_name(plan->model), 0, false },
        { "checkpoint", slash != NULL ? slash + 1 : plan->model->checkpoint->path, 0, false },
        { "dataset", plan->data->kind->name, 0, false },
        { "preprocess", preprocess_names[plan->v->data.preprocess], 0, false },
        { "precision", precisions[plan->backend->precision], 0, false },
        { "created_utc", created, 0, false },
        /* Last, as it is left out where earlier runs had a part in the time. */
        { "seconds", NULL, progress_seconds(progress), false },
    };
    size_t count = sizeof attributes / sizeof attributes[0];
    return store_merge(store, runner_records(runner), attributes,
                       progress->before > 0 ? count - 1 : count, summary_add, err);
}

static enum status run_store(struct plan *plan, struct store *store, struct error *err)
{
    struct runner *runner;
    struct progress progress;
    size_t before = 0, first, count, largest = 0;
    for (size_t i = 0; i < store_shards(store); i++) {
        store_range(store, i, &first, &count);
        before += store_has(store, i) ? count : 0;
        largest = count > largest ? count : largest;
    }
    if (before > 0)
        log_info("%s: continuing; %zu of %zu images are done", plan->v->run.name, before,
                 plan->images);
    TRY(runner_open(plan, largest, &runner, err));
    progress_begin(&progress, plan->v->run.name, plan->images, before);
    enum status status = run_shards(plan, runner, store, &progress, err);
    progress_break(&progress);
    if (status == OK)
        status = merge(plan, runner, store, &progress, err);
    runner_close(runner);
    if (status == OK && progress.done > 0)
        log_info("%s: %zu images in %.1f s, %.3f s an image; peak memory %.0f MiB",
                 plan->v->run.name, progress.done, progress_seconds(&progress),
                 progress_seconds(&progress) / (double)progress.done, peak_memory_mib());
    return status;
}

/* *begun: whether work had begun, which decides the exit code. */
static enum status run_plan(struct plan *plan, bool fresh, bool *begun, struct error *err)
{
    struct store *store;
    const struct store_identity id = { .config = plan->config,
                                       .checkpoint_sha256 = plan->model->checkpoint->sha256,
                                       .dataset_fingerprint = plan->data->fingerprint,
                                       .device = plan->device,
                                       .images = plan->images,
                                       .shard_size = (size_t)plan->v->run.shard_size };
    TRY(store_open(plan->v->run.output, &id, fresh, &store, err));
    enum status status = OK;
    if (store_complete(store)) {
        log_info("%s: %s is complete already; --fresh makes it anew", plan->v->run.name,
                 plan->v->run.output);
    } else {
        *begun = true;
        status = run_store(plan, store, err);
    }
    store_close(store);
    if (status == OK) {
        printf("%s: %s\n", plan->v->run.name, plan->v->run.output);
        status = summary_print(plan->v->run.output, err);
        fflush(stdout);
    }
    return status;
}

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

/* Every plan is opened and printed before the first one runs, so that a mistake in the last config
 * does not show after hours. */
static enum status run_configs(const struct arguments *a, struct config *const *configs,
                               size_t count, bool *begun, struct error *err)
{
    struct plan *plan = NULL;
    for (size_t i = 0; i < count; i++) {
        TRY(plan_open(configs[i], &plan, err));
        plan_print(plan, a->dry_run ? stdout : stderr);
        if (count == 1 && !a->dry_run)
            break;
        plan_close(plan);
        plan = NULL;
    }
    if (a->dry_run)
        return OK;
    stop_listen();
    for (size_t i = 0; i < count; i++) {
        if (plan == NULL)
            TRY(plan_open(configs[i], &plan, err));
        enum status status = run_plan(plan, a->fresh, begun, err);
        plan_close(plan);
        plan = NULL;
        TRY(status);
    }
    return OK;
}

static int run(const struct arguments *a)
{
    struct error err;
    struct configs all = { 0 };
    bool begun = false;
    enum status status = OK;
    for (size_t i = 0; i < a->config_count && status == OK; i++)
        status = read_configs(a, a->configs[i], &all, &err);
    if (status == OK)
        status = check_outputs(all.list, all.count, &err);
    if (status == OK)
        status = run_configs(a, all.list, all.count, &begun, &err);
    if (status != OK)
        log_error("%s", err.text);
    for (size_t i = 0; i < all.count; i++)
        config_free(all.list[i]);
    free(all.list);
    return status == OK ? EXIT_DONE : begun ? EXIT_FAILED : EXIT_USAGE;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_FRESH = 256, KEY_KEYS, KEY_METHODS };

static const struct argp_option options[] = {
    { "set", 's', "SECTION.KEY=VALUE", 0, "a key of the config, over what its file says", 0 },
    { "limit", 'l', "N", 0, "only the first N images (run.limit)", 0 },
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
            code = run(&a);
        else {
            log_error(
                "no config is given; try: evalh run configs/demo_vim.ini, or evalh run --help");
            code = EXIT_USAGE;
        }
    }
    free(a.configs);
    free(a.settings);
    return code;
}

const struct command command_run = { "run", "runs what configs say; continues interrupted runs",
                                     main_run, &argp };
