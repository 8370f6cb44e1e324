/* evalh rescore FILE...: the other conventions of the scores, without a model. Perturbation, from
 * the stored records: accuracy or probability curves, trapezoid or mean, the unmasked point in or
 * out (SPEC 7). Segmentation, from the stored maps and the data set's masks: other thresholds than
 * the mean of the heat (SPEC 8). */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "format.h"
#include "located.h"
#include "log.h"
#include "thresholds.h"

enum task { PERTURBATION, SEGMENTATION, TASKS, LOCALISATION = TASKS, WHAT_IS_THERE };
static const char *const task_names[] = { "perturbation", "segmentation", "localisation", NULL };

enum output { OUTPUT_MD, OUTPUT_CSV };
static const char *const output_names[] = { "md", "csv", NULL };

struct options {
    int output; /* enum output */
    int task;   /* enum task; WHAT_IS_THERE: each that a file has */
    struct cli_list in;
};

static const struct argp_option option_table[] = {
    { "format", 'f', "md|csv", 0, "on standard output (default: md)", 0 },
    { "task", 't', "perturbation|segmentation|localisation", 0,
      "that one alone (default: what the files have; csv: the first)", 0 },
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_WORD, 'f', AT(output), 0, 0, output_names },
    { CLI_WORD, 't', AT(task), 0, 0, task_names },
    CLI_FILE_ARGUMENTS(AT(in), "a result file (.h5) is expected"),
    { 0 },
};

static const struct argp argp =
    CLI_ARGP(option_table, cli_option, "FILE...",
             "Every convention of the perturbation score and every threshold of the segmentation "
             "score from the records of evalh run, without a model.");

static const struct options defaults = { .task = WHAT_IS_THERE };

/* --- perturbation ---------------------------------------------------------------------------- */

enum { ACCURACY, PROBABILITY, CURVES };
static const char *const curve_names[CURVES] = { "accuracy", "probability" };

/* score [CURVES][AUC_CONVENTIONS], percent; NaN without a scored, labelled image. */
static void rescore(const struct result *r, const struct result_curve *c, const uint8_t *use,
                    double score[CURVES][AUC_CONVENTIONS])
{
    double curve[CURVES][CURVE_MOST_POINTS];
    int points = r->axis.steps + 1;
    accuracy_curve(c->hit, use, r->images, points, curve[ACCURACY]);
    probability_curve(c->prob, use, r->images, points, curve[PROBABILITY]);
    for (int k = 0; k < CURVES; k++)
        for (int a = 0; a < AUC_CONVENTIONS; a++)
            score[k][a] = curve_auc(&r->axis, curve[k], (enum auc_convention)a);
}

static void header(struct grid *g, bool csv)
{
    if (csv)
        grid_cell(g, "file");
    grid_cell(g, "method");
    grid_cell(g, "class");
    grid_cell(g, "direction");
    grid_cell(g, "curve");
    for (int a = 0; a < AUC_CONVENTIONS; a++)
        grid_cell(g, "%s", auc_names[a]);
    if (csv)
        grid_cell(g, "doubt");
}

static void score_cell(struct grid *g, double score, bool csv)
{
    char text[DECIMAL_SIZE];
    if (!csv)
        grid_cell(g, "%s", decimal(text, score, 2));
    else if (isnan(score))
        grid_cell(g, "%s", "");
    else
        grid_cell(g, "%.10g", score);
}

static void rows(struct grid *g, const struct result *r, const uint8_t *use, bool csv)
{
    double score[CURVES][AUC_CONVENTIONS];
    for (size_t i = 0; i < r->curves; i++) {
        const struct result_curve *c = &r->curve[i];
        const struct result_map *map = result_find_map(r, c->method, c->explained);
        bool both = !csv && map && map->agnostic; /* one row for reading; CSV has every entry */
        if (both && c->explained == EXPLAINED_TARGET)
            continue;
        rescore(r, c, use, score);
        for (int k = 0; k < CURVES; k++) {
            if (csv)
                grid_cell(g, "%s", r->path);
            grid_cell(g, "%s", c->method);
            grid_cell(g, "%s", both ? "both" : explained_names[c->explained]);
            grid_cell(g, "%s", removal_names[c->removal]);
            grid_cell(g, "%s", curve_names[k]);
            for (int a = 0; a < AUC_CONVENTIONS; a++)
                score_cell(g, score[k][a], csv);
            if (csv)
                grid_cell(g, "%s", r->attribute[ATTR_DOUBT]);
        }
    }
}

static void print_title(const struct result *r, size_t images, const char *what)
{
    char title[RESULT_TITLE_SIZE];
    result_title(r, title, sizeof title);
    const char *doubt = r->attribute[ATTR_DOUBT];
    printf("\n%s: %s, %s, n = %zu%s%s%s\n\n", r->path, title, what, images,
           doubt[0] != '\0' ? " (DOUBTFUL: " : "", doubt, doubt[0] != '\0' ? ")" : "");
}

/* What the columns mean on an axis, below its tables. The names are those of the published one. */
static void explain_curves(const struct curve_axis *axis)
{
    bool published =
        axis->steps == curve_axis_published.steps && axis->upto == curve_axis_published.upto;
    double first = 100 * curve_share(axis, 1);
    printf("\nPercent. trapezoid: over 0 ... %d %% removed, %s (at most %.4g); trapezoid_from_10: "
           "the\nunmasked point left out (at most %.4g); mean_nine: mean of %.4g ... %d %%; "
           "mean_ten: mean of 0 ... %d %% (at most 100).\n",
           axis->upto,
           published ? "the published convention" : "not the published axis of 9 steps to 90 %",
           auc_highest(axis, AUC_TRAPEZOID), auc_highest(axis, AUC_TRAPEZOID_FROM10), first,
           axis->upto, axis->upto);
    if (!published)
        printf("The columns' names are those of that axis; here it is %d steps to %d %%: %d points "
               "with the unmasked one.\n",
               axis->steps, axis->upto, axis->steps + 1);
}

static enum status print_curves(const struct result *r, bool csv, bool first, struct error *err)
{
    struct grid g;
    size_t images = 0;
    uint8_t *use = malloc(r->images ? r->images : 1);
    if (!use)
        return fail(err, E_NOMEM, "%s: no memory to score it", r->path);
    for (size_t i = 0; i < r->images; i++)
        images += use[i] = r->status[i] == 0 && r->label[i] >= 0;
    grid_begin(&g, csv ? "lllllrrrrl" : "llllrrrr");
    if (!csv || first)
        header(&g, csv);
    rows(&g, r, use, csv);
    if (!csv)
        print_title(r, images, "perturbation");
    if (!g.failed)
        (csv ? grid_csv : grid_markdown)(&g, stdout);
    bool failed = g.failed;
    grid_end(&g);
    free(use);
    return failed ? fail(err, E_NOMEM, "%s: no memory to score it", r->path) : OK;
}

/* --- segmentation ---------------------------------------------------------------------------- */

/* The columns of a table: the rules, every tenth fixed level, the best level. */
enum { SHOWN_LEVELS = 9, SHOWN = THRESHOLD_LEVELS + SHOWN_LEVELS };

static int shown(int column)
{
    int level = column - THRESHOLD_LEVELS;
    return level < 0 ? column : THRESHOLD_LEVELS + 10 * level + 9; /* 0.10, 0.20 ... */
}

static void threshold_header(struct grid *g)
{
    char name[16];
    grid_cell(g, "method");
    grid_cell(g, "class");
    for (int k = 0; k < SHOWN; k++) {
        threshold_name(shown(k), name, sizeof name);
        grid_cell(g, "%s", name);
    }
    grid_cell(g, "best");
    grid_cell(g, "at");
}

static void threshold_rows(struct grid *g, const struct threshold_table *t,
                           double (*score)(const struct threshold_counts *))
{
    for (size_t i = 0; i < t->rows; i++) {
        const struct threshold_row *row = &t->row[i];
        char name[16];
        grid_cell(g, "%s", row->method);
        grid_cell(g, "%s", row->agnostic ? "both" : explained_names[row->explained]);
        for (int k = 0; k < SHOWN; k++)
            score_cell(g, score(&row->counts[shown(k)]), false);
        score_cell(g, score(&row->counts[row->best]), false);
        threshold_name(row->best, name, sizeof name);
        grid_cell(g, "%s", *t->why ? "–" : name);
    }
}

static void threshold_line(struct grid *g, const struct result *r, const struct threshold_row *row,
                           enum explained explained, int threshold)
{
    const struct threshold_counts *c = &row->counts[threshold];
    char name[16];
    threshold_name(threshold, name, sizeof name);
    grid_cell(g, "%s", r->path);
    grid_cell(g, "%s", row->method);
    grid_cell(g, "%s", explained_names[explained]);
    grid_cell(g, "%s", name);
    score_cell(g, counts_accuracy(c), true);
    score_cell(g, counts_miou(c), true);
    grid_cell(g, "%s", r->attribute[ATTR_DOUBT]);
}

static void threshold_lines(struct grid *g, const struct result *r, const struct threshold_table *t)
{
    for (size_t i = 0; i < t->rows; i++)
        for (int k = 0; k < THRESHOLDS; k++) {
            const struct threshold_row *row = &t->row[i];
            /* as for curves, CSV has a line for each class even where the two are the same */
            for (int c = 0; c < EXPLAINED_CLASSES; c++)
                if ((k <= THRESHOLD_MEAN || !*t->why) &&
                    (row->agnostic || row->explained == (enum explained)c))
                    threshold_line(g, r, row, (enum explained)c, k);
        }
}

static bool print_grid(struct grid *g, void (*print)(const struct grid *, FILE *))
{
    bool failed = g->failed;
    if (!failed)
        print(g, stdout);
    grid_end(g);
    return !failed;
}

static enum status print_thresholds(const struct result *r, bool csv, bool first, struct error *err)
{
    static const struct {
        const char *what;
        double (*score)(const struct threshold_counts *);
    } tables[] = { { "segmentation, mIoU by threshold", counts_miou },
                   { "segmentation, pixel accuracy by threshold", counts_accuracy } };
    struct threshold_table t;
    struct grid g;
    bool good = true;
    size_t scored = 0;

    TRY(thresholds_build(r, &t, err));
    for (size_t i = 0; i < r->images; i++)
        scored += r->status[i] == 0;
    if (*t.why)
        log_warn("%s: only the published threshold: the records hold no masks, and the data set "
                 "cannot be read here (%s)",
                 r->path, t.why);
    for (size_t k = 0; good && !csv && k < 2; k++) {
        grid_begin(&g, "llrrrrrrrrrrrrrr");
        threshold_header(&g);
        threshold_rows(&g, &t, tables[k].score);
        print_title(r, scored, tables[k].what);
        good = print_grid(&g, grid_markdown);
    }
    if (csv) {
        grid_begin(&g, "llllrrl");
        static const char *const names[] = { "file",           "method", "class", "threshold",
                                             "pixel_accuracy", "miou",   "doubt" };
        for (size_t k = 0; first && k < sizeof names / sizeof *names; k++)
            grid_cell(&g, "%s", names[k]);
        threshold_lines(&g, r, &t);
        good = print_grid(&g, grid_csv);
    }
    thresholds_free(&t);
    return good ? OK : fail(err, E_NOMEM, "%s: no memory to score it", r->path);
}

/* --- localisation ---------------------------------------------------------------------------- */

static void located_cells(struct grid *g, const struct result *r, const struct located_row *row,
                          enum explained explained, bool csv)
{
    if (csv)
        grid_cell(g, "%s", r->path);
    grid_cell(g, "%s", row->method);
    grid_cell(g, "%s", row->agnostic && !csv ? "both" : explained_names[explained]);
    for (int s = 0; s < LOCATED_SCORES; s++)
        score_cell(g, 100 * row->mean[s], csv);
    if (csv)
        grid_cell(g, "%s", r->attribute[ATTR_DOUBT]);
}

/* Pointing game, top-k, mass, rank, AUC-ROC; and how concentrated the maps are. */
static enum status print_located(const struct result *r, bool csv, bool first, struct error *err)
{
    struct located_table t;
    struct grid g;
    TRY(located_build(r, &t, err));
    grid_begin(&g, csv ? "lllrrrrrrrrl" : "llrrrrrrrr");
    if (csv && first)
        grid_cell(&g, "file");
    if (!csv || first) {
        grid_cell(&g, "method");
        grid_cell(&g, "class");
        for (int s = 0; s < LOCATED_SCORES; s++)
            grid_cell(&g, "%s", located_names[s]);
    }
    if (csv && first)
        grid_cell(&g, "doubt");
    for (size_t i = 0; i < t.rows; i++)
        for (int c = 0; c < EXPLAINED_CLASSES; c++)
            if (t.row[i].explained == (enum explained)c || (csv && t.row[i].agnostic))
                located_cells(&g, r, &t.row[i], (enum explained)c, csv);
    if (!csv)
        print_title(r, t.images, "localisation");
    bool good = print_grid(&g, csv ? grid_csv : grid_markdown);
    located_free(&t);
    return good ? OK : fail(err, E_NOMEM, "%s: no memory to score it", r->path);
}

/* --- files ----------------------------------------------------------------------------------- */

static bool has_task(const struct result *r, enum task task)
{
    return task == PERTURBATION ? r->curves > 0 : r->segmentations > 0;
}

/* Explains the curves so far where this file's have other points. */
static void note_axis(const struct result *r, struct curve_axis *axis)
{
    bool other = r->axis.steps != axis->steps || r->axis.upto != axis->upto;
    if (other && axis->steps > 0)
        explain_curves(axis);
    *axis = r->axis;
}

/* done [TASKS]: files printed so far. A CSV holds one task only: that of the first file. */
static enum status rescore_file(const struct options *o, const struct result *r, size_t done[TASKS],
                                struct curve_axis *axis, struct error *err)
{
    bool any = false;
    for (int t = 0; t < TASKS; t++) {
        bool csv = o->output == OUTPUT_CSV;
        if (o->task == t && !has_task(r, (enum task)t))
            return fail(err, E_DATA, "%s: it has no /%s to score", r->path, task_names[t]);
        if ((o->task != t && o->task != WHAT_IS_THERE) || !has_task(r, (enum task)t) ||
            (csv && done[!t] > 0))
            continue;
        if (t == PERTURBATION && !csv)
            note_axis(r, axis);
        TRY((t == PERTURBATION ? print_curves : print_thresholds)(r, csv, done[t] == 0, err));
        done[t]++;
        any = true;
    }
    return any ? OK
               : fail(err, E_DATA,
                      "%s: it has no /perturbation, as the files before it; --task says which to "
                      "print",
                      r->path);
}

static void explain_thresholds(void)
{
    printf("\nPercent; foreground is heat > threshold. mean: of the map's heat, the published "
           "one, from the records; median; otsu:\nparts the heat into its two tightest "
           "classes; 0.10 ...: the same level for every image; best: the one of 0.01 ...\n"
           "0.99 with the highest mIoU, chosen on the masks themselves: a bound, not a "
           "score.\n");
}

static enum status rescore_files(void *options, bool *begun, struct error *err)
{
    const struct options *o = options;
    size_t done[TASKS] = { 0 };
    bool located = o->task == LOCALISATION, csv = o->output == OUTPUT_CSV;
    struct curve_axis axis = { 0, 0 }; /* of the curves above that are not yet explained */
    for (size_t i = 0; i < o->in.count; i++) {
        struct result *r;
        TRY(result_open(o->in.text[i], &r, err));
        enum status status = OK;
        if (located && r->segmentations == 0)
            status = fail(err, E_DATA, "%s: it has no /segmentation, so no masks to hold maps to",
                          r->path);
        else if (located)
            status = print_located(r, csv, i == 0, err);
        else
            status = rescore_file(o, r, done, &axis, err);
        *begun = (located && status == OK) || done[PERTURBATION] + done[SEGMENTATION] > 0;
        result_close(r);
        TRY(status);
    }
    if (!csv && done[PERTURBATION] > 0)
        explain_curves(&axis);
    if (!csv && done[SEGMENTATION] > 0)
        explain_thresholds();
    return OK;
}

static int run_rescore(void *options)
{
    return cli_run(rescore_files, options);
}

const struct command command_rescore = { "rescore", "other conventions of the scores, from records",
                                         &argp, CLI_OPTIONS(places, defaults), run_rescore };
