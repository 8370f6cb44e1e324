/* Tidy CSV: one number per line, with all that identifies it. Columns are stable. Lines of the
 * task "ledger" hold differences from the run in column `base`; `variant` is the switch. Lines of
 * the task "models" say in column `best` whether no other model or method has a better figure.
 * `doubt` says why the run's numbers look wrong, where they do. */
#include "format.h"
#include "models.h"
#include "score_table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct line {
    const struct run *run;
    const char *task, *method, *explained, *stratum, *metric, *direction;
    double removed; /* percent; -1: none */
    size_t images;
    struct figure figure;
    const char *variant,
        *base;        /* of the ledger: the switch, and the file it is compared with; else NULL */
    const char *best; /* of the task "models": yes or no; else NULL */
};

static void number_field(FILE *f, double value)
{
    fputc(',', f);
    if (!isnan(value))
        fprintf(f, "%.10g", value);
}

static void write_line(FILE *f, const struct line *l)
{
    const struct result *r = l->run->result;
    const char *const texts[] = { r->path,
                                  r->attribute[ATTR_ARCH],
                                  r->attribute[ATTR_DATASET],
                                  r->attribute[ATTR_PROTOCOL],
                                  l->task,
                                  l->method,
                                  l->explained,
                                  l->stratum,
                                  l->metric,
                                  l->direction };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (i > 0)
            fputc(',', f);
        csv_field(f, texts[i]);
    }
    number_field(f, l->removed < 0 ? NAN : l->removed);
    fprintf(f, ",%zu", l->images);
    number_field(f, l->figure.value);
    number_field(f, l->figure.ci.low);
    number_field(f, l->figure.ci.high);
    number_field(f, l->figure.published);
    fprintf(f, ",%s,", isnan(l->figure.published) ? "" : l->figure.same_conditions ? "yes" : "no");
    if (l->variant)
        csv_field(f, l->variant);
    else if (strcmp(l->task, "perturbation") == 0)
        csv_field(f, l->run->perturbation_comparability.variant);
    else if (strcmp(l->task, "segmentation") == 0)
        csv_field(f, l->run->segmentation_comparability.variant);
    fputc(',', f);
    csv_field(f, l->base ? l->base : "");
    fprintf(f, ",%s,", l->best ? l->best : "");
    csv_field(f, l->run->doubt);
    fputc('\n', f);
}

static struct figure bare(double value, struct interval ci)
{
    return (struct figure){ .value = value, .ci = ci, .published = NAN };
}

/* A line that has no number yet, and no direction. */
static struct line line_of(const struct run *run, const char *task, const char *method,
                           enum explained explained, enum stratum stratum)
{
    return (struct line){ .run = run,
                          .task = task,
                          .method = method,
                          .explained = explained_names[explained],
                          .stratum = stratum_names[stratum],
                          .direction = "",
                          .removed = -1,
                          .figure = bare(NAN, (struct interval){ NAN, NAN }) };
}

static void write_direction(FILE *f, struct line *l, const struct direction_scores *scores)
{
    const struct interval none = { NAN, NAN };
    l->metric = "auc";
    l->removed = -1;
    l->figure = scores->auc;
    write_line(f, l);
    for (int k = 0; k <= scores->axis.steps; k++) {
        struct interval band = { 100 * scores->band[k].low, 100 * scores->band[k].high };
        l->removed = 100 * curve_share(&scores->axis, k);
        l->metric = "accuracy";
        l->figure = bare(100 * scores->accuracy[k], band);
        write_line(f, l);
        l->metric = "probability";
        l->figure = bare(100 * scores->probability[k], none);
        write_line(f, l);
    }
}

static void write_perturbation(FILE *f, const struct run *run)
{
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        for (int d = 0; d < REMOVALS; d++) {
            struct line l = line_of(run, "perturbation", row->method, row->explained, row->stratum);
            l.direction = removal_names[d];
            l.images = row->images;
            if (row->direction[d].present)
                write_direction(f, &l, &row->direction[d]);
        }
    }
}

static void write_shortcut(FILE *f, const struct run *run, const struct segmentation_row *row)
{
    struct line l = line_of(run, "segmentation", row->method, row->explained, row->stratum);
    l.metric = "shortcut_share";
    l.images = row->shortcut_images;
    l.figure = row->shortcut;
    write_line(f, &l);
    l.metric = "shortcut_area";
    l.figure = bare(row->shortcut_area, (struct interval){ NAN, NAN });
    write_line(f, &l);
}

static void write_segmentation(FILE *f, const struct run *run)
{
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct line l = line_of(run, "segmentation", row->method, row->explained, row->stratum);
        l.images = row->images;
        for (int m = 0; m < SEGMENTATION_METRICS; m++) {
            l.metric = segmentation_keys[m];
            l.figure = row->figure[m];
            write_line(f, &l);
        }
        if (row->shortcut_images > 0)
            write_shortcut(f, run, row);
    }
}

static void write_trust(FILE *f, const struct run *run)
{
    const struct interval none = { NAN, NAN };
    struct line l = { run, "trust",       "",        "",   "all", "top1", "",
                      -1,  run->labelled, run->top1, NULL, NULL,  NULL };
    l.figure.same_conditions = false; /* published with another preprocessing */
    write_line(f, &l);
    l.metric = "skipped";
    l.images = run->result->images;
    l.figure = bare((double)run->skipped, none);
    write_line(f, &l);
    l.metric = "identity_error";
    l.images = run->scored;
    l.figure = bare(run->identity_max, none);
    write_line(f, &l);
    l.metric = "zero_row_sums";
    l.figure = bare(run->zero_row_sum < 0 ? NAN : (double)run->zero_row_sum, none);
    write_line(f, &l);
    for (size_t i = 0; i < run->maps; i++) {
        const struct map_row *row = &run->map[i];
        const struct {
            const char *metric;
            double value;
        } values[] = { { "constant_maps", row->constant < 0 ? NAN : (double)row->constant },
                       { "largest_tie", row->largest_tie },
                       { "sum_error", row->sum_error } };
        l.method = row->method;
        l.explained = explained_names[row->explained];
        size_t count = sizeof values / sizeof *values;
        for (size_t k = 0; k < count - isnan(row->sum_error); k++) {
            l.metric = values[k].metric;
            l.figure = bare(values[k].value, none);
            write_line(f, &l);
        }
    }
}

/* Splits the names of the ledger's figures into metric and direction, as in the other lines. */
static const char *const keys[LEDGER_FIGURES][2] = { { "auc", "positive" },
                                                     { "auc", "negative" },
                                                     { "pixel_accuracy", "" },
                                                     { "map", "" },
                                                     { "miou", "" } };

/* Models in one table: the figures again, and whether any in the table is better. */
static void write_models(FILE *f, const struct report *report)
{
    const struct models *models = report->models;
    for (size_t t = 0; models && t < models->tables; t++) {
        const struct models_table *table = &models->table[t];
        for (size_t i = 0; i < table->rows * LEDGER_FIGURES; i++) {
            const struct models_row *row = &table->row[i / LEDGER_FIGURES];
            size_t k = i % LEDGER_FIGURES;
            struct line l = line_of(&report->run[row->run], "models", row->method, table->explained,
                                    STRATUM_ALL);
            l.metric = keys[k][0];
            l.direction = keys[k][1];
            l.images = row->images;
            l.figure.value = row->value[k];
            l.best = row->best[k] ? "yes" : "no";
            if (table->has[k])
                write_line(f, &l);
        }
    }
}

/* The effect of each switch: differences from the base, paired over the same images. */
static void write_ledger(FILE *f, const struct report *report)
{
    const struct ledger *ledger = report->ledger;
    for (size_t e = 0; ledger && e < ledger->entries; e++) {
        const struct ledger_entry *entry = &ledger->entry[e];
        for (size_t i = 0; i < entry->paired.rows; i++) {
            const struct paired_row *row = &entry->paired.row[i];
            int k = 0;
            while (k < LEDGER_FIGURES - 1 && strcmp(row->figure, ledger_figures[k]) != 0)
                k++;
            struct line l = line_of(&report->run[entry->run], "ledger", row->method, row->explained,
                                    STRATUM_ALL);
            l.metric = keys[k][0];
            l.direction = keys[k][1];
            l.images = k < 2 ? entry->paired.labelled : entry->paired.images;
            l.figure = bare(row->value[1] - row->value[0], row->difference);
            l.variant = entry->key;
            l.base = report->run[ledger->base].result->path;
            write_line(f, &l);
        }
    }
}

/* The metric names the layer: "ssim.layer 3"; the direction is the scheme. */
static void write_randomisation(FILE *f, const struct run *run)
{
    const struct randomised *t = &run->randomised;
    const struct interval none = { NAN, NAN };
    for (size_t m = 0; m < t->rows; m++) {
        char metric[80], layer[RANDOMISED_NAME];
        struct line l = line_of(run, "randomisation", t->row[m].method, t->explained, STRATUM_ALL);
        l.metric = metric;
        l.images = t->images;
        for (int s = 0; s < RANDOMISED_SCHEMES; s++)
            for (int k = 0; k < RANDOMISED_MEASURES; k++)
                for (size_t at = 0; at < t->layers; at++) {
                    snprintf(metric, sizeof metric, "%s.%s", randomised_measures[k],
                             randomised_layer(t, at, layer));
                    l.direction = randomised_schemes[s];
                    l.figure = bare(t->row[m].like[s][k][at], none);
                    write_line(f, &l);
                }
        snprintf(metric, sizeof metric, "emprt");
        l.direction = randomised_schemes[RANDOMISED_CASCADE];
        l.figure = bare(t->row[m].emprt, none);
        write_line(f, &l);
    }
}

/* Writes values as the task "scores", and ranks of explanations as its metric KEY.rank. */
static void write_scores(FILE *f, const struct run *run, const struct score_table *t)
{
    int all = t->methods + t->controls;
    for (int k = 0; k < t->metrics; k++)
        for (int m = 0; m < all; m++) {
            char rank[64];
            struct line l = line_of(run, "scores", t->method[m], t->explained, STRATUM_ALL);
            l.metric = t->metric[k].key;
            l.images = t->images;
            l.figure.value = t->value[k * all + m];
            write_line(f, &l);
            if (m >= t->methods)
                continue;
            snprintf(rank, sizeof rank, "%s.rank", t->metric[k].key);
            l.metric = rank;
            l.figure = bare(t->agreement.rank[k * t->methods + m],
                            t->agreement.interval[k * t->methods + m]);
            write_line(f, &l);
        }
    for (int m = 0; t->metrics > 0 && m < t->methods; m++) {
        struct line l = line_of(run, "scores", t->method[m], t->explained, STRATUM_ALL);
        l.metric = "mean_rank";
        l.images = t->images;
        l.figure = bare(t->agreement.mean_rank[m], t->agreement.mean_interval[m]);
        write_line(f, &l);
    }
}

static enum status write_csv(const struct report *report, FILE *f, struct error *err)
{
    fputs("file,arch,dataset,protocol,task,method,class,stratum,metric,direction,removed_percent,"
          "images,"
          "value,ci_low,ci_high,published,same_conditions,variant,base,best,doubt\n",
          f);
    for (size_t i = 0; i < report->runs; i++) {
        write_trust(f, &report->run[i]);
        write_perturbation(f, &report->run[i]);
        write_segmentation(f, &report->run[i]);
        write_randomisation(f, &report->run[i]);
        if (report->scores)
            write_scores(f, &report->run[i], &report->scores[i]);
    }
    write_ledger(f, report);
    write_models(f, report);
    return ferror(f) ? fail(err, E_IO, "the report cannot be written: %s", strerror(errno)) : OK;
}

const struct format format_csv = { "csv", "tidy CSV, one number a line", write_csv };
