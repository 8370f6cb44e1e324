#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "result_config.h"

bool models_lower_better(int figure)
{
    return figure == 0; /* the positive AUC */
}

/* ---- which runs go together ------------------------------------------------------------------ */

static bool same_key(const struct result *a, const struct result *b, const char *section,
                     const char *name)
{
    char own[80], other[80];
    result_config_value(a, section, name, own, sizeof own);
    result_config_value(b, section, name, other, sizeof other);
    return strcmp(own, other) == 0;
}

static bool go_together(const struct run *a, const struct run *b)
{
    const struct result *r = a->result, *s = b->result;
    static const enum result_attribute same[] = { ATTR_DATASET, ATTR_DATASET_FINGERPRINT,
                                                  ATTR_PREPROCESS };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(r->attribute[same[i]], s->attribute[same[i]]) != 0)
            return false;
    return r->images == s->images && same_key(r, s, "task", "fill") &&
           r->axis.steps == s->axis.steps && r->axis.upto == s->axis.upto;
}

/* The first run that is comparable with this one, which may be itself. */
static size_t group_of(const struct report *report, size_t run)
{
    size_t first = 0;
    while (first < run && !go_together(&report->run[first], &report->run[run]))
        first++;
    return first;
}

static size_t group_size(const struct report *report, size_t group)
{
    size_t count = 0;
    for (size_t i = group; i < report->runs; i++)
        count += group_of(report, i) == group;
    return count;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool has_figures(const struct run *run, enum explained explained)
{
    for (size_t i = 0; i < run->perturbations; i++)
        if (run->perturbation[i].explained == explained)
            return true;
    for (size_t i = 0; i < run->segmentations; i++)
        if (run->segmentation[i].explained == explained)
            return true;
    return false;
}

/* The table's row for a method, added as `empty` with its name where there is none yet; NULL for
 * figures of other images or another class than the table's. */
static struct models_row *row_of(struct models_table *t, size_t first,
                                 const struct models_row *empty, const char *method,
                                 enum explained explained, enum stratum stratum)
{
    if (stratum != STRATUM_ALL || explained != t->explained)
        return NULL;
    for (size_t i = first; i < t->rows; i++)
        if (strcmp(t->row[i].method, method) == 0)
            return &t->row[i];
    t->row[t->rows] = *empty;
    t->row[t->rows].method = method;
    return &t->row[t->rows++];
}

static void add_rows(struct models_table *t, const struct run *run, const struct models_row *empty)
{
    size_t first = t->rows;
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        struct models_row *to = row_of(t, first, empty, row->method, row->explained, row->stratum);
        for (int d = 0; to && d < REMOVALS; d++)
            to->value[d] = row->direction[d].auc.value;
    }
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct models_row *to = row_of(t, first, empty, row->method, row->explained, row->stratum);
        for (int m = 0; to && m < SEGMENTATION_METRICS; m++)
            to->value[REMOVALS + m] = row->figure[m].value;
    }
}

/* The model's name, followed by the file where the name alone does not distinguish it in its
 * table. */
static void name_run(const struct report *report, size_t group, size_t run, char out[MODELS_NAME])
{
    char other[MODELS_NAME];
    const struct result *r = report->run[run].result;
    result_model(r, out, MODELS_NAME);
    for (size_t i = group; i < report->runs; i++) {
        if (i == run || group_of(report, i) != group)
            continue;
        result_model(report->run[i].result, other, sizeof other);
        if (strcmp(other, out) == 0) {
            const char *slash = strrchr(r->path, '/');
            size_t length = strlen(out);
            snprintf(out + length, MODELS_NAME - length, ", %s", slash ? slash + 1 : r->path);
            return;
        }
    }
}

/* Rounds as the table does, so that figures that look equal are equal. */
static double displayed(double value)
{
    char text[DECIMAL_SIZE];
    return isnan(value) ? NAN : strtod(decimal(text, value, 2), NULL);
}

static void mark_best(struct models_table *t)
{
    for (int f = 0; f < LEDGER_FIGURES; f++) {
        double best = NAN;
        for (size_t i = 0; i < t->rows; i++) {
            double value = displayed(t->row[i].value[f]);
            t->has[f] |= !isnan(value);
            if (isnan(best) || (models_lower_better(f) ? value < best : value > best))
                best = value;
        }
        for (size_t i = 0; i < t->rows; i++)
            t->row[i].best[f] = displayed(t->row[i].value[f]) == best; /* NaN is not */
    }
}

static enum status build_table(const struct report *report, size_t group, enum explained explained,
                               struct models *out, struct error *err)
{
    size_t most = 1;
    for (size_t i = group; i < report->runs; i++)
        most += report->run[i].perturbations + report->run[i].segmentations;
    struct models_table *t = &out->table[out->tables];
    *t = (struct models_table){ .explained = explained, .row = calloc(most, sizeof *t->row) };
    if (t->row == NULL)
        return fail(err, E_NOMEM, "no memory for the table of %zu models", report->runs);
    out->tables++;
    for (size_t i = group; i < report->runs; i++) {
        if (group_of(report, i) != group)
            continue;
        struct models_row empty = { .run = i, .images = report->run[i].scored };
        for (int f = 0; f < LEDGER_FIGURES; f++)
            empty.value[f] = NAN;
        name_run(report, group, i, empty.model);
        add_rows(t, &report->run[i], &empty);
    }
    mark_best(t);
    return OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum status models_build(const struct report *report, const struct ledger *ledger,
                         struct models *out, struct error *err)
{
    *out = (struct models){ .table = calloc(2 * report->runs + 1, sizeof *out->table) };
    if (out->table == NULL)
        return fail(err, E_NOMEM, "no memory for the table of %zu models", report->runs);
    if (ledger != NULL && ledger->entries > 0 && ledger->entries + 1 == report->runs)
        return OK;
    for (size_t group = 0; group < report->runs; group++) {
        if (group_of(report, group) != group || group_size(report, group) < 2)
            continue;
        for (int e = EXPLAINED_PREDICTED; e <= EXPLAINED_TARGET; e++) {
            size_t with = 0;
            for (size_t i = group; i < report->runs; i++)
                with +=
                    group_of(report, i) == group && has_figures(&report->run[i], (enum explained)e);
            if (with < 2)
                continue;
            enum status status = build_table(report, group, (enum explained)e, out, err);
            if (status != OK) {
                models_free(out);
                return status;
            }
        }
    }
    return OK;
}

void models_free(struct models *m)
{
    for (size_t i = 0; i < m->tables; i++)
        free(m->table[i].row);
    free(m->table);
    *m = (struct models){ 0 };
}
