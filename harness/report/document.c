/* The content and order of a report; its form is up to a style. */
#include "document.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "ledger.h"
#include "result_config.h"
#include "score_table.h"

/* --- a run: what it was ---------------------------------------------------------------------- */

static void top1_item(const struct writer *w, const struct run *run)
{
    const struct figure *f = &run->top1;
    char published[96] = "";
    if (run->scored == 0) {
        say(w, w->style->text.item, "Nothing was scored: none of the %zu images %s", run->skipped,
            run_why_none(run));
        return;
    }
    if (isnan(f->value)) {
        say(w, w->style->text.item, "Top-1: n/a, there are no labels or no predictions");
        return;
    }
    if (run->doubt[0] != '\0')
        say(w, w->style->text.item, "DOUBTFUL: %s", run->doubt);
    /* the published top-1 is ImageNet's, and says nothing about other data */
    if (!isnan(f->published) && strncmp(run->result->attribute[ATTR_DATASET], "imagenet", 8) == 0)
        snprintf(published, sizeof published,
                 "; the released weights: %.1f %% (whole validation set, eval preprocessing)",
                 f->published);
    char value[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    say(w, w->style->text.item, "Top-1: %s %% [%s, %s] of %zu labelled images%s",
        decimal(value, f->value, 2), decimal(low, f->ci.low, 2), decimal(high, f->ci.high, 2),
        run->labelled, published);
}

/* Says why a run on the data set of the published figures has none of them beside it. */
static void published_item(const struct writer *w, const struct run *run, const char *kind,
                           const struct comparability *s)
{
    if (!s->comparable && comparability_same_data(run->result, kind))
        say(w, w->style->text.item,
            "Published figures (%s): none stand beside this run, because %s", kind, s->why);
}

static void run_items(const struct writer *w, const struct run *run)
{
    const struct result *r = run->result;
    char *const *a = r->attribute;
    block item = w->style->text.item;

    say(w, item, "File: %s, made %s by evalh %s (commit %.12s)", r->path, a[ATTR_CREATED_UTC],
        a[ATTR_EVALH_VERSION], a[ATTR_GIT_COMMIT]);
    const char *model = *a[ATTR_MODEL] ? a[ATTR_MODEL] : a[ATTR_ARCH];
    if (*a[ATTR_WORKER_COMMAND])
        say(w, item, "Model: %s, a worker with fingerprint %.40s, started by: %s", model,
            a[ATTR_WORKER_FINGERPRINT], a[ATTR_WORKER_COMMAND]);
    else if (strcmp(a[ATTR_CHECKPOINT_SHA256], "none") == 0)
        say(w, item, "Model: none, maps from files and controls alone");
    else
        say(w, item, "Model: %s, checkpoint %s%ssha256 %.12s…", model, a[ATTR_CHECKPOINT],
            *a[ATTR_CHECKPOINT] ? ", " : "", a[ATTR_CHECKPOINT_SHA256]);
    say(w, item,
        "Data: %s, fingerprint %.12s…, preprocess %s; %zu images scored, %zu skipped%s%s%s",
        a[ATTR_DATASET], a[ATTR_DATASET_FINGERPRINT], a[ATTR_PREPROCESS], run->scored, run->skipped,
        run->skipped ? " (" : "", run->skipped ? run_why_skipped(run) : "",
        run->skipped ? "; see /images/status)" : "");
    say(w, item, "Run: protocol %s, device %s, precision %s, config %.12s…", a[ATTR_PROTOCOL],
        a[ATTR_DEVICE], a[ATTR_PRECISION], a[ATTR_CONFIG_HASH]);
    top1_item(w, run);
    if (run->perturbations)
        published_item(w, run, "perturbation", &run->perturbation_comparability);
    if (run->segmentations)
        published_item(w, run, "segmentation", &run->segmentation_comparability);
    if (!isnan(run->identity_max))
        say(w, item, "Hidden attention: the sum of alpha u is y - D u, but for %.1e of it at most",
            run->identity_max);
    if (!r->complete)
        say(w, item, "NOT COMPLETE: %s; the figures are of the images above alone",
            r->progress ? r->progress : "the run was stopped");
    if (run->inconsistent)
        say(w, item, "DAMAGED: in %zu images `hit` is not (predicted = label)", run->inconsistent);
}

/* Writes the line below a table that explains its published column; `any`: the table has one. */
static void published_note(const struct writer *w, const struct comparability *s, bool any,
                           const char *where)
{
    if (!any)
        return;
    if (s->why[0])
        say(w, w->style->text.paragraph,
            "† Published (%s) under other conditions, so no difference is given: %s.", where,
            s->why);
    else
        say(w, w->style->text.paragraph, "Published: %s.", where);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void perturbation_table(const struct writer *w, const struct run *run, bool *failed)
{
    struct grid g;
    bool published = false;
    char title[RESULT_TITLE_SIZE];
    grid_begin(&g, "llrrrrrrrr");
    HEADER(&g, "method", "class", "positive ↓", "95 % CI", "published", "diff", "negative ↑",
           "95 % CI", "published", "diff");
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        if (row->stratum != STRATUM_ALL || row_hidden(row->explained, row->agnostic))
            continue;
        name_cells(&g, row->method, row->explained, row->agnostic);
        for (int d = 0; d < REMOVALS; d++) {
            figure_cells(&g, &row->direction[d].auc);
            published |= !isnan(row->direction[d].auc.published);
        }
    }
    result_title(run->result, title, sizeof title);
    const struct curve_axis *axis = &run->result->axis;
    char fill[32];
    result_config_value(run->result, "task", "fill", fill, sizeof fill);
    put_table(w, &g, failed,
              "Perturbation: area under the accuracy curve over 0 … %d %% removed in %d steps (at "
              "most %.4g)%s%s, %s, protocol %s, n = %zu",
              axis->upto, axis->steps, auc_highest(axis, AUC_TRAPEZOID),
              fill[0] != '\0' ? ", fill " : "", fill, title, run->result->attribute[ATTR_PROTOCOL],
              run->perturbation[0].images);
    published_note(w, &run->perturbation_comparability, published, "Ali et al. 2025, Table 1");
}

static const struct perturbation_row *
find_perturbation(const struct run *run, const struct perturbation_row *like, enum stratum stratum)
{
    for (size_t i = 0; i < run->perturbations; i++)
        if (run->perturbation[i].stratum == stratum &&
            run->perturbation[i].explained == like->explained &&
            strcmp(run->perturbation[i].method, like->method) == 0)
            return &run->perturbation[i];
    return like;
}

static size_t stratum_size(const struct run *run, enum stratum stratum)
{
    for (size_t i = 0; i < run->perturbations; i++)
        if (run->perturbation[i].stratum == stratum)
            return run->perturbation[i].images;
    return 0;
}

/* Where all predictions are right, or all are wrong, this would repeat the same figures. */
static void strata_table(const struct writer *w, const struct run *run, bool *failed)
{
    struct grid g;
    if (stratum_size(run, STRATUM_CORRECT) == 0 || stratum_size(run, STRATUM_WRONG) == 0)
        return;
    grid_begin(&g, "llrrrrrr");
    HEADER(&g, "method", "class", "positive ↓ all", "correct", "wrong", "negative ↑ all", "correct",
           "wrong");
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        if (row->stratum != STRATUM_ALL || row_hidden(row->explained, row->agnostic))
            continue;
        name_cells(&g, row->method, row->explained, row->agnostic);
        for (int d = 0; d < REMOVALS; d++)
            for (int s = 0; s < STRATA; s++)
                number_cell(&g,
                            find_perturbation(run, row, (enum stratum)s)->direction[d].auc.value);
    }
    put_table(w, &g, failed,
              "The same by the model's answer on the whole image: %zu correct, %zu wrong",
              stratum_size(run, STRATUM_CORRECT), stratum_size(run, STRATUM_WRONG));
}

static void segmentation_table(const struct writer *w, const struct run *run, enum stratum stratum,
                               bool *failed)
{
    static const char *const of[STRATA] = { "", ", images answered correctly",
                                            ", images answered wrongly" };
    struct grid g;
    char title[RESULT_TITLE_SIZE];
    size_t images = 0;
    grid_begin(&g, "llrrrrrrrrrrrr");
    HEADER(&g, "method", "class", "pixel acc. ↑", "95 % CI", "published", "diff", "mAP ↑",
           "95 % CI", "published", "diff", "mIoU ↑", "95 % CI", "published", "diff");
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        if (row->stratum != stratum || row_hidden(row->explained, row->agnostic))
            continue;
        images = row->images;
        name_cells(&g, row->method, row->explained, row->agnostic);
        for (int m = 0; m < SEGMENTATION_METRICS; m++)
            figure_cells(&g, &row->figure[m]);
    }
    /* the first row is that of all images */
    if (stratum != STRATUM_ALL && (images == 0 || images == run->segmentation[0].images)) {
        grid_end(&g);
        return;
    }
    result_title(run->result, title, sizeof title);
    put_table(w, &g, failed, "Segmentation, percent%s: %s, protocol %s, n = %zu", of[stratum],
              title, run->result->attribute[ATTR_PROTOCOL], images);
}

/* Where a planted patch gives the class away, a faithful method must point at it. */
static void shortcut_table(const struct writer *w, const struct run *run, bool *failed)
{
    struct grid g;
    char title[RESULT_TITLE_SIZE];
    size_t images = 0;
    grid_begin(&g, "llrrrrr");
    HEADER(&g, "method", "class", "heat inside, %", "95 % CI", "its area, %", "times chance",
           "images");
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        if (row->stratum != STRATUM_ALL || row_hidden(row->explained, row->agnostic))
            continue;
        images = row->images;
        name_cells(&g, row->method, row->explained, row->agnostic);
        number_cell(&g, row->shortcut.value);
        interval_cell(&g, row->shortcut.ci);
        number_cell(&g, row->shortcut_area);
        number_cell(&g, row->shortcut.value / row->shortcut_area);
        grid_cell(&g, "%zu", row->shortcut_images);
    }
    result_title(run->result, title, sizeof title);
    put_table(w, &g, failed, "Heat in the shortcut: %s, protocol %s, n = %zu", title,
              run->result->attribute[ATTR_PROTOCOL], images);
    say(w, w->style->text.paragraph,
        "The share of a map's heat that lies inside the planted patch, mean over the images whose "
        "map has heat. Heat that knows nothing gets the share of the area.");
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool any_published(const struct report *report)
{
    for (size_t i = 0; i < report->runs; i++)
        if ((report->run[i].perturbations &&
             report->run[i].perturbation_comparability.comparable) ||
            (report->run[i].segmentations && report->run[i].segmentation_comparability.comparable))
            return true;
    return false;
}

void run_title(const struct run *run, char *out, size_t size)
{
    char title[RESULT_TITLE_SIZE];
    result_title(run->result, title, sizeof title);
    snprintf(out, size, "%s: %s", base_name(run->result->path), title);
}

static bool any_segmentation_published(const struct run *run)
{
    bool any = false;
    for (size_t i = 0; i < run->segmentations; i++)
        for (int m = 0; m < SEGMENTATION_METRICS; m++)
            any |= !isnan(run->segmentation[i].figure[m].published);
    return any;
}

static void run_tables(const struct writer *w, const struct run *run, bool *failed)
{
    if (run->perturbations) {
        perturbation_table(w, run, failed);
        strata_table(w, run, failed);
    }
    if (run->segmentations) {
        segmentation_table(w, run, STRATUM_ALL, failed);
        published_note(w, &run->segmentation_comparability, any_segmentation_published(run),
                       "Ali et al. 2025, Tables 2, 5 and 6");
        say(w, w->style->text.paragraph,
            "mAP is the mean over the images of the average precision of foreground and background "
            "together, as published: the heat ranks the pixels as foreground, and 1 - heat ranks "
            "them once more as background; heat that knows nothing gets 50 %%. It is another "
            "figure "
            "than the foreground AP of a precision-recall curve.");
        if (run->labelled) {
            segmentation_table(w, run, STRATUM_CORRECT, failed);
            segmentation_table(w, run, STRATUM_WRONG, failed);
        }
    }
    if (run->result->shortcut_area && run->segmentations)
        shortcut_table(w, run, failed);
    randomisation_tables(w, &run->randomised, failed);
    if (run->maps)
        maps_table(w, run, failed);
}

static enum status write_run(const struct writer *all, const struct report *report, size_t index,
                             bool *failed, struct error *err)
{
    const struct style *style = all->style;
    const struct run *run = &report->run[index];
    const struct writer own = { style, all->f, run->doubt[0] != '\0' ? run->doubt : NULL };
    const struct writer *w = &own;
    char title[256];
    if (style->run_begin)
        style->run_begin(w->f, index);
    run_title(run, title, sizeof title);
    style->text.heading(w->f, 1, title);
    run_items(w, run);
    if (report->scores)
        score_tables(w, &report->scores[index], failed);
    if (style->run_figures)
        TRY(style->run_figures(w->f, report, index, err));
    run_tables(w, run, failed);
    return style->run_end ? style->run_end(w->f, report, index, err) : OK;
}

/* Describes what is wrong with the first run that is in doubt; false: none is. */
static bool any_doubt(const struct report *report, char *out, size_t size)
{
    for (size_t i = 0; i < report->runs; i++) {
        const struct run *run = &report->run[i];
        if (run->doubt[0] == '\0')
            continue;
        snprintf(out, size, "%.120s: %s", base_name(run->result->path), run->doubt);
        return true;
    }
    return false;
}

enum status document_write(const struct report *report, const struct style *style, FILE *f,
                           struct error *err)
{
    char doubt[600];
    struct writer w = { style, f, any_doubt(report, doubt, sizeof doubt) ? doubt : NULL };
    bool failed = false;
    enum status status = OK;

    style->text.begin(f, report);
    if (report->paper)
        paper_write(&w, report, &failed);
    if (!report->paper && style->rank_figures && report->scores)
        style->rank_figures(f, report);
    if (!report->paper)
        status = in_short(&w, report, &failed, err);
    if (report->ledger && report->ledger->entries > 0)
        ledger_table(&w, report, &failed);
    if (style->runs_begin)
        style->runs_begin(f, report);
    for (size_t i = 0; !report->paper && status == OK && i < report->runs; i++)
        status = write_run(&w, report, i, &failed, err);
    say(&w, style->text.paragraph,
        "Intervals: bootstrap over images, bias-corrected and accelerated, %d resamples, seed "
        "%llu; "
        "where all images agree, what an unseen one could change; top-1: Wilson. Lower is better "
        "for positive, higher for all others.",
        report->bootstrap.resamples, (unsigned long long)report->bootstrap.seed);
    if (any_published(report))
        say(&w, style->text.paragraph,
            "Published figures do not come back to the last digit even with their authors' recipe: "
            "for "
            "ViT-B, Transformer-Explainability's own thread on this protocol (issue 52) has 16.61 "
            "against "
            "the published 17.03 (positive) and 55.20 against 54.16 (negative).");
    style->text.end(f);
    TRY(status);
    if (failed)
        return fail(err, E_NOMEM, "no memory for the tables");
    return ferror(f) ? fail(err, E_IO, "the report cannot be written: %s", strerror(errno)) : OK;
}
