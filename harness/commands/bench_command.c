/* evalh bench: how fast a model runs and is explained here, beside what the machine can do. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_plot.h"
#include "command.h"
#include "inference_cli.h"
#include "log.h"
#include "progress.h"
#include "suggest.h"

struct arguments {
    const char *model, *plot, *save, *only;
    struct engine_options engine;
    int repeats;
    bool forward_only;
};

/* Opens a published geometry with random weights, or a checkpoint file; `options` then say
 * which. */
static enum status open_model(const struct arguments *a, struct engine_options *options,
                              struct bench *out, struct error *err)
{
    *options = a->engine;
    options->model.arch = a->model;
    enum status status = bench_open(out, options, a->repeats, err);
    if (status == OK && a->save != NULL)
        return checkpoint_write_safetensors(a->save, engine_model(out->engine)->checkpoint,
                                            CHECKPOINT_FP16, err);
    if (status != E_CONFIG || strpbrk(a->model, "./") == NULL)
        return status;
    options->model.arch = NULL;
    options->checkpoint = a->model;
    return bench_open(out, options, a->repeats, err);
}

static void print_forward(const struct bench *b, const struct timing *t)
{
    const struct backend *be = b->engine->backend;
    double n = b->batch;
    printf("\n| pass | ms an image | least | most | images/s |\n"
           "| --- | ---: | ---: | ---: | ---: |\n"
           "| forward | %.2f | %.2f | %.2f | %.1f |\n",
           1e3 * t->median / n, 1e3 * t->least / n, 1e3 * t->most / n, n / t->median);
    if (t->waited >= BENCH_BUSY)
        printf(
            "\nBUSY MACHINE: threads waited for a core in %.0f %% of the time; these are not the "
            "figures of an idle one\n",
            100 * t->waited);
    else if (!isnan(t->waited))
        printf("\nThreads waited for a core in %.1f %% of the time\n", 100 * t->waited);
    if (be->repeat != NULL && be->pass_counts.given_up.code != OK)
        printf("\nCUDA graphs: given up: %s\n", be->pass_counts.given_up.text);
    else if (be->repeat != NULL)
        printf("\nCUDA graphs: %llu of %llu passes launched as one, after %llu recorded\n",
               (unsigned long long)be->pass_counts.replayed,
               (unsigned long long)be->pass_counts.passes,
               (unsigned long long)be->pass_counts.recorded);
}

static void print_operations(const struct profile_row *rows, const struct ceiling *c, int callers)
{
    double total = 0;
    bool cached = false;
    for (int i = 0; i < PROFILE_ROWS; i++)
        total += rows[i].seconds;
    printf("\n| operation | share | calls | ms | GFLOP/s | of ceiling | GB/s | of memory's |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < PROFILE_ROWS; i++) {
        const struct profile_row *r = &rows[i];
        if (r->calls == 0)
            continue;
        double seconds = r->seconds / callers; /* threads that worked in parallel */
        printf("| %s | %.1f %% | %llu | %.2f |", r->op, 100 * r->seconds / total,
               (unsigned long long)r->calls, 1e3 * seconds);
        if (r->bytes == 0) {
            printf(" | | | |\n");
            continue;
        }
        double memory = 100 * r->bytes / seconds / c->bytes;
        printf(" %.1f | %.0f %% | %.1f |", 1e-9 * r->flops / seconds,
               100 * r->flops / seconds / c->flops, 1e-9 * r->bytes / seconds);
        cached |= memory > 100;
        if (memory > 100)
            printf(" cache |\n");
        else
            printf(" %.0f %% |\n", memory);
    }
    printf("\nOf ceiling: of the rate of one large matrix product. Of memory's: of the rate of a "
           "copy in memory%s.\n",
           cached ? "; cache: faster than that, so its bytes came from a cache" : "");
}

/* ---- explanations ---- */

enum { SETS = BENCH_METHODS + 1 };

/* Before the engine settles other options. */
static void find_runs_in(struct bench_set *set)
{
    set->runs_in = EXPLAIN_FP32;
    for (int i = 0; i < set->count; i++)
        if (set->methods[i]->runs_in > set->runs_in)
            set->runs_in = set->methods[i]->runs_in;
}

static void print_set(const struct bench *b, const struct bench_set *set,
                      enum explain_precision precision)
{
    char text[40];
    snprintf(text, sizeof text, precision == EXPLAIN_AUTO ? "auto (%s)" : "%s",
             explain_precision_names[precision == EXPLAIN_AUTO ? set->runs_in : precision]);

    printf("| ");
    for (int i = 0; i < set->count; i++)
        printf("%s%s", i > 0 ? " + " : "", set->methods[i]->name);
    printf(" | %s | %.2f | %.2f | %.3g + %.3g | %.0f |\n", text,
           1e3 * set->explain.median / b->batch, set->explain.median / set->forward.median,
           set->passes.forward, set->passes.backward, (double)set->bytes / 1048576.0);
}

/* One row each; where explain.precision = auto means more than fp32, a last one in that (which
 * gpu_check.sh reads), and before mixed one in double. */
static enum status print_sets(struct bench *b, const struct bench_set *sets, int count,
                              struct error *err)
{
    struct explain_options options = explain_defaults;
    struct bench_set now[SETS];
    static const struct {
        enum explain_precision precision, least, most; /* for sets that auto runs in these */
    } rounds[] = { { EXPLAIN_FP32, EXPLAIN_FP32, EXPLAIN_DOUBLE },
                   { EXPLAIN_DOUBLE, EXPLAIN_MIXED, EXPLAIN_MIXED },
                   { EXPLAIN_AUTO, EXPLAIN_MIXED, EXPLAIN_DOUBLE } };
    for (size_t r = 0; r < sizeof rounds / sizeof *rounds; r++) {
        int used = 0;
        for (int i = 0; i < count; i++)
            if (sets[i].runs_in >= rounds[r].least && sets[i].runs_in <= rounds[r].most)
                now[used++] = sets[i];
        if (used == 0)
            continue;
        options.precision = rounds[r].precision;
        TRY(bench_explain(b, &options, now, used, err));
        for (int i = 0; i < used; i++)
            print_set(b, &now[i], rounds[r].precision);
        fflush(stdout);
    }
    return OK;
}

/* Without --method all that go through the model a few times, and those of the paper together. */
static int usual_sets(const struct engine *e, struct bench_set *sets)
{
    static const char *const together[] = { "raw", "rollout", "attribution" };
    int count = 0;
    struct bench_set *all;
    for (int i = 0; i < e->method_count && count < BENCH_METHODS; i++)
        if (!e->methods[i].control && !e->methods[i].sampled)
            sets[count++] = (struct bench_set){ .methods = { &e->methods[i] }, .count = 1 };
    all = &sets[count];
    *all = (struct bench_set){ 0 };
    for (size_t i = 0; i < sizeof together / sizeof *together; i++)
        if ((all->methods[all->count] = engine_method(e, together[i])) != NULL)
            all->count++;
    return count + (all->count > 1);
}

static enum status unknown_method(const struct engine *e, const char *name, struct error *err)
{
    const char *names[BENCH_METHODS];
    char list[400];
    size_t count = 0;
    for (; count < (size_t)e->method_count && count < BENCH_METHODS; count++)
        names[count] = e->methods[count].name;
    join_words(list, sizeof list, names, count);
    return fail(err, E_CONFIG, "--method %s: is not defined for a %s; methods that are: %s", name,
                e->info.arch, list);
}

/* "a+b,c": a and b together, and c. */
static enum status named_sets(const struct engine *e, const char *text, struct bench_set *sets,
                              int *count, struct error *err)
{
    char *copy = strdup(text), *rest = copy;
    enum status status = copy != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    *count = 0;
    for (char *set; status == OK && (set = strtok_r(rest, ", ", &rest)) != NULL;) {
        struct bench_set *to = &sets[*count];
        if (*count == SETS) {
            status = fail(err, E_CONFIG, "--method: more than %d", SETS);
            break;
        }
        *to = (struct bench_set){ 0 };
        *count += 1;
        for (char *name, *more = set; status == OK && (name = strtok_r(more, "+", &more));) {
            if (to->count < BENCH_METHODS)
                to->methods[to->count++] = engine_method(e, name);
            if (to->methods[to->count - 1] == NULL)
                status = unknown_method(e, name, err);
        }
    }
    if (status == OK && (*count == 0 || sets[0].count == 0))
        status = fail(err, E_CONFIG, "--method: none is named");
    free(copy);
    return status;
}

static enum status find_sets(const struct engine *e, const struct arguments *a,
                             struct bench_set *sets, int *count, struct error *err)
{
    if (a->only != NULL)
        TRY(named_sets(e, a->only, sets, count, err));
    else
        *count = usual_sets(e, sets);
    for (int i = 0; i < *count; i++)
        find_runs_in(&sets[i]);
    return OK;
}

static enum status print_explanations(struct bench *b, const struct bench_set *sets, int count,
                                      struct error *err)
{
    printf("\n| explanation (predicted class) | precision | ms an image | times forward | passes "
           "| MiB held |\n"
           "| --- | --- | ---: | ---: | ---: | ---: |\n");
    TRY(print_sets(b, sets, count, err));
    printf("\nTimes forward: the time of an explanation, its own forward pass included, over that "
           "of a forward pass measured in turns with it. Passes: planned, forward + backward.\n");
    return OK;
}

static enum status measure(struct bench *b, const struct arguments *a,
                           const struct engine_options *options, struct error *err)
{
    struct profile_row rows[PROFILE_ROWS];
    struct timing forward;
    struct ceiling c;
    const struct engine_info *info = &b->engine->info;
    char what[300];
    struct bench_set sets[SETS];
    int count;
    TRY(find_sets(b->engine, a, sets, &count, err));
    snprintf(what, sizeof what, "%.100s: %s%s%s, %s, batch %d, %d threads", a->model, info->device,
             *info->kernels != '\0' ? " with kernels " : "", info->kernels,
             precision_names[info->precision], info->batch, info->threads);
    printf("# %s, %d repeats (medians)\n", what, a->repeats);
    TRY(bench_ceiling(b, &c, err));
    TRY(bench_forward(b, &forward, err));
    TRY(bench_operations(options, rows, err));
    printf("\nCeilings measured now: %.1f GFLOP/s (matrix product of %d), %.1f GB/s (copy of %.2f "
           "GB, read and written)\n",
           1e-9 * c.flops, c.product, 1e-9 * c.bytes, 1e-9 * c.copied / 2);
    print_forward(b, &forward);
    print_operations(rows, &c, bench_callers(b));
    fflush(stdout);
    if (a->plot != NULL)
        TRY(bench_roofline(a->plot, what, rows, &c, bench_callers(b), err));
    if (!a->forward_only)
        TRY(print_explanations(b, sets, count, err));
    printf("\nMemory: %.1f MiB weights, %.1f MiB activations; peak of this process %.0f MiB\n",
           (double)info->weight_bytes / 1048576.0, (double)info->workspace_bytes / 1048576.0,
           peak_memory_mib());
    return OK;
}

static enum status bench_model(void *options, bool *begun, struct error *err)
{
    const struct arguments *a = options;
    struct engine_options engine;
    struct bench b;
    enum status status = open_model(a, &engine, &b, err);
    if (status != OK)
        inference_cli_blame(err);
    else
        status = measure(&b, a, &engine, err);
    bench_close(&b);
    *begun = status != E_CONFIG && status != E_DATA && status != E_IO;
    return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_HEADS = 256, KEY_SIZE, KEY_SAVE, KEY_FORWARD, KEY_METHOD, KEY_NO_GRAPHS };

static const struct argp_option option_table[] = {
    { "batch", 'b', "N", 0, "images in one call (default 16)", 0 },
    { "precision", 'p', "fp32|tf32|bf16", 0, "of matrix products (default: fp32)", 0 },
    { "threads", 't', "N", 0, "CPU threads (default: all)", 0 },
    { "device", 'd', "cpu|cuda|ref", 0, "engine (default: cpu)", 0 },
    { "repeats", 'r', "N", 0, "measurements of each pass (default 7)", 0 },
    { "plot", 'o', "STEM", 0, "draws a roofline to STEM.png, .pdf, .svg", 0 },
    { "heads", KEY_HEADS, "N", 0, "attention heads of a ViT checkpoint", 0 },
    { "image-size", KEY_SIZE, "N", 0, "side of a checkpoint's input", 0 },
    { "forward-only", KEY_FORWARD, NULL, 0, "leaves the explanations out", 0 },
    { "method", KEY_METHOD, "METHOD,...", 0,
      "times these explanations, in turns; A+B are made together", 0 },
    { "no-graphs", KEY_NO_GRAPHS, NULL, 0, "launches a GPU's operations one by one", 0 },
    { "save", KEY_SAVE, "FILE", 0, "writes the random weights of a published name, fp16", 0 },
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct arguments, field)
static const struct cli_place places[] = {
    { CLI_WHOLE, 'b', AT(engine.batch), 1, 4096, NULL },
    { CLI_WORD, 'p', AT(engine.precision), 0, 0, run_precision_names },
    { CLI_WHOLE, 't', AT(engine.threads), 1, 1024, NULL },
    { CLI_TEXT, 'd', AT(engine.device), 0, 0, NULL },
    { CLI_WHOLE, 'r', AT(repeats), 1, 1000, NULL },
    { CLI_TEXT, 'o', AT(plot), 0, 0, NULL },
    { CLI_WHOLE, KEY_HEADS, AT(engine.model.heads), 1, 4096, NULL },
    { CLI_WHOLE, KEY_SIZE, AT(engine.model.image_size), 1, 4096, NULL },
    { CLI_FLAG, KEY_FORWARD, AT(forward_only), 0, 0, NULL },
    { CLI_FLAG, KEY_NO_GRAPHS, AT(engine.no_graphs), 0, 0, NULL },
    { CLI_TEXT, KEY_METHOD, AT(only), 0, 0, NULL },
    { CLI_TEXT, KEY_SAVE, AT(save), 0, 0, NULL },
    CLI_ONE_ARGUMENT(AT(model), "model", "evalh bench vim_small"),
    { 0 },
};

static bool names_known(const char *text)
{
    char name[64];
    for (size_t len; *text != '\0'; text += len + (text[len] != '\0')) {
        len = strcspn(text, "+, ");
        snprintf(name, sizeof name, "%.*s", (int)len, text);
        if (len > 0 && explain_find(name) == NULL) {
            log_error("--method %s: no such explanation; evalh run --methods lists them", name);
            return false;
        }
    }
    return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    if (key == KEY_METHOD && !names_known(arg))
        return EINVAL;
    return cli_option(key, arg, state);
}

static const struct argp argp = CLI_ARGP(
    option_table, parse, "MODEL",
    "Measures MODEL, a checkpoint or a published name (vim_small, deit_small, ...: random "
    "weights): forward passes, every operation beside the machine's ceilings, explanations.");

static int run_bench(void *options)
{
    return cli_run(bench_model, options);
}

static const struct arguments defaults = { .engine = { .device = "cpu", .batch = 16 },
                                           .repeats = 7 };

const struct command command_bench = { "bench", "measures a model's speed beside the machine's",
                                       &argp, CLI_OPTIONS(places, defaults), run_bench };
