#include "document.h"

#include <math.h>
#include <string.h>

/* The paper's two models. Its rows are taken to be those of the small models
 * (results/published). */
static const struct family {
    const char *label, *published, *prefix[2];
} families[] = { { "Mamba (Vim)", "vim_small", { "vim", "vim" } },
                 { "Transformer (DeiT)", "deit_small", { "deit", "vit" } } };
enum { FAMILIES = sizeof families / sizeof *families };

static const char *const paper_methods[] = { "raw", "rollout", "attribution" };
enum { PAPER_METHODS = sizeof paper_methods / sizeof *paper_methods, MOST_METHODS = 64 };

/* The paper's tables are of ImageNet; a run on other data, such as the demo set, is in none. */
static bool in_family(const struct run *run, const struct family *f, const char *kind)
{
    const char *arch = run->result->attribute[ATTR_ARCH];
    if (!comparability_same_data(run->result, kind))
        return false;
    return strncmp(arch, f->prefix[0], strlen(f->prefix[0])) == 0 ||
           strncmp(arch, f->prefix[1], strlen(f->prefix[1])) == 0;
}

/* --- finding rows ---------------------------------------------------------------------------- */

/* Of several runs with a row, the one closest to the published conditions goes into the table. */
static int closeness(const struct comparability *s)
{
    return s->why[0] == '\0' ? 3 : s->comparable ? 2 : 1;
}

static const struct perturbation_row *find_curve_row(const struct report *report,
                                                     const struct family *f, const char *method,
                                                     const struct run **from)
{
    const struct perturbation_row *best = NULL;
    *from = NULL;
    for (size_t r = 0; r < report->runs; r++) {
        const struct run *run = &report->run[r];
        const struct comparability *conditions = &run->perturbation_comparability;
        if (!in_family(run, f, "perturbation") || conditions->variant[0] != '\0' ||
            (best && closeness(conditions) <= closeness(&(*from)->perturbation_comparability)))
            continue;
        for (size_t i = 0; i < run->perturbations; i++) {
            const struct perturbation_row *row = &run->perturbation[i];
            if (row->stratum == STRATUM_ALL && row->explained == EXPLAINED_PREDICTED &&
                strcmp(row->method, method) == 0) {
                best = row;
                *from = run;
            }
        }
    }
    return best;
}

static const struct segmentation_row *find_score_row(const struct report *report,
                                                     const struct family *f, const char *method,
                                                     const char *variant, const struct run **from)
{
    const struct segmentation_row *best = NULL;
    *from = NULL;
    for (size_t r = 0; r < report->runs; r++) {
        const struct run *run = &report->run[r];
        const struct comparability *conditions = &run->segmentation_comparability;
        if (!in_family(run, f, "segmentation") || strcmp(conditions->variant, variant) != 0 ||
            (best && closeness(conditions) <= closeness(&(*from)->segmentation_comparability)))
            continue;
        for (size_t i = 0; i < run->segmentations; i++) {
            const struct segmentation_row *row = &run->segmentation[i];
            if (row->stratum == STRATUM_ALL && row->explained == EXPLAINED_PREDICTED &&
                strcmp(row->method, method) == 0) {
                best = row;
                *from = run;
            }
        }
    }
    return best;
}

/* The paper's methods, then whatever else the runs have, in the order of method_order. */
static size_t list_methods(const struct report *report, const char **methods, bool *more)
{
    size_t count = PAPER_METHODS;
    *more = false;
    bool control[MOST_METHODS] = { false };
    memcpy(methods, paper_methods, sizeof paper_methods);
    for (size_t r = 0; r < report->runs; r++) {
        const struct run *run = &report->run[r];
        for (size_t i = 0; i < run->perturbations + run->segmentations; i++) {
            size_t k = i - run->perturbations;
            bool curve = i < run->perturbations;
            const char *method = curve ? run->perturbation[i].method : run->segmentation[k].method;
            bool is_control = curve ? run->perturbation[i].control : run->segmentation[k].control;
            size_t at = 0;
            while (at < count && strcmp(methods[at], method) != 0)
                at++;
            *more = *more || at == MOST_METHODS;
            if (at < count || at == MOST_METHODS)
                continue;
            for (at = count++;
                 at > 0 && method_order(methods[at - 1], control[at - 1], method, is_control) > 0;
                 at--) {
                methods[at] = methods[at - 1];
                control[at] = control[at - 1];
            }
            methods[at] = method;
            control[at] = is_control;
        }
    }
    return count;
}

/* --- cells ----------------------------------------------------------------------------------- */

static void from_cell(struct grid *g, const struct run *run, const char *model, size_t images)
{
    if (run)
        grid_cell(g, "%s, %s, n = %zu", *model ? model : "weights unknown",
                  base_name(run->result->path), images);
    else
        grid_cell(g, "no run");
}

/* A row without a figure of ours beside the published one. */
static void gap_cells(struct grid *g, double published)
{
    struct figure gap = { .value = NAN, .ci = { NAN, NAN }, .published = published };
    gap.same_conditions = true; /* no mark, since we have no run to compare conditions */
    figure_cells(g, &gap);
}

static void score_cells(struct grid *g, const struct segmentation_row *row,
                        const struct published_entry *e)
{
    const double published[] = { e ? e->pixel_accuracy : NAN, e ? e->map : NAN, e ? e->miou : NAN };
    for (int m = 0; m < SEGMENTATION_METRICS; m++) {
        if (row)
            figure_cells(g, &row->figure[m]);
        else
            gap_cells(g, published[m]);
    }
}

/* --- tables ---------------------------------------------------------------------------------- */

static void table_1(const struct writer *w, const struct report *report, const char *const *methods,
                    size_t count, bool *failed)
{
    struct grid g;
    grid_begin(&g, "lllrrrrrrrr");
    HEADER(&g, "method", "model", "run", "positive ↓", "95 % CI", "published", "diff", "negative ↑",
           "95 % CI", "published", "diff");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < FAMILIES; k++) {
            const struct run *run;
            const struct perturbation_row *row =
                find_curve_row(report, &families[k], methods[i], &run);
            const struct published_entry *e = published_find(report->published, "perturbation",
                                                             families[k].published, methods[i], "");
            if (!row && !e)
                continue;
            grid_cell(&g, "%s", methods[i]);
            grid_cell(&g, "%s", families[k].label);
            from_cell(&g, run, run ? run->perturbation_comparability.model : "",
                      row ? row->images : 0);
            for (int d = 0; d < REMOVALS; d++) {
                if (row)
                    figure_cells(&g, &row->direction[d].auc);
                else
                    gap_cells(&g, d == REMOVE_HOTTEST ? e->positive : e->negative);
            }
        }
    put_table(w, &g, failed, "The paper's Table 1: perturbation AUC, percent, predicted class");
}

static void table_2(const struct writer *w, const struct report *report, const char *const *methods,
                    size_t count, bool *failed)
{
    struct grid g;
    grid_begin(&g, "lllrrrrrrrrrrrr");
    HEADER(&g, "method", "model", "run", "pixel acc. ↑", "95 % CI", "published", "diff", "mAP ↑",
           "95 % CI", "published", "diff", "mIoU ↑", "95 % CI", "published", "diff");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < FAMILIES; k++) {
            const struct run *run;
            const struct segmentation_row *row =
                find_score_row(report, &families[k], methods[i], "", &run);
            const struct published_entry *e = published_find(report->published, "segmentation",
                                                             families[k].published, methods[i], "");
            if (!row && !e)
                continue;
            grid_cell(&g, "%s", methods[i]);
            grid_cell(&g, "%s", families[k].label);
            from_cell(&g, run, run ? run->segmentation_comparability.model : "",
                      row ? row->images : 0);
            score_cells(&g, row, e);
        }
    put_table(w, &g, failed, "The paper's Table 2: segmentation, percent, predicted class");
}

/* Tables 5 and 6: the rows are those of the published table, its first being Table 2's. */
static void ablation(const struct writer *w, const struct report *report, int number,
                     const char *method, const char *plain, const char *what, bool *failed)
{
    const struct family *mamba = &families[0];
    struct grid g;
    grid_begin(&g, "llrrrrrrrrrrrr");
    HEADER(&g, "variant", "run", "pixel acc. ↑", "95 % CI", "published", "diff", "mAP ↑", "95 % CI",
           "published", "diff", "mIoU ↑", "95 % CI", "published", "diff");
    for (size_t i = 0; i < report->published->entries; i++) {
        const struct published_entry *e = &report->published->entry[i];
        bool first = strcmp(e->method, method) == 0 && e->variant[0] == '\0';
        if (strcmp(e->kind, "segmentation") != 0 || strcmp(e->name, mamba->published) != 0 ||
            (!first && e->table != number))
            continue;
        const struct run *run;
        const struct segmentation_row *row =
            find_score_row(report, mamba, method, e->variant, &run);
        grid_cell(&g, "%s", first ? plain : e->variant);
        from_cell(&g, run, run ? run->segmentation_comparability.model : "", row ? row->images : 0);
        score_cells(&g, row, e);
    }
    put_table(w, &g, failed, "The paper's Table %d: %s, segmentation, percent, Vim", number, what);
}

/* Why a published figure is marked or missing, run by run. */
static void condition_items(const struct writer *w, const struct report *report)
{
    for (size_t r = 0; r < report->runs; r++) {
        const struct run *run = &report->run[r];
        const struct {
            const char *what;
            const struct comparability *conditions;
            size_t rows;
        } tasks[] = { { "perturbation", &run->perturbation_comparability, run->perturbations },
                      { "segmentation", &run->segmentation_comparability, run->segmentations } };
        for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++)
            if (tasks[t].rows && tasks[t].conditions->why[0])
                say(w, w->style->text.item, "%s, %s, %s: %s", base_name(run->result->path),
                    tasks[t].what, tasks[t].conditions->comparable ? "†" : "n/a",
                    tasks[t].conditions->why);
    }
}

void paper_write(const struct writer *w, const struct report *report, bool *failed)
{
    const char *methods[MOST_METHODS];
    bool more;
    size_t count = list_methods(report, methods, &more);

    w->style->text.heading(w->f, 1, "The paper's tables");
    table_1(w, report, methods, count, failed);
    table_2(w, report, methods, count, failed);
    ablation(w, report, 5, "rollout", "mean", "rollout, over channels", failed);
    ablation(w, report, 6, "attribution", "clamp", "attribution, negative scores", failed);
    if (more)
        say(w, w->style->text.paragraph, "The tables hold %d methods; the others are left out.",
            MOST_METHODS);
    say(w, w->style->text.paragraph,
        "† or n/a beside a published figure, and why no difference is given:");
    w->style->text.paragraph(w->f, "");
    condition_items(w, report);
}
