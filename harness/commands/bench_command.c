/* evalh bench: how fast a model runs and is explained here, beside what the machine can do. */
#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_plot.h"
#include "cli.h"
#include "command.h"
#include "log.h"
#include "progress.h"

struct arguments {
    const char *model, *plot, *save, *precision, *only;
    struct bench_options o;
    int heads, image_size;
    bool forward_only, help;
};

static const char *const precisions[] = { "fp32", "tf32", "bf16", NULL };

/* A checkpoint file, or a published geometry with random weights. */
static enum status open_model(const struct arguments *a, struct model **out, struct error *err)
{
    struct checkpoint *ck;
    if (model_synthesise(a->model, 1, out, err) == OK) {
        if (a->save == NULL)
            return OK;
        return checkpoint_write_safetensors(a->save, (*out)->checkpoint, CHECKPOINT_FP16, err);
    }
    if (strpbrk(a->model, "./") == NULL)
        return err->code;
    TRY(checkpoint_open(a->model, &ck, err));
    const struct model_options o = { .heads = a->heads, .image_size = a->image_size };
    return model_open(ck, &o, out, err);
}

static void print_forward(const struct bench_forward *f, const struct arguments *a)
{
    double n = a->o.batch;
    printf("\n| pass | ms an image | least | most | images/s |\n"
           "| --- | ---: | ---: | ---: | ---: |\n"
           "| forward | %.2f | %.2f | %.2f | %.1f |\n",
           1e3 * f->time.median / n, 1e3 * f->time.least / n, 1e3 * f->time.most / n,
           n / f->time.median);
    if (f->repeats && f->passes.given_up.code != OK)
        printf("\nCUDA graphs: given up: %s\n", f->passes.given_up.text);
    else if (f->repeats)
        printf("\nCUDA graphs: %llu of %llu passes launched as one, after %llu recorded\n",
               (unsigned long long)f->passes.replayed, (unsigned long long)f->passes.passes,
               (unsigned long long)f->passes.recorded);
}

static void print_operations(const struct bench_forward *f, const struct ceiling *c, int threads)
{
    double total = 0;
    for (int i = 0; i < PROFILE_ROWS; i++)
        total += f->ops[i].seconds;
    printf("\n| operation | share | calls | ms | GFLOP/s | of ceiling | GB/s | of ceiling |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < PROFILE_ROWS; i++) {
        const struct profile_row *r = &f->ops[i];
        if (r->calls == 0)
            continue;
        double seconds = r->seconds / threads; /* threads worked side by side */
        printf("| %s | %.1f %% | %llu | %.2f |", r->op, 100 * r->seconds / total,
               (unsigned long long)r->calls, 1e3 * seconds);
        if (r->bytes > 0)
            printf(" %.1f | %.0f %% | %.1f | %.0f %% |\n", 1e-9 * r->flops / seconds,
                   100 * r->flops / seconds / c->flops, 1e-9 * r->bytes / seconds,
                   100 * r->bytes / seconds / c->bytes);
        else
            printf(" | | | |\n");
    }
}

static enum status print_explanations(const struct model *m, const struct arguments *a,
                                      struct error *err)
{
    static const char *const sets[][4] = {
        { "raw", NULL },         { "rollout", NULL },
        { "attribution", NULL }, { "raw", "rollout", "attribution" },
        { "unified", NULL },     { "mambalrp", NULL }
    };
    static const char *const names[] = { "raw",         "rollout",
                                         "attribution", "raw + rollout + attribution",
                                         "unified",     "mambalrp" };
    printf("\n| explanation (predicted class) | precision | ms an image | in forward passes | MiB "
           "held |\n"
           "| --- | --- | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int twice = 0; twice < 2; twice++) {
            const struct explain_method *methods[4];
            struct explain_options eo = explain_defaults;
            struct timing explain, forward;
            size_t bytes;
            int count = 0;
            bool defined = true, wants_double = false;
            for (; count < 4 && sets[i][count] != NULL; count++) {
                methods[count] = explain_find(sets[i][count]);
                defined = defined && explain_supports(methods[count], m);
                wants_double = wants_double || explain_in_double(methods[count], m);
            }
            if (!defined || (twice && !wants_double) ||
                (a->only != NULL && strcmp(a->only, names[i]) != 0))
                continue;
            eo.precision = twice ? EXPLAIN_AUTO : EXPLAIN_FP32;
            eo.precision = PRECISION_FP32;
            TRY(bench_explain(m, &a->o, &eo, methods, count, &explain, &forward, &bytes, err));
            printf("| %s | %s | %.2f | %.2f | %.0f |\n", names[i], twice ? "auto (double)" : "fp32",
                   1e3 * explain.median / a->o.batch, explain.median / forward.median,
                   (double)bytes / 1048576.0);
            fflush(stdout);
        }
    return OK;
}

static enum status run(const struct arguments *a, struct error *err)
{
    struct model *m;
    struct bench_forward f;
    struct ceiling c;
    TRY(open_model(a, &m, err));
    int threads = a->o.be.threads;
    char what[300];
    snprintf(what, sizeof what, "%.200s: %s, %s, batch %d, %d threads", a->model, a->o.backend,
             precisions[a->o.be.precision], a->o.batch, threads);
    printf("# %s, %d repeats (medians)\n", what, a->o.repeats);
    enum status status = bench_ceiling(&a->o, &c, err);
    if (status == OK)
        status = bench_forward(m, &a->o, &f, err);
    if (status == OK) {
        printf("\nCeilings measured now: %.1f GFLOP/s (matrix product of 2048), %.1f GB/s (copy)\n",
               1e-9 * c.flops, 1e-9 * c.bytes);
        print_forward(&f, a);
        print_operations(&f, &c, threads);
        fflush(stdout);
        if (a->plot != NULL)
            status = bench_roofline(a->plot, what, &f, &c, threads, err);
    }
    if (status == OK && !a->forward_only)
        status = print_explanations(m, a, err);
    if (status == OK)
        printf("\nMemory: %.1f MiB weights, %.1f MiB activations; peak of this process %.0f MiB\n",
               (double)f.weight_bytes / 1048576.0, (double)f.workspace_bytes / 1048576.0,
               peak_memory_mib());
    model_close(m);
    return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_HEADS = 256, KEY_SIZE, KEY_SAVE, KEY_FORWARD, KEY_METHOD, KEY_NO_GRAPHS };

static const struct argp_option options[] = {
    { "batch", 'b', "N", 0, "images in one call (default 16)", 0 },
    { "precision", 'p', "NAME", 0, "fp32 (default), tf32 or bf16 matrix products", 0 },
    { "threads", 't', "N", 0, "CPU threads (default: all)", 0 },
    { "device", 'd', "NAME", 0, "engine: cpu (default), cuda, ref", 0 },
    { "repeats", 'r', "N", 0, "measurements of each pass (default 7)", 0 },
    { "plot", 'o', "STEM", 0, "draws a roofline to STEM.png, .pdf, .svg", 0 },
    { "heads", KEY_HEADS, "N", 0, "attention heads of a ViT checkpoint", 0 },
    { "image-size", KEY_SIZE, "N", 0, "side of a checkpoint's input", 0 },
    { "forward-only", KEY_FORWARD, NULL, 0, "leaves the explanations out", 0 },
    { "method", KEY_METHOD, "NAME", 0, "times this explanation alone", 0 },
    { "no-graphs", KEY_NO_GRAPHS, NULL, 0, "launches a GPU's operations one by one", 0 },
    { "save", KEY_SAVE, "FILE", 0, "writes the random weights of a published name, fp16", 0 },
    CLI_HELP_OPTION,
    { 0 }
};

static error_t whole(struct argp_state *state, const char *option, const char *text, long low,
                     long high, int *out)
{
    long value = 0;
    error_t bad = cli_whole(state, option, text, low, high, &value);
    *out = (int)value;
    return bad;
}

static error_t set_precision(struct arguments *a, const char *text)
{
    for (int i = 0; precisions[i] != NULL; i++)
        if (strcmp(precisions[i], text) == 0) {
            a->o.be.precision = (enum precision)i;
            return 0;
        }
    log_error("--precision %s: should be fp32, tf32 or bf16", text);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'b':
        return whole(state, "batch", arg, 1, 4096, &a->o.batch);
    case 'p':
        return set_precision(a, arg);
    case 't':
        return whole(state, "threads", arg, 1, 1024, &a->o.be.threads);
    case 'd':
        a->o.backend = arg;
        return 0;
    case 'r':
        return whole(state, "repeats", arg, 1, 1000, &a->o.repeats);
    case 'o':
        a->plot = arg;
        return 0;
    case KEY_HEADS:
        return whole(state, "heads", arg, 1, 4096, &a->heads);
    case KEY_SIZE:
        return whole(state, "image-size", arg, 1, 4096, &a->image_size);
    case KEY_FORWARD:
        a->forward_only = true;
        return 0;
    case KEY_NO_GRAPHS:
        a->o.be.no_graphs = true;
        return 0;
    case KEY_METHOD:
        if (explain_find(arg) == NULL) {
            log_error("--method %s: no such explanation; evalh run --methods lists them", arg);
            return EINVAL;
        }
        a->only = arg;
        return 0;
    case KEY_SAVE:
        a->save = arg;
        return 0;
    case CLI_HELP:
        a->help = true;
        return 0;
    default:
        return cli_one(&a->model, key, arg, state, a->help, "model", "evalh bench vim_small");
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Measures MODEL, a checkpoint or a published name (vim_small, deit_small, ...: random "
           "weights): forward passes, every operation beside the machine's ceilings, explanations."
};

static int main_bench(int argc, char **argv)
{
    struct arguments a = {
        .o = { .backend = "cpu", .be = { .simd = "" }, .batch = 16, .repeats = 7 }
    };
    struct error err = { 0 };
    int code;
    if (!cli_parse(&argp, argc, argv, &a, &a.help, &code))
        return code;
    if (a.o.be.threads == 0)
        a.o.be.threads = omp_get_num_procs();
    omp_set_num_threads(a.o.be.threads);
    if (run(&a, &err) == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return err.code == E_CONFIG || err.code == E_DATA || err.code == E_IO ? EXIT_USAGE
                                                                          : EXIT_FAILED;
}

const struct command command_bench = { "bench", "measures a model's speed beside the machine's",
                                       main_bench, &argp };
