#include "ledger.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

const char *const ledger_figures[LEDGER_FIGURES] = { "positive AUC", "negative AUC",
                                                     "pixel accuracy", "mAP", "mIoU" };

/* The stored values of every key, as texts; NULL where a file does not have it. */
struct values {
    char **of; /* [config_key_count] */
    bool failed;
};

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct values *v = context;
    for (size_t k = 0; k < config_key_count; k++)
        if (config_keys[k].shapes_result && strcmp(config_keys[k].section, section) == 0 &&
            strcmp(config_keys[k].name, name) == 0) {
            free(v->of[k]);
            v->of[k] = strdup(value);
            v->failed = v->failed || !v->of[k];
        }
    return 1;
}

static bool read_values(const struct result *r, struct values *v)
{
    v->of = calloc(config_key_count, sizeof *v->of);
    v->failed = !v->of;
    if (v->of)
        ini_parse_string(r->attribute[ATTR_CONFIG], on_key, v);
    return !v->failed;
}

static void free_values(struct values *v, size_t count)
{
    for (size_t i = 0; v && i < count; i++)
        for (size_t k = 0; v[i].of && k < config_key_count; k++)
            free(v[i].of[k]);
    for (size_t i = 0; v && i < count; i++)
        free(v[i].of);
    free(v);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The single key in which two runs differ, or config_key_count where there is none or more than
 * one. */
static size_t one_key(const struct values *a, const struct values *b)
{
    size_t found = config_key_count;
    for (size_t k = 0; k < config_key_count; k++) {
        if (same_text(a->of[k], b->of[k]))
            continue;
        if (found < config_key_count)
            return config_key_count;
        found = k;
    }
    return found;
}

/* Whether two runs have the same weights and images, so that only the protocol differs. */
static bool same_inputs(const struct result *a, const struct result *b)
{
    static const enum result_attribute same[] = { ATTR_CHECKPOINT_SHA256, ATTR_DATASET_FINGERPRINT,
                                                  ATTR_PREPROCESS };
    if (!results_agree(a, b, same, sizeof same / sizeof *same) || a->images != b->images)
        return false;
    for (size_t i = 0; i < a->images; i++)
        if (strcmp(a->id[i], b->id[i]) != 0)
            return false;
    return true;
}

static bool differs_once(const struct report *report, const struct values *v, size_t a, size_t b)
{
    return a != b && one_key(&v[a], &v[b]) < config_key_count &&
           same_inputs(report->run[a].result, report->run[b].result);
}

/* The shell decides the order of the files, so the base is not simply the first one. */
static size_t find_base(const struct report *report, const struct values *v, size_t *most)
{
    size_t base = 0;
    *most = 0;
    for (size_t a = 0; a < report->runs; a++) {
        size_t count = 0;
        for (size_t b = 0; b < report->runs; b++)
            count += differs_once(report, v, a, b);
        if (count > *most) {
            *most = count;
            base = a;
        }
    }
    return base;
}

/* Whether a row of the target class repeats that of the predicted class, because every prediction
 * was right. */
static bool repeats(const struct paired *p, const struct paired_row *row)
{
    for (size_t i = 0; row->explained == EXPLAINED_TARGET && i < p->rows; i++) {
        const struct paired_row *other = &p->row[i];
        if (other->explained == EXPLAINED_PREDICTED && strcmp(other->method, row->method) == 0 &&
            strcmp(other->figure, row->figure) == 0 && other->untouched == row->untouched &&
            memcmp(other->value, row->value, sizeof row->value) == 0 &&
            memcmp(&other->difference, &row->difference, sizeof row->difference) == 0)
            return true;
    }
    return false;
}

/* Rows that a switch does not change, or that repeat another row, are dropped. */
static void drop_rows(struct paired *p)
{
    size_t kept = 0;
    for (size_t i = p->rows; i-- > 0;) /* backwards: a repeated row still finds its first */
        if (repeats(p, &p->row[i]))
            p->row[i].untouched = true;
    for (size_t i = 0; i < p->rows; i++)
        if (!p->row[i].untouched)
            p->row[kept++] = p->row[i];
    p->rows = kept;
}

static enum status add_entries(const struct report *report, const struct values *v,
                               struct ledger *out, struct error *err)
{
    for (size_t b = 0; b < report->runs; b++) {
        if (!differs_once(report, v, out->base, b))
            continue;
        struct ledger_entry *e = &out->entry[out->entries];
        size_t k = one_key(&v[out->base], &v[b]);
        e->run = b;
        bool plain = strcmp(config_keys[k].section, "explain") == 0; /* as run.vary writes it */
        snprintf(e->key, sizeof e->key, "%s%s%s = %.100s", plain ? "" : config_keys[k].section,
                 plain ? "" : ".", config_keys[k].name, v[b].of[k] ? v[b].of[k] : "(not set)");
        TRY(pair_results(report->run[out->base].result, report->run[b].result, &report->bootstrap,
                         false, &e->paired, err));
        out->entries++;
        drop_rows(&e->paired);
    }
    return OK;
}

enum status ledger_build(const struct report *report, struct ledger *out, struct error *err)
{
    struct values *v = calloc(report->runs ? report->runs : 1, sizeof *v);
    bool good = v != NULL;
    size_t most = 0;
    enum status status = OK;

    *out = (struct ledger){ 0 };
    for (size_t i = 0; good && i < report->runs; i++)
        good = read_values(report->run[i].result, &v[i]);
    if (good)
        out->base = find_base(report, v, &most);
    if (good && most > 0 && !(out->entry = calloc(most, sizeof *out->entry)))
        good = false;
    if (good && most > 0)
        status = add_entries(report, v, out, err);
    free_values(v, report->runs);
    if (!good)
        status = fail(err, E_NOMEM, "no memory for the ledger");
    if (status != OK)
        ledger_free(out);
    return status;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->entries; i++)
        paired_free(&l->entry[i].paired);
    free(l->entry);
    *l = (struct ledger){ 0 };
}

const struct paired_row *ledger_row(const struct ledger_entry *e, const char *method,
                                    enum explained explained, const char *figure)
{
    for (size_t i = 0; i < e->paired.rows; i++) {
        const struct paired_row *row = &e->paired.row[i];
        if (row->explained == explained && strcmp(row->method, method) == 0 &&
            strcmp(row->figure, figure) == 0)
            return row;
    }
    return NULL;
}
