#include "plan.h"
#include "task.h"

static double mebibytes(size_t bytes)
{
    return (double)bytes / 1048576.0;
}

static void print_model(const struct plan *p, FILE *to)
{
    const struct model *m = p->model;
    const struct geometry *g = &m->geo;
    char own[200];
    fprintf(to, "  model      %s: %d x %d pixels, %d layers, width %d, %d tokens (CLS at %d), ",
            p->weights.name, g->image_size, g->image_size, g->depth, g->width, g->tokens,
            g->cls_at);
    if (*model_describe(m, false, own, sizeof own) != '\0')
        fprintf(to, "%s, ", own);
    fprintf(to, "%d classes; %.2f million parameters\n", g->classes, (double)m->parameters / 1e6);
    fprintf(to, "  checkpoint %s (%s), sha256 %.16s...\n", m->checkpoint->path,
            m->checkpoint->format, m->checkpoint->sha256);
    const struct published_entry *known = &p->weights.published;
    if (p->weights.how == WEIGHTS_UNKNOWN)
        fprintf(to, "  weights    none of the published ones: no published figure stands beside "
                    "this run\n");
    else
        fprintf(to, "  weights    %s; published top-1 %.1f %% (%s, %s mean and std)\n",
                p->weights.title, known->top1, known->resize, known->norm);
    for (size_t i = 0; i < m->notes.count; i++)
        fprintf(to, "  %s %s\n", i == 0 ? "assumed   " : "          ", m->notes.line[i]);
}

static void print_explain(const struct plan *p, FILE *to)
{
    fprintf(to, "  explain    ");
    for (int i = 0; i < p->method_count; i++)
        fprintf(to, "%s%s", i > 0 ? ", " : "", p->methods[i]->name);
    fprintf(to, "; class ");
    for (int c = 0, any = 0; c < CLASS_CHOICES; c++)
        if (p->classes[c])
            fprintf(to, "%s%s", any++ ? ", " : "", class_choice_names[c]);
    fprintf(to, "; protocol %s\n", protocol_names[p->v->run.protocol]);
}

static void print_work(const struct plan *p, FILE *to)
{
    size_t forwards = 1;
    fprintf(to, "  tasks      ");
    for (int i = 0; i < p->task_count; i++) {
        fprintf(to, "%s%s", i > 0 ? ", " : "", p->tasks[i]->name);
        forwards += p->tasks[i]->forwards(p);
    }
    fprintf(to, "; at most %zu forward passes and one explanation an image, %zu in all\n", forwards,
            forwards * p->images);
}

void plan_print(const struct plan *p, int ranks, FILE *to)
{
    fprintf(to, "%s\n", p->v->run.name);
    print_model(p, to);
    fprintf(to, "  data       %s", p->data->description);
    if (p->images < p->data->count)
        fprintf(to, "; the first %zu", p->images);
    fprintf(to, "; fingerprint %.16s...\n", p->data->fingerprint);
    print_explain(p, to);
    print_work(p, to);
    fprintf(to,
            "  engine     %s, %d thread%s, %s, batch %d; %.1f MiB weights, %.1f MiB "
            "activations, %.1f MiB explanations\n",
            p->device, p->threads, p->threads == 1 ? "" : "s",
            precision_names[p->backend->precision], p->batch, mebibytes(net_weight_bytes(p->net)),
            mebibytes(net_workspace_bytes(p->net)), mebibytes(explainer_bytes(p->explainer)));
    fprintf(to, "  output     %s, in shards of %zu images\n", p->v->run.output,
            plan_shard_size(p, ranks));
}
