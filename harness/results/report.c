#include "free_all.h"
#include "report_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const stratum_names[STRATA] = { "all", "correct", "wrong" };

size_t report_select(const struct result *r, enum stratum stratum, bool labelled_only, uint8_t *use)
{
    size_t count = 0;
    for (size_t i = 0; i < r->images; i++) {
        bool labelled = r->label[i] >= 0 && r->predicted[i] >= 0,
             correct = labelled && r->predicted[i] == r->label[i];
        bool in = stratum == STRATUM_ALL ? labelled || !labelled_only
                                         : labelled && correct == (stratum == STRATUM_CORRECT);
        use[i] = r->status[i] == 0 && in;
        count += use[i];
    }
    return count;
}

void report_published(struct figure *f, const struct comparability *s, double published)
{
    f->published = s->comparable ? published : NAN;
    f->same_conditions = s->why[0] == '\0';
}

/* --- trust ----------------------------------------------------------------------------------- */

/* Images whose flag is at least `least`; -1 without flags. */
static long count_flags(const struct result *r, const uint8_t *flag, int least)
{
    long count = 0;
    for (size_t i = 0; flag && i < r->images; i++)
        count += r->status[i] == 0 && flag[i] >= least;
    return flag ? count : -1;
}

static double largest(const struct result *r, const float *value)
{
    double most = NAN;
    for (size_t i = 0; value && i < r->images; i++)
        if (r->status[i] == 0)
            most = fmax(most, (double)value[i]);
    return most;
}

/* Over the images of which it is known. */
static double mean_dropped(const struct result *r, const float *dropped)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; dropped && i < r->images; i++)
        if (r->status[i] == 0 && !isnan(dropped[i])) {
            sum += (double)dropped[i];
            count++;
        }
    return count > 0 ? 100 * sum / (double)count : NAN;
}

static enum status build_maps(struct build *b, struct run *run)
{
    const struct result *r = run->result;
    run->map = calloc(r->maps ? r->maps : 1, sizeof *run->map);
    if (!run->map)
        return fail(b->err, E_NOMEM, "%s: no memory for its tables", r->path);
    for (size_t m = 0; m < r->maps; m++) {
        const struct result_map *map = &r->map[m];
        double ties = 0;
        for (size_t i = 0; map->largest_tie && i < r->images; i++)
            ties += r->status[i] == 0 ? map->largest_tie[i] : 0;
        run->map[run->maps++] = (struct map_row){
            .method = map->method,
            .explained = map->explained,
            .agnostic = map->agnostic,
            .constant = count_flags(r, map->constant, MAP_CONSTANT),
            .not_finite = count_flags(r, map->constant, MAP_NOT_FINITE),
            .sum_error = largest(r, map->sum_error),
            .dropped = mean_dropped(r, map->dropped),
            .largest_tie = map->largest_tie && run->scored ? ties / (double)run->scored : NAN,
        };
    }
    return OK;
}

/* hit is redundant: it must equal predicted = label. */
static size_t count_inconsistent(const struct result *r)
{
    size_t images = 0, points = (size_t)r->axis.steps + 1;
    for (size_t i = 0; i < r->images; i++) {
        bool bad = false;
        for (size_t c = 0; r->status[i] == 0 && c < r->curves; c++)
            for (size_t k = i * points; k < (i + 1) * points; k++)
                bad |= (r->curve[c].hit[k] != 0) != (r->curve[c].predicted[k] == r->label[i]);
        images += bad;
    }
    return images;
}

static void judge_accuracy(const struct result *r, const struct published_entry *model,
                           struct run *run)
{
    const struct accuracy_counts counts =
        accuracy_count(r->label, r->predicted, r->status, r->images, r->classes);
    double expected = published_top1(model, r->attribute[ATTR_DATASET],
                                     strcmp(r->attribute[ATTR_PREPROCESS], "eval") == 0);
    accuracy_doubt(&counts, expected, run->doubt, sizeof run->doubt);
}

static enum status build_trust(struct build *b, struct run *run)
{
    const struct result *r = run->result;
    size_t hits = 0, n = 0;

    run->identity_max = largest(r, r->identity_error);
    for (size_t i = 0; i < r->images; i++) {
        run->scored += r->status[i] == 0;
        run->skipped += r->status[i] != 0;
        run->unmapped += r->status[i] == RESULT_WITHOUT_MAP;
    }
    run->labelled = report_select(r, STRATUM_ALL, true, b->use);
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i]) {
            b->rows[n] = r->predicted[i] == r->label[i];
            hits += b->rows[n++] != 0;
        }
    run->top1.value = n ? 100.0 * (double)hits / (double)n : NAN;
    enum weights_known how;
    const struct published_entry *model = published_weights(
        b->published, r->attribute[ATTR_CHECKPOINT_SHA256], r->attribute[ATTR_CHECKPOINT], &how);
    run->top1.published = model && comparability_same_data(r, "perturbation") ? model->top1 : NAN;
    judge_accuracy(r, model, run);
    run->zero_row_sum = count_flags(r, r->zero_row_sum, 1);
    run->inconsistent = count_inconsistent(r);
    comparability_judge(r, b->published, "perturbation", run->labelled, run->top1.value,
                        &run->perturbation_comparability);
    comparability_judge(r, b->published, "segmentation", run->scored, run->top1.value,
                        &run->segmentation_comparability);
    struct interval share = wilson_interval((double)hits, (double)n, b->bootstrap->level);
    run->top1.ci = (struct interval){ 100 * share.low, 100 * share.high };
    return OK;
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum status build_run(struct build *b, const struct result *r, struct run *run)
{
    size_t n = r->images ? r->images : 1;
    run->result = r;
    b->use = calloc(n, sizeof *b->use);
    b->rows = calloc(n, REPORT_COLUMNS * sizeof *b->rows);
    enum status status =
        b->use && b->rows ? OK : fail(b->err, E_NOMEM, "%s: no memory for its tables", r->path);
    if (status == OK)
        status = build_trust(b, run);
    if (status == OK)
        status = build_maps(b, run);
    if (status == OK)
        status = report_perturbation(b, run);
    if (status == OK)
        status = report_segmentation(b, run);
    if (status == OK)
        status = randomised_build(r, &run->randomised, b->err);
    FREE_ALL(b->use, b->rows);
    return status;
}

enum status report_build(const struct result *const *results, size_t count,
                         const struct published *published,
                         const struct bootstrap_options *bootstrap, struct report *out,
                         struct error *err)
{
    struct build b = { .published = published, .bootstrap = bootstrap, .err = err };

    *out = (struct report){ .bootstrap = *bootstrap, .published = published };
    out->run = calloc(count ? count : 1, sizeof *out->run);
    if (!out->run)
        return fail(err, E_NOMEM, "no memory for a report");
    for (size_t i = 0; i < count; i++) {
        out->runs++;
        enum status status = build_run(&b, results[i], &out->run[i]);
        if (status != OK) {
            report_free(out);
            return status;
        }
    }
    return OK;
}

void report_free(struct report *report)
{
    for (size_t i = 0; i < report->runs; i++) {
        FREE_ALL(report->run[i].perturbation, report->run[i].segmentation, report->run[i].map);
        randomised_free(&report->run[i].randomised);
    }
    free(report->run);
    *report = (struct report){ 0 };
}

const char *run_why_skipped(const struct run *run)
{
    return run->unmapped == 0             ? "could not be read"
           : run->unmapped < run->skipped ? "could not be read or lack a map"
                                          : "lack a map";
}

const char *run_why_none(const struct run *run)
{
    return run->unmapped == 0             ? "could be read"
           : run->unmapped < run->skipped ? "could be read and has a map"
                                          : "has a map that would do";
}
