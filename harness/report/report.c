#include "report.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score_sums.h"

const char *const stratum_names[STRATA] = { "all", "correct", "wrong" };
const char *const segmentation_keys[SEGMENTATION_METRICS] = { "pixel_accuracy", "map", "miou" };

/* One report being built. */
struct build {
    const struct published *published;
    const struct bootstrap_options *bootstrap;
    uint8_t *use; /* [images] of the stratum at hand */
    double *rows; /* [images, SUM_COLUMNS] what the bootstrap sums */
    struct error *err;
};
enum { SUM_COLUMNS = CURVE_POINTS };

/* use[i] = 1 for the images of a stratum; returns how many. Unlabelled ones are only in `all`, and
 * in no stratum where `labelled_only`. */
static size_t select_images(const struct result *r, enum stratum stratum, bool labelled_only,
                            uint8_t *use)
{
    size_t count = 0;
    for (size_t i = 0; i < r->images; i++) {
        bool labelled = r->label[i] >= 0, correct = labelled && r->predicted[i] == r->label[i];
        bool in = stratum == STRATUM_ALL ? labelled || !labelled_only
                                         : labelled && correct == (stratum == STRATUM_CORRECT);
        use[i] = r->status[i] == 0 && in;
        count += use[i];
    }
    return count;
}

static void set_published(struct figure *f, const struct setting *s, double published)
{
    f->published = s->comparable ? published : NAN;
    f->same_setting = s->why[0] == '\0';
}

/* --- perturbation ---------------------------------------------------------------------------- */

enum { CURVE_FIGURES = CURVE_POINTS + 1 }; /* the accuracies, then the AUC */

static void curve_figures(const double *sums, size_t n, double *figures)
{
    for (int k = 0; k < CURVE_POINTS; k++)
        figures[k] = sums[k] / (double)n;
    figures[CURVE_POINTS] = curve_auc(figures, AUC_TRAPEZOID);
}

static enum status score_direction(const struct build *b, const struct result *r,
                                   const struct result_curve *c, struct direction_scores *out)
{
    struct interval ci[CURVE_FIGURES];
    size_t used = 0;

    out->present = true;
    accuracy_curve(c->hit, b->use, r->images, out->accuracy);
    probability_curve(c->prob, b->use, r->images, out->probability);
    out->auc.value = curve_auc(out->accuracy, AUC_TRAPEZOID);
    for (size_t i = 0; i < r->images; i++) {
        if (!b->use[i])
            continue;
        for (int k = 0; k < CURVE_POINTS; k++)
            b->rows[used * CURVE_POINTS + (size_t)k] = c->hit[i * CURVE_POINTS + (size_t)k] != 0;
        used++;
    }
    TRY(bootstrap_intervals(b->rows, used, CURVE_POINTS, curve_figures, CURVE_FIGURES, b->bootstrap,
                            ci, b->err));
    memcpy(out->band, ci, sizeof out->band);
    out->auc.ci = ci[CURVE_POINTS];
    return OK;
}

static bool same_curve(const struct result *r, const struct result_curve *a,
                       const struct result_curve *b)
{
    size_t values = r->images * CURVE_POINTS;
    return memcmp(a->hit, b->hit, values * sizeof *a->hit) == 0 &&
           memcmp(a->prob, b->prob, values * sizeof *a->prob) == 0;
}

/* Do the two explained classes have the same records, all of them? Hard links in the file. */
static bool curves_agnostic(const struct result *r, const char *method)
{
    bool any = false;
    for (int d = 0; d < REMOVALS; d++) {
        const struct result_curve *a =
            result_find_curve(r, method, EXPLAINED_PREDICTED, (enum removal)d);
        const struct result_curve *b =
            result_find_curve(r, method, EXPLAINED_TARGET, (enum removal)d);
        if (!a && !b)
            continue;
        if (!a || !b || !same_curve(r, a, b))
            return false;
        any = true;
    }
    return any;
}

/* Everything but what was published. */
static void copy_scores(struct direction_scores *to, const struct direction_scores *from)
{
    struct figure auc = to->auc;
    *to = *from;
    to->auc.published = auc.published;
    to->auc.same_setting = auc.same_setting;
}

static enum status build_perturbation_row(struct build *b, struct run *run,
                                          const struct result_curve *first, enum stratum stratum)
{
    struct perturbation_row *row = &run->perturbation[run->perturbations++];
    const struct setting *setting = &run->perturbation_setting;
    const struct published_entry *e = NULL;

    *row = (struct perturbation_row){ .method = first->method,
                                      .explained = first->explained,
                                      .stratum = stratum };
    row->agnostic = curves_agnostic(run->result, first->method);
    row->images = select_images(run->result, stratum, true, b->use);
    /* published for the predicted class, over all images */
    if (stratum == STRATUM_ALL && first->explained == EXPLAINED_PREDICTED)
        e = published_find(b->published, "perturbation", run->result->attribute[ATTR_ARCH],
                           first->method, setting->variant);
    for (int d = 0; d < REMOVALS; d++) {
        struct direction_scores *scores = &row->direction[d];
        const struct result_curve *c =
            result_find_curve(run->result, first->method, first->explained, (enum removal)d);
        set_published(&scores->auc, setting,
                      !e ? NAN : (d == REMOVE_HOTTEST ? e->positive : e->negative));
        if (c && row->agnostic && first->explained == EXPLAINED_TARGET)
            copy_scores(scores, &row[-1].direction[d]); /* the predicted row stands before it */
        else if (c)
            TRY(score_direction(b, run->result, c, scores));
        else
            scores->auc.value = scores->auc.ci.low = scores->auc.ci.high = NAN;
    }
    return OK;
}

static enum status build_perturbation(struct build *b, struct run *run)
{
    const struct result *r = run->result;
    if (r->curves == 0)
        return OK;
    run->perturbation = calloc(r->curves * STRATA, sizeof *run->perturbation);
    if (!run->perturbation)
        return fail(b->err, E_NOMEM, "%s: no memory for its tables", r->path);
    for (int s = 0; s < STRATA; s++)
        for (size_t i = 0; i < r->curves; i++) {
            const struct result_curve *c = &r->curve[i], *before = i > 0 ? c - 1 : NULL;
            /* the directions of a method and class stand together, and make one row */
            if (before && before->explained == c->explained &&
                strcmp(before->method, c->method) == 0)
                continue;
            TRY(build_perturbation_row(b, run, c, (enum stratum)s));
        }
    return OK;
}

/* --- segmentation ---------------------------------------------------------------------------- */

enum {
    SHORTCUT = SCORE_SUMS, /* beside the scores: shares of heat, and how many there are */
    SHORTCUT_IMAGES,
    SCORE_COLUMNS,
    SCORE_FIGURES = SCORE_SUM_FIGURES + 1
};

static void score_figures(const double *sums, size_t n, double *figures)
{
    (void)n;
    score_sum_figures(sums, figures);
    figures[SCORE_SUM_FIGURES] = 100 * sums[SHORTCUT] / sums[SHORTCUT_IMAGES];
}

/* Image i has a shortcut, and its map has heat: the share is a number. */
static bool has_share(const struct result *r, const struct result_segmentation *s, size_t i)
{
    return s->shortcut_share && !isnan(s->shortcut_share[i]) && r->shortcut_area &&
           r->shortcut_area[i] > 0;
}

static void score_columns(const struct result *r, const struct result_segmentation *s, size_t i,
                          double *row)
{
    score_sums(&s->score[i], row);
    row[SHORTCUT_IMAGES] = has_share(r, s, i);
    row[SHORTCUT] = has_share(r, s, i) ? (double)s->shortcut_share[i] : 0;
}

/* The mean share of the images in use, and the mean area of the same. */
static void build_shortcut(const struct build *b, const struct result *r,
                           const struct result_segmentation *s, struct interval ci,
                           struct segmentation_row *row)
{
    double share = 0, area = 0;
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i] && has_share(r, s, i)) {
            share += (double)s->shortcut_share[i];
            area += (double)r->shortcut_area[i];
            row->shortcut_images++;
        }
    double n = (double)row->shortcut_images;
    row->shortcut = (struct figure){ .value = 100 * share / n, .ci = ci, .published = NAN };
    row->shortcut_area = 100 * area / n; /* NaN for none, as the share */
}

static bool same_scores(const struct result *r, const struct result_segmentation *a,
                        const struct result_segmentation *b)
{
    return memcmp(a->score, b->score, r->images * sizeof *a->score) == 0;
}

static enum status build_segmentation_row(struct build *b, struct run *run,
                                          const struct result_segmentation *s, enum stratum stratum)
{
    struct segmentation_row *row = &run->segmentation[run->segmentations++];
    const struct result *r = run->result;
    const struct setting *setting = &run->segmentation_setting;
    const struct published_entry *e = NULL;
    struct interval ci[SCORE_FIGURES];
    struct segmentation_totals totals;
    size_t used = 0;

    *row = (struct segmentation_row){ .method = s->method,
                                      .explained = s->explained,
                                      .stratum = stratum };
    const struct result_segmentation *other = result_find_segmentation(
        r, s->method, s->explained == EXPLAINED_TARGET ? EXPLAINED_PREDICTED : EXPLAINED_TARGET);
    row->agnostic = other && same_scores(r, other, s);
    row->images = select_images(r, stratum, false, b->use);
    segmentation_totals(s->score, b->use, r->images, &totals);
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i])
            score_columns(r, s, i, b->rows + used++ * SCORE_COLUMNS);
    TRY(bootstrap_intervals(b->rows, used, SCORE_COLUMNS, score_figures, SCORE_FIGURES,
                            b->bootstrap, ci, b->err));
    build_shortcut(b, r, s, ci[SCORE_SUM_FIGURES], row);
    if (stratum == STRATUM_ALL && s->explained == EXPLAINED_PREDICTED)
        e = published_find(b->published, "segmentation", r->attribute[ATTR_ARCH], s->method,
                           setting->variant);
    const double value[] = { totals.pixel_accuracy, totals.map, totals.miou };
    const double published[] = { e ? e->pixel_accuracy : NAN, e ? e->map : NAN, e ? e->miou : NAN };
    for (int m = 0; m < SEGMENTATION_METRICS; m++) {
        row->figure[m] = (struct figure){ .value = value[m], .ci = ci[m] };
        set_published(&row->figure[m], setting, published[m]);
    }
    return OK;
}

static enum status build_segmentation(struct build *b, struct run *run)
{
    const struct result *r = run->result;
    int strata = run->labelled > 0 ? STRATA : 1;
    if (r->segmentations == 0)
        return OK;
    run->segmentation = calloc(r->segmentations * STRATA, sizeof *run->segmentation);
    if (!run->segmentation)
        return fail(b->err, E_NOMEM, "%s: no memory for its tables", r->path);
    for (int s = 0; s < strata; s++)
        for (size_t i = 0; i < r->segmentations; i++)
            TRY(build_segmentation_row(b, run, &r->segmentation[i], (enum stratum)s));
    return OK;
}

/* --- trust ----------------------------------------------------------------------------------- */

static long count_flags(const struct result *r, const uint8_t *flag)
{
    long count = 0;
    for (size_t i = 0; flag && i < r->images; i++)
        count += r->status[i] == 0 && flag[i] != 0;
    return flag ? count : -1;
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
            .constant = count_flags(r, map->constant),
            .largest_tie = map->largest_tie && run->scored ? ties / (double)run->scored : NAN,
        };
    }
    return OK;
}

static void mean_percent(const double *sums, size_t n, double *figures)
{
    figures[0] = 100 * sums[0] / (double)n;
}

/* hit, predicted and label say the same thing twice. */
static size_t count_inconsistent(const struct result *r)
{
    size_t images = 0;
    for (size_t i = 0; i < r->images; i++) {
        bool bad = false;
        for (size_t c = 0; r->status[i] == 0 && c < r->curves; c++)
            for (size_t k = i * CURVE_POINTS; k < (i + 1) * CURVE_POINTS; k++)
                bad |= (r->curve[c].hit[k] != 0) != (r->curve[c].predicted[k] == r->label[i]);
        images += bad;
    }
    return images;
}

static enum status build_trust(struct build *b, struct run *run)
{
    const struct result *r = run->result;
    size_t hits = 0, n = 0;

    run->identity_max = NAN;
    for (size_t i = 0; i < r->images; i++) {
        run->scored += r->status[i] == 0;
        run->skipped += r->status[i] != 0;
        if (r->status[i] == 0 && r->identity_error)
            run->identity_max = fmax(run->identity_max, (double)r->identity_error[i]);
    }
    run->labelled = select_images(r, STRATUM_ALL, true, b->use);
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i]) {
            b->rows[n] = r->predicted[i] == r->label[i];
            hits += b->rows[n++] != 0;
        }
    run->top1.value = n ? 100.0 * (double)hits / (double)n : NAN;
    const struct published_entry *model =
        published_find(b->published, "model", r->attribute[ATTR_ARCH], "", "");
    run->top1.published = model ? model->top1 : NAN;
    run->zero_row_sum = count_flags(r, r->zero_row_sum);
    run->inconsistent = count_inconsistent(r);
    setting_find(r, b->published, "perturbation", run->labelled, run->top1.value,
                 &run->perturbation_setting);
    setting_find(r, b->published, "segmentation", run->scored, run->top1.value,
                 &run->segmentation_setting);
    return bootstrap_intervals(b->rows, n, 1, mean_percent, 1, b->bootstrap, &run->top1.ci, b->err);
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum status build_run(struct build *b, const struct result *r, struct run *run)
{
    size_t n = r->images ? r->images : 1;
    run->result = r;
    b->use = calloc(n, sizeof *b->use);
    b->rows = calloc(n, SUM_COLUMNS * sizeof *b->rows);
    enum status status =
        b->use && b->rows ? OK : fail(b->err, E_NOMEM, "%s: no memory for its tables", r->path);
    if (status == OK)
        status = build_trust(b, run);
    if (status == OK)
        status = build_maps(b, run);
    if (status == OK)
        status = build_perturbation(b, run);
    if (status == OK)
        status = build_segmentation(b, run);
    free(b->use);
    free(b->rows);
    return status;
}

enum status report_build(const struct result *const *results, size_t count,
                         const struct published *published,
                         const struct bootstrap_options *bootstrap, struct report *out,
                         struct error *err)
{
    struct build b = { .published = published, .bootstrap = bootstrap, .err = err };
    static_assert((int)SCORE_COLUMNS <= (int)SUM_COLUMNS, "rows hold either kind of sums");

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
        free(report->run[i].perturbation);
        free(report->run[i].segmentation);
        free(report->run[i].map);
    }
    free(report->run);
    *report = (struct report){ 0 };
}
