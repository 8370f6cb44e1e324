/* JSON with stable keys. Percent everywhere except error sizes; what is not known is null.
 *
 * { "report_schema": 1, "bootstrap": { "resamples", "seed", "level" },
 *   "runs": [ {
 *     "file", the attributes of the result file, "complete", "seconds",
 *     "images", "skipped", "labelled", "top1": FIGURE,
 *     "identity_error", "zero_row_sum", "inconsistent",
 *     "maps": [ { "method", "class", "constant", "mean_largest_tie", "sum_error" } ],
 *     "perturbation": { "comparable", "setting", "variant", "rows": [
 *       { "method", "class", "stratum", "images", "positive": CURVE, "negative": CURVE } ] },
 *     "segmentation": { "comparable", "setting", "variant", "rows": [
 *       { "method", "class", "stratum", "images",
 *         "pixel_accuracy": FIGURE, "map": FIGURE, "miou": FIGURE,
 *         and where shortcuts were planted
 *         "shortcut_share": FIGURE, "shortcut_area", "shortcut_images" } ] } } ],
 *   "ledger": null or { "base": the file of the run, "entries": [ {
 *     "file", "switch", "images", "rows": [ { "method", "class", "figure", "base", "switched",
 *       "difference", "low", "high", "p_mcnemar" } ] } ] },
 *   "models": [ { "class", "rows": [ { "file", "model", "method", "images",
 *     "figures": { FIGURE: { "value", "best" } } } ] } ] }, FIGURE: "positive AUC" ... "mIoU"
 *
 * FIGURE elsewhere: { "value", "low", "high", "published", "same_conditions", "difference" }
 * CURVE: null or { "auc": FIGURE, "accuracy": [10], "accuracy_low": [10], "accuracy_high": [10],
 *   "probability": [10] }
 * "setting" says in words what differs from the published setting; "" where nothing does.
 * "variant" is the ablation, as "aggregate=max"; "" for none. */
#include "format.h"
#include "models.h"
#include "quote.h"
#include "score_table.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cJSON prints NaN as null, and returns NULL when memory runs out, which is checked at the end.
 */
static void add_number(cJSON *to, const char *key, double value)
{
    cJSON_AddItemToObject(to, key,
                          isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

/* JSON is UTF-8, whatever a file's names are. */
static void add_text(cJSON *to, const char *key, const char *text)
{
    char *safe = quote_copy(text);
    cJSON_AddItemToObject(to, key, safe != NULL ? cJSON_CreateString(safe) : NULL);
    free(safe);
}

static void add_figure(cJSON *to, const char *key, const struct figure *f)
{
    cJSON *o = cJSON_AddObjectToObject(to, key);
    add_number(o, "value", f->value);
    add_number(o, "low", f->ci.low);
    add_number(o, "high", f->ci.high);
    add_number(o, "published", f->published);
    cJSON_AddBoolToObject(o, "same_conditions", f->same_conditions && !isnan(f->published));
    add_number(o, "difference", f->same_conditions ? f->value - f->published : NAN);
}

static void add_points(cJSON *to, const char *key, const double *at, size_t stride, int count)
{
    cJSON *a = cJSON_AddArrayToObject(to, key);
    for (size_t k = 0; k < (size_t)count; k++) {
        double value = 100 * at[k * stride];
        cJSON_AddItemToArray(a, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
    }
}

static void add_curve(cJSON *to, const char *key, const struct direction_scores *scores)
{
    if (!scores->present) {
        cJSON_AddNullToObject(to, key);
        return;
    }
    double removed[CURVE_MOST_POINTS];
    int points = scores->axis.steps + 1;
    for (int k = 0; k < points; k++)
        removed[k] = curve_share(&scores->axis, k);
    cJSON *o = cJSON_AddObjectToObject(to, key);
    add_figure(o, "auc", &scores->auc);
    add_points(o, "removed", removed, 1, points);
    add_points(o, "accuracy", scores->accuracy, 1, points);
    add_points(o, "accuracy_low", &scores->band[0].low, 2, points); /* of two doubles */
    add_points(o, "accuracy_high", &scores->band[0].high, 2, points);
    add_points(o, "probability", scores->probability, 1, points);
}

static cJSON *add_row(cJSON *rows, const char *method, enum explained explained)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(rows, o);
    add_text(o, "method", method);
    add_text(o, "class", explained_names[explained]);
    return o;
}

/* { comparable, setting, rows: [] }; returns rows. */
static cJSON *add_task(cJSON *run, const char *key, const struct comparability *s)
{
    cJSON *task = cJSON_AddObjectToObject(run, key);
    cJSON_AddBoolToObject(task, "comparable", s->comparable);
    add_text(task, "setting", s->why);
    add_text(task, "variant", s->variant);
    return cJSON_AddArrayToObject(task, "rows");
}

static void add_perturbation(cJSON *to, const struct run *run)
{
    cJSON *rows = add_task(to, "perturbation", &run->perturbation_comparability);
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        cJSON *o = add_row(rows, row->method, row->explained);
        add_text(o, "stratum", stratum_names[row->stratum]);
        add_number(o, "images", (double)row->images);
        for (int d = 0; d < REMOVALS; d++)
            add_curve(o, removal_names[d], &row->direction[d]);
    }
}

static void add_segmentation(cJSON *to, const struct run *run)
{
    cJSON *rows = add_task(to, "segmentation", &run->segmentation_comparability);
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        cJSON *o = add_row(rows, row->method, row->explained);
        add_text(o, "stratum", stratum_names[row->stratum]);
        add_number(o, "images", (double)row->images);
        for (int m = 0; m < SEGMENTATION_METRICS; m++)
            add_figure(o, segmentation_keys[m], &row->figure[m]);
        if (row->shortcut_images > 0) {
            add_figure(o, "shortcut_share", &row->shortcut);
            add_number(o, "shortcut_area", row->shortcut_area);
            add_number(o, "shortcut_images", (double)row->shortcut_images);
        }
    }
}

static void add_maps(cJSON *to, const struct run *run)
{
    cJSON *rows = cJSON_AddArrayToObject(to, "maps");
    for (size_t i = 0; i < run->maps; i++) {
        const struct map_row *row = &run->map[i];
        cJSON *o = add_row(rows, row->method, row->explained);
        add_number(o, "constant", row->constant < 0 ? NAN : (double)row->constant);
        add_number(o, "mean_largest_tie", row->largest_tie);
        add_number(o, "sum_error", row->sum_error);
    }
}

static void add_randomisation(cJSON *to, const struct randomised *t)
{
    if (t->rows == 0)
        return;
    cJSON *o = cJSON_AddObjectToObject(to, "randomisation");
    cJSON_AddStringToObject(o, "class", explained_names[t->explained]);
    add_number(o, "images", (double)t->images);
    cJSON_AddItemToObject(o, "layer", cJSON_CreateIntArray(t->layer, (int)t->layers));
    cJSON *methods = cJSON_AddArrayToObject(o, "methods");
    for (size_t m = 0; m < t->rows; m++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(methods, row);
        cJSON_AddStringToObject(row, "method", t->row[m].method);
        cJSON_AddBoolToObject(row, "control", t->row[m].control);
        add_number(row, "emprt", t->row[m].emprt);
        for (int s = 0; s < RANDOMISED_SCHEMES; s++) {
            cJSON *scheme = cJSON_AddObjectToObject(row, randomised_schemes[s]);
            for (int k = 0; k < RANDOMISED_MEASURES; k++) {
                cJSON *a = cJSON_AddArrayToObject(scheme, randomised_measures[k]);
                for (size_t at = 0; at < t->layers; at++) {
                    double like = t->row[m].like[s][k][at];
                    cJSON_AddItemToArray(a, isfinite(like) ? cJSON_CreateNumber(like)
                                                           : cJSON_CreateNull());
                }
            }
        }
    }
}

static void add_score_metric(cJSON *to, const struct score_table *t, int k)
{
    const struct score_metric *metric = &t->metric[k];
    int all = t->methods + t->controls;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(to, o);
    add_text(o, "key", metric->key);
    add_text(o, "title", metric->title);
    cJSON_AddBoolToObject(o, "higher_is_better", metric->higher_is_better);
    cJSON_AddBoolToObject(o, "tells_random", metric->tells);
    cJSON_AddBoolToObject(o, "votes", metric->votes);
    add_number(o, "tau_truth", metric->truth);
    add_number(o, "undefined", (double)metric->undefined);
    cJSON *values = cJSON_AddArrayToObject(o, "values");
    for (int m = 0; m < all; m++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(values, row);
        add_text(row, "method", t->method[m]);
        cJSON_AddBoolToObject(row, "control", m >= t->methods);
        add_number(row, "value", t->value[k * all + m]);
        if (m >= t->methods)
            continue;
        const struct interval *ci = &t->agreement.interval[k * t->methods + m];
        add_number(row, "rank", t->agreement.rank[k * t->methods + m]);
        add_number(row, "rank_low", ci->low);
        add_number(row, "rank_high", ci->high);
    }
}

static void add_scores(cJSON *to, const struct score_table *t)
{
    const struct agreement_result *a = &t->agreement;
    if (t->metrics == 0) {
        cJSON_AddNullToObject(to, "scores");
        return;
    }
    cJSON *o = cJSON_AddObjectToObject(to, "scores");
    add_text(o, "class", explained_names[t->explained]);
    add_number(o, "images", (double)t->images);
    cJSON *metrics = cJSON_AddArrayToObject(o, "metrics");
    for (int k = 0; k < t->metrics; k++)
        add_score_metric(metrics, t, k);
    add_number(o, "kendalls_w", a->w);
    add_number(o, "kendalls_w_low", a->w_interval.low);
    add_number(o, "kendalls_w_high", a->w_interval.high);
    add_number(o, "kendalls_w_p", a->w_p);
    cJSON *ranks = cJSON_AddArrayToObject(o, "mean_ranks");
    for (int m = 0; m < t->methods; m++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(ranks, row);
        add_text(row, "method", t->method[m]);
        add_number(row, "mean_rank", a->mean_rank[m]);
        add_number(row, "low", a->mean_interval[m].low);
        add_number(row, "high", a->mean_interval[m].high);
        add_number(row, "first_in", a->best[m]);
    }
}

static void add_run(cJSON *runs, const struct run *run, const struct score_table *scores)
{
    const struct result *r = run->result;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(runs, o);
    add_text(o, "file", r->path);
    for (int a = 0; a < RESULT_ATTRIBUTES; a++)
        if (a != ATTR_DOUBT) /* found anew, below */
            add_text(o, attribute_names[a], r->attribute[a]);
    cJSON_AddBoolToObject(o, "complete", r->complete);
    if (r->progress)
        add_text(o, "progress", r->progress);
    add_number(o, "seconds", r->seconds);
    add_number(o, "images", (double)r->images);
    add_number(o, "skipped", (double)run->skipped);
    add_number(o, "labelled", (double)run->labelled);
    struct figure top1 = run->top1;
    top1.same_conditions = false; /* published with another preprocessing */
    add_figure(o, "top1", &top1);
    if (run->doubt[0] != '\0')
        add_text(o, "doubt", run->doubt);
    add_number(o, "identity_error", run->identity_max);
    add_number(o, "zero_row_sum", run->zero_row_sum < 0 ? NAN : (double)run->zero_row_sum);
    add_number(o, "inconsistent", (double)run->inconsistent);
    add_maps(o, run);
    add_perturbation(o, run);
    add_segmentation(o, run);
    add_randomisation(o, &run->randomised);
    if (scores)
        add_scores(o, scores);
}

static void add_ledger(cJSON *top, const struct report *report)
{
    const struct ledger *ledger = report->ledger;
    if (!ledger || ledger->entries == 0) {
        cJSON_AddNullToObject(top, "ledger");
        return;
    }
    cJSON *o = cJSON_AddObjectToObject(top, "ledger");
    add_text(o, "base", report->run[ledger->base].result->path);
    cJSON *entries = cJSON_AddArrayToObject(o, "entries");
    for (size_t e = 0; e < ledger->entries; e++) {
        const struct ledger_entry *entry = &ledger->entry[e];
        cJSON *to = cJSON_CreateObject();
        cJSON_AddItemToArray(entries, to);
        add_text(to, "file", report->run[entry->run].result->path);
        add_text(to, "switch", entry->key);
        add_number(to, "images", (double)entry->paired.images);
        cJSON *rows = cJSON_AddArrayToObject(to, "rows");
        for (size_t i = 0; i < entry->paired.rows; i++) {
            const struct paired_row *row = &entry->paired.row[i];
            cJSON *line = add_row(rows, row->method, row->explained);
            add_text(line, "figure", row->figure);
            add_number(line, "base", row->value[0]);
            add_number(line, "switched", row->value[1]);
            add_number(line, "difference", row->value[1] - row->value[0]);
            add_number(line, "low", row->difference.low);
            add_number(line, "high", row->difference.high);
            add_number(line, "p_mcnemar", row->p);
        }
    }
}

/* Models in one table for each group of comparable runs. */
static void add_models(cJSON *top, const struct report *report)
{
    const struct models *m = report->models;
    cJSON *tables = cJSON_AddArrayToObject(top, "models");
    for (size_t t = 0; m && t < m->tables; t++) {
        const struct models_table *table = &m->table[t];
        cJSON *to = cJSON_CreateObject();
        cJSON_AddItemToArray(tables, to);
        add_text(to, "class", explained_names[table->explained]);
        cJSON *rows = cJSON_AddArrayToObject(to, "rows");
        for (size_t i = 0; i < table->rows; i++) {
            const struct models_row *row = &table->row[i];
            cJSON *line = cJSON_CreateObject();
            cJSON_AddItemToArray(rows, line);
            add_text(line, "file", report->run[row->run].result->path);
            add_text(line, "model", row->model);
            add_text(line, "method", row->method);
            add_number(line, "images", (double)row->images);
            cJSON *figures = cJSON_AddObjectToObject(line, "figures");
            for (int f = 0; f < LEDGER_FIGURES; f++) {
                cJSON *figure =
                    table->has[f] ? cJSON_AddObjectToObject(figures, ledger_figures[f]) : NULL;
                if (figure == NULL)
                    continue;
                add_number(figure, "value", row->value[f]);
                cJSON_AddBoolToObject(figure, "best", row->best[f]);
            }
        }
    }
}

static enum status write_json(const struct report *report, FILE *f, struct error *err)
{
    cJSON *top = cJSON_CreateObject();
    cJSON_AddNumberToObject(top, "report_schema", 1);
    cJSON *b = cJSON_AddObjectToObject(top, "bootstrap");
    cJSON_AddNumberToObject(b, "resamples", report->bootstrap.resamples);
    cJSON_AddNumberToObject(b, "seed", (double)report->bootstrap.seed);
    cJSON_AddNumberToObject(b, "level", report->bootstrap.level);
    cJSON *runs = cJSON_AddArrayToObject(top, "runs");
    for (size_t i = 0; i < report->runs; i++)
        add_run(runs, &report->run[i], report->scores ? &report->scores[i] : NULL);
    add_ledger(top, report);
    add_models(top, report);
    char *text = cJSON_Print(top);
    cJSON_Delete(top);
    if (!text)
        return fail(err, E_NOMEM, "no memory for the JSON report");
    fprintf(f, "%s\n", text);
    free(text);
    return ferror(f) ? fail(err, E_IO, "the report cannot be written: %s", strerror(errno)) : OK;
}

const struct format format_json = { "json", "JSON with stable keys", write_json };
