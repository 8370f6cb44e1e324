#include <string.h>

#include "free_all.h"
#include "plan.h"
#include "quote.h"
#include "runner.h"
#include "task.h"

static double mebibytes(size_t bytes)
{
    return (double)bytes / 1048576.0;
}

static void print_model(const struct plan *p, FILE *to)
{
    const struct engine_info *info = &p->engine->info;
    fprintf(to, "  model      %s: %s\n  %s\n", info->name, info->about, info->source);
    const struct published_entry *known = &info->weights.published;
    if (info->classes == 0)
        return;
    if (info->weights.how == WEIGHTS_UNKNOWN)
        fprintf(to, "  weights    none of the published ones: no published figure stands beside "
                    "this run\n");
    else
        fprintf(to, "  weights    %s; published top-1 %.1f %% (%s, %s mean and std)\n",
                info->weights.title, known->top1, known->resize, known->norm);
    for (size_t i = 0; info->notes != NULL && i < info->notes->count; i++)
        fprintf(to, "  %s %s\n", i == 0 ? "assumed   " : "          ", info->notes->line[i]);
}

/* Prints what the tensors do not determine about the input. */
static void print_input(const struct plan *p, FILE *to)
{
    const struct input_format *f = &p->engine->info.format;
    fprintf(to, "  input      %s", preprocess_names[p->v->data.preprocess]);
    if (p->v->data.preprocess == PREPROCESS_EVAL)
        fprintf(to, " (crop %g, %s)", p->v->data.crop,
                p->v->data.interpolation == 0 ? "bicubic" : "bilinear");
    fprintf(to, "; mean %g %g %g, std %g %g %g\n", (double)f->mean[0], (double)f->mean[1],
            (double)f->mean[2], (double)f->std[0], (double)f->std[1], (double)f->std[2]);
}

static void print_explain(const struct plan *p, FILE *to)
{
    fprintf(to, "  explain    ");
    for (int i = 0; i < p->method_count; i++) {
        const struct engine_method *m = p->methods[i];
        fprintf(to, "%s%s", i > 0 ? ", " : "", m->name);
        if (m->runs_in > EXPLAIN_FP32)
            fprintf(to, " (%s)", explain_precision_names[m->runs_in]);
    }
    fprintf(to, "; class ");
    for (int c = 0, any = 0; c < CLASS_CHOICES; c++)
        if (p->classes[c])
            fprintf(to, "%s%s", any++ ? ", " : "", class_choice_names[c]);
    fprintf(to, "; protocol %s\n", protocol_names[p->v->run.protocol]);
}

/* What the methods cost, each alone and all together: in passes through the whole model, forward
 * and backward, an image. */
static void print_passes(const struct plan *p, FILE *to)
{
    struct explain_passes cost;
    struct error err;
    bool any = false;
    for (int i = 0; i < p->method_count; i++) {
        if (p->engine_index[i] < 0 ||
            engine_plan(p->engine, p->engine_index[i], &cost, &err) != OK || cost.forward == 0)
            continue;
        fprintf(to, "%s%s %.3g + %.3g", any ? ", " : "  passes     ", p->methods[i]->name,
                cost.forward, cost.backward);
        any = true;
    }
    if (!any || engine_plan(p->engine, -1, &cost, &err) != OK)
        return;
    fprintf(
        to,
        "\n             together %.4g + %.4g an image, forward + backward at most: what methods "
        "have in common is done once",
        cost.forward, cost.backward);
    if (cost.once > 0)
        fprintf(to, "; and %.3g forward for all images", cost.once);
    fprintf(to, "\n");
}

/* "48 passes", "10 passes and 10 explanations", or nothing. */
static void print_cost(size_t forwards, size_t explanations, FILE *to)
{
    if (forwards > 0)
        fprintf(to, " %zu pass%s", forwards, forwards == 1 ? "" : "es");
    if (explanations > 0)
        fprintf(to, "%s %zu explanation%s", forwards > 0 ? " and" : "", explanations,
                explanations == 1 ? "" : "s");
}

static void print_maps(const struct plan *p, FILE *to)
{
    for (int i = 0; i < p->method_count; i++) {
        if (p->files[i] == NULL)
            continue;
        const struct map_info *info = map_file_info(p->files[i]);
        fprintf(to, "  maps       %s: %d x %d%s, sha256 %.16s...\n", p->methods[i]->name,
                info->side, info->side, info->has_target ? " of both classes" : "", info->sha256);
    }
}

size_t plan_forwards(const struct plan *p)
{
    size_t forwards = 1;
    for (int i = 0; i < p->task_count; i++)
        forwards += p->tasks[i]->cost.forwards != NULL ? p->tasks[i]->cost.forwards(p) : 0;
    return forwards;
}

static void print_work(const struct plan *p, FILE *to)
{
    size_t forwards = plan_forwards(p), explanations = 1;
    fprintf(to, "  tasks      ");
    for (int i = 0; i < p->task_count; i++) {
        const struct task *t = p->tasks[i];
        size_t own = t->cost.forwards != NULL ? t->cost.forwards(p) : 0;
        size_t again = t->cost.explanations != NULL ? t->cost.explanations(p) : 0;
        fprintf(to, "%s%s", i > 0 ? ", " : "", t->name);
        if (p->task_count > 1)
            print_cost(own, again, to);
        explanations += again;
    }
    if (p->engine->info.classes == 0) {
        fprintf(to, "; no forward passes\n");
        return;
    }
    fprintf(to, "; at most %zu forward passes and ", forwards);
    if (explanations == 1)
        fprintf(to, "one explanation an image, %zu in all\n", forwards * p->images);
    else
        fprintf(to, "%zu explanations an image, %zu and %zu in all\n", explanations,
                forwards * p->images, explanations * p->images);
}

static void print_engine(const struct plan *p, FILE *to)
{
    const struct engine_info *info = &p->engine->info;
    char batch[240];
    fprintf(to, "  engine     %s%s%s, %d thread%s, %s, batch %s\n", info->device,
            *info->kernels != '\0' ? " with kernels " : "", info->kernels, p->threads,
            p->threads == 1 ? "" : "s", precision_names[info->precision],
            engine_batch_text(p->engine, batch, sizeof batch));
    fprintf(
        to,
        "  memory     %.1f MiB weights, %.1f MiB activations, %.1f MiB images and maps, %.1f MiB "
        "explanations",
        mebibytes(info->weight_bytes), mebibytes(info->workspace_bytes),
        mebibytes(info->beside_bytes), mebibytes(info->explain_bytes));
    if (info->memory > 0)
        fprintf(to, "; of %.1f MiB", mebibytes(info->memory));
    fprintf(to, "\n");
}

static void print_output(const struct plan *p, int ranks, FILE *to)
{
    size_t row, once;
    fprintf(to, "  output     %s, in shards of %zu images", p->v->run.output,
            plan_shard_size(p, ranks));
    if (runner_row_bytes(p, &row, &once, NULL) == OK)
        fprintf(to, "; %zu bytes an image, %.1f MiB in all", row,
                mebibytes(row * p->images + once));
    fprintf(to, "\n");
}

static void print_all(const struct plan *p, int ranks, FILE *to)
{
    fprintf(to, "%s\n", p->v->run.name);
    print_model(p, to);
    print_input(p, to);
    fprintf(to, "  data       %s", p->data->description);
    if (p->images < p->total && strcmp(p->order, "natural") == 0)
        fprintf(to, "; the first %zu", p->images);
    else if (p->images < p->total)
        fprintf(to, "; %zu of them (%s)", p->images, p->order);
    fprintf(to, "; fingerprint %.16s...\n", p->data->fingerprint);
    if (p->data->assumed != NULL)
        fprintf(to, "  assumed    %s\n", p->data->assumed);
    print_explain(p, to);
    print_passes(p, to);
    print_maps(p, to);
    print_work(p, to);
    print_engine(p, to);
    print_output(p, ranks, to);
}

/* Names come from files: the whole is made printable. */
void plan_print(const struct plan *p, int ranks, FILE *to)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f != NULL)
        print_all(p, ranks, f);
    char *safe = f != NULL && fclose(f) == 0 ? quote_copy(text) : NULL;
    fputs(safe != NULL ? safe : "no memory to print the plan\n", to);
    FREE_ALL(safe, text);
}
