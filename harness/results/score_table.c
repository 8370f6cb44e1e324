#include "score_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "correlation.h"
#include "free_all.h"
#include "score_values.h"
#include "significance.h"

/* The state while the table is made. */
struct building {
    struct scoring scoring;
    struct score_table *out;
    const struct bootstrap_options *options;
    double *values; /* [metrics, methods, images] NaN where undefined */
    double *bottom; /* [metrics, images] a mean is Σ values / Σ bottom */
    bool *use;      /* [images] */
};

static double *row_of(const struct building *b, int metric, int method)
{
    size_t all = (size_t)(b->out->methods + b->out->controls);
    return b->values + ((size_t)metric * all + (size_t)method) * b->scoring.result->images;
}

/* Explanations first, then controls, each in the order of the result's rows. */
static enum status list_methods(struct building *b)
{
    const struct result *r = b->scoring.result;
    for (int control = 0; control < 2; control++)
        for (size_t i = 0; i < r->maps; i++) {
            const struct result_map *m = &r->map[i];
            int at = b->out->methods + b->out->controls;
            if (m->explained != b->scoring.explained || (int)m->control != control)
                continue;
            if (at == SCORE_TABLE_METHODS)
                return fail(b->scoring.err, E_DATA,
                            "%s: /explain/%s is one method too many: at most %d can be scored "
                            "together",
                            r->path, m->method, SCORE_TABLE_METHODS);
            b->out->method[at] = m->method;
            (*(control ? &b->out->controls : &b->out->methods))++;
        }
    return OK;
}

static double *bottom_of(const struct building *b, int metric)
{
    return b->bottom + (size_t)metric * b->scoring.result->images;
}

/* Adds a metric as row out->metrics; it stays if every method has it. */
static enum status fill_metric(struct building *b, const struct score_kind *kind, int method,
                               bool *found)
{
    size_t n = b->scoring.result->images;
    double *value = row_of(b, b->out->metrics, method);
    for (size_t i = 0; i < n; i++)
        value[i] = NAN;
    b->scoring.bottom = bottom_of(b, b->out->metrics);
    TRY(kind->fill(&b->scoring, b->out->method[method], value, found));
    for (size_t i = 0; i < n; i++)
        value[i] = b->use[i] ? value[i] : NAN;
    return OK;
}

/* Maps are read once per method, so methods are the outer loop: the first method determines which
 * metrics there are, then the others add their values. */
static enum status fill_method(struct building *b, int method, bool *has)
{
    struct scoring *s = &b->scoring;
    const struct result_map *map = result_find_map(s->result, b->out->method[method], s->explained);
    enum status status = OK;
    s->side = map->grid;
    TRY(result_read_maps(s->result, map, &s->map, s->err));
    for (int k = 0; status == OK && k < score_kind_count; k++) {
        bool found = false;
        b->out->metrics = k; /* the row */
        if (method == 0 || has[k])
            status = fill_metric(b, &score_kinds[k], method, &found);
        has[k] = found && (method == 0 || has[k]);
    }
    FREE_ALL(s->map, s->moved);
    s->map = NULL;
    s->moved = NULL;
    return status;
}

/* Moves the rows of the metrics that all methods have to the front. */
static void keep_metrics(struct building *b, const bool *has)
{
    size_t width = (size_t)(b->out->methods + b->out->controls) * b->scoring.result->images;
    int kept = 0;
    for (int k = 0; k < score_kind_count; k++) {
        if (!has[k])
            continue;
        memmove(b->values + (size_t)kept * width, b->values + (size_t)k * width,
                width * sizeof *b->values);
        memmove(bottom_of(b, kept), bottom_of(b, k), b->scoring.result->images * sizeof *b->bottom);
        b->out->metric[kept++] = score_kinds[k].metric;
    }
    b->out->metrics = kept;
}

static void take_means(struct building *b)
{
    struct score_table *t = b->out;
    int all = t->methods + t->controls;
    for (int k = 0; k < t->metrics; k++)
        for (int m = 0; m < all; m++) {
            const double *v = row_of(b, k, m);
            double sum = 0, whole = 0;
            for (size_t i = 0; i < b->scoring.result->images; i++) {
                sum += isnan(v[i]) ? 0 : v[i];
                whole += isnan(v[i]) ? 0 : bottom_of(b, k)[i];
                t->metric[k].undefined += b->use[i] && isnan(v[i]);
            }
            t->value[k * all + m] = whole > 0 ? sum / whole : NAN;
        }
}

/* On the shortcut split it is known where a faithful map is hot. */
static void hold_to_truth(struct score_table *t)
{
    int all = t->methods + t->controls, truth = -1;
    for (int k = 0; k < t->metrics; k++)
        if (strcmp(t->metric[k].key, "shortcut") == 0)
            truth = k;
    for (int k = 0; truth >= 0 && k < t->metrics; k++) {
        double tau = kendall_tau_b(t->value + k * all, t->value + truth * all, (size_t)all);
        t->metric[k].truth = t->metric[k].higher_is_better ? tau : -tau;
    }
}

static int find_random(const struct score_table *t)
{
    for (int m = t->methods; m < t->methods + t->controls; m++)
        if (strcmp(t->method[m], "random") == 0)
            return m;
    return -1;
}

/* Decides which metrics can distinguish a method from noise; the first such metric of each question
 * has a vote. */
static enum status choose_votes(struct building *b)
{
    struct score_table *t = b->out;
    size_t n = b->scoring.result->images;
    int noise = find_random(t), all = t->methods + t->controls;
    double p[SCORE_TABLE_METHODS], *d = malloc((n + 1) * sizeof *d);
    if (d == NULL)
        return fail(b->scoring.err, E_NOMEM, "no memory to score it");
    enum status status = OK;
    for (int k = 0; status == OK && k < t->metrics; k++) {
        struct score_metric *metric = &t->metric[k];
        metric->tells = noise < 0;
        for (int m = 0; noise >= 0 && status == OK && m < t->methods; m++) {
            size_t pairs = paired_differences(row_of(b, k, noise), row_of(b, k, m), n, d);
            status = bootstrap_p(d, pairs, b->options->seed, b->options->resamples, &p[m],
                                 b->scoring.err);
        }
        if (noise >= 0 && status == OK)
            status = holm(p, (size_t)t->methods, p, b->scoring.err);
        for (int m = 0; noise >= 0 && status == OK && m < t->methods; m++) {
            double lead = t->value[k * all + m] - t->value[k * all + noise];
            metric->tells |= p[m] < 0.05 && (metric->higher_is_better ? lead > 0 : lead < 0);
        }
        metric->votes = metric->tells && metric->question != NULL;
        for (int before = 0; before < k && metric->votes; before++)
            metric->votes = !(t->metric[before].votes &&
                              strcmp(t->metric[before].question, metric->question) == 0);
    }
    free(d);
    return status;
}

/* Ranks, agreement and their intervals for the explanations, without controls. */
static enum status agree(struct building *b)
{
    struct score_table *t = b->out;
    size_t n = b->scoring.result->images, used = 0;
    size_t width = (size_t)t->metrics * (size_t)t->methods;
    bool higher[AGREEMENT_MOST], votes[AGREEMENT_MOST];
    double *top = malloc((n * width + 1) * sizeof *top);
    double *bottom = malloc((n * width + 1) * sizeof *bottom);
    enum status status =
        top && bottom ? OK : fail(b->scoring.err, E_NOMEM, "no memory to rank methods");
    for (int k = 0; k < t->metrics; k++) {
        higher[k] = t->metric[k].higher_is_better;
        votes[k] = t->metric[k].votes;
    }
    for (size_t i = 0; status == OK && i < n; i++) {
        if (!b->use[i])
            continue;
        for (size_t c = 0; c < width; c++) {
            int metric = (int)(c / (size_t)t->methods);
            double v = row_of(b, metric, (int)(c % (size_t)t->methods))[i];
            top[used * width + c] = isnan(v) ? 0 : v;
            bottom[used * width + c] = isnan(v) ? 0 : bottom_of(b, metric)[i];
        }
        used++;
    }
    const struct agreement a = { .images = used,
                                 .metrics = t->metrics,
                                 .methods = t->methods,
                                 .terms = 1,
                                 .top = top,
                                 .bottom = bottom,
                                 .higher_is_better = higher,
                                 .votes = votes,
                                 .seed = b->options->seed,
                                 .resamples = b->options->resamples,
                                 .level = b->options->level };
    if (status == OK)
        status = agreement_build(&a, &t->agreement, b->scoring.err);
    FREE_ALL(top, bottom);
    return status;
}

static enum status build(struct building *b)
{
    struct score_table *t = b->out;
    size_t n = b->scoring.result->images, all = (size_t)(t->methods + t->controls);
    size_t kinds = (size_t)score_kind_count;
    bool has[64] = { false };
    b->values = malloc((kinds * all * n + 1) * sizeof *b->values);
    b->bottom = malloc((kinds * n + 1) * sizeof *b->bottom);
    b->use = malloc((n + 1) * sizeof *b->use);
    t->metric = calloc(kinds, sizeof *t->metric);
    t->value = malloc((kinds * all + 1) * sizeof *t->value);
    if (!b->values || !b->bottom || !b->use || !t->metric || !t->value)
        return fail(b->scoring.err, E_NOMEM, "%s: no memory to score it", b->scoring.result->path);
    for (size_t i = 0; i < kinds * n; i++)
        b->bottom[i] = 1;
    for (size_t i = 0; i < n; i++) {
        b->use[i] = b->scoring.result->status[i] == 0;
        t->images += b->use[i];
    }
    for (int m = 0; m < (int)all; m++)
        TRY(fill_method(b, m, has));
    keep_metrics(b, has);
    if (t->metrics == 0 || t->images == 0) {
        t->metrics = 0;
        return OK;
    }
    take_means(b);
    hold_to_truth(t);
    TRY(choose_votes(b));
    return agree(b);
}

enum status score_table_build(const struct result *r, const struct bootstrap_options *options,
                              struct score_table *out, struct error *err)
{
    struct building b = { .scoring = { .result = r, .err = err }, .out = out, .options = options };
    *out = (struct score_table){ 0 };
    b.scoring.explained = EXPLAINED_TARGET;
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == EXPLAINED_PREDICTED)
            b.scoring.explained = EXPLAINED_PREDICTED;
    out->explained = b.scoring.explained;
    TRY(list_methods(&b));
    if (out->methods == 0)
        return OK;
    TRY(h5_open(&b.scoring.file, r->file, err));
    enum status status = build(&b);
    h5_close(&b.scoring.file);
    FREE_ALL(b.values, b.bottom, b.use);
    if (status != OK)
        score_table_free(out);
    return status;
}

int score_row(const struct score_table *t, int place)
{
    for (int votes = 1; votes >= 0; votes--)
        for (int k = 0; k < t->metrics; k++)
            if (t->metric[k].votes == (votes == 1) && place-- == 0)
                return k;
    return 0;
}

double score_shade(double rank, int methods)
{
    return methods > 1 ? (methods - rank) / (methods - 1) : 1;
}

void score_table_free(struct score_table *t)
{
    FREE_ALL(t->metric, t->value);
    agreement_free(&t->agreement);
    *t = (struct score_table){ 0 };
}
