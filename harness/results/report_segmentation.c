/* The rows of the segmentation test, and of the heat in a planted shortcut. */
#include "report_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score_sums.h"

const char *const segmentation_keys[SEGMENTATION_METRICS] = { "pixel_accuracy", "map", "miou" };

enum {
    SHORTCUT = SCORE_SUMS, /* after the scores: shares of heat, and their number */
    SHORTCUT_IMAGES,
    SCORE_COLUMNS,
    SCORE_FIGURES = SCORE_SUM_FIGURES + 1
};
static_assert((int)SCORE_COLUMNS <= (int)REPORT_COLUMNS, "rows hold either kind of sums");

static void score_figures(const double *sums, size_t n, double *figures)
{
    (void)n;
    score_sum_figures(sums, figures);
    figures[SCORE_SUM_FIGURES] = 100 * sums[SHORTCUT] / sums[SHORTCUT_IMAGES];
}

bool report_has_share(const struct result *r, const struct result_segmentation *s, size_t i)
{
    return s->shortcut_share && !isnan(s->shortcut_share[i]) && r->shortcut_area &&
           r->shortcut_area[i] > 0;
}

static void score_columns(const struct result *r, const struct result_segmentation *s, size_t i,
                          double *row)
{
    score_sums(&s->score[i], row);
    row[SHORTCUT_IMAGES] = report_has_share(r, s, i);
    row[SHORTCUT] = report_has_share(r, s, i) ? (double)s->shortcut_share[i] : 0;
}

/* The mean share and the mean area of the images in use. */
static void build_shortcut(const struct build *b, const struct result *r,
                           const struct result_segmentation *s, struct interval ci,
                           struct segmentation_row *row)
{
    double share = 0, area = 0;
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i] && report_has_share(r, s, i)) {
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
    const struct comparability *conditions = &run->segmentation_comparability;
    const struct published_entry *e = NULL;
    struct interval ci[SCORE_FIGURES], range[SCORE_FIGURES];
    struct segmentation_totals totals;
    size_t used = 0;

    *row = (struct segmentation_row){
        .method = s->method, .control = s->control, .explained = s->explained, .stratum = stratum
    };
    const struct result_segmentation *other = result_find_segmentation(
        r, s->method, s->explained == EXPLAINED_TARGET ? EXPLAINED_PREDICTED : EXPLAINED_TARGET);
    row->agnostic = other && same_scores(r, other, s);
    row->images = report_select(r, stratum, false, b->use);
    segmentation_totals(s->score, b->use, r->images, &totals);
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i])
            score_columns(r, s, i, b->rows + used++ * SCORE_COLUMNS);
    for (int k = 0; k < SCORE_FIGURES; k++)
        range[k] = (struct interval){ 0, 100 };
    TRY(bootstrap_intervals(b->rows, used, SCORE_COLUMNS, score_figures, SCORE_FIGURES, range,
                            b->bootstrap, ci, b->err));
    build_shortcut(b, r, s, ci[SCORE_SUM_FIGURES], row);
    if (stratum == STRATUM_ALL && s->explained == EXPLAINED_PREDICTED)
        e = published_find(b->published, "segmentation", conditions->model, s->method,
                           conditions->variant);
    const double value[] = { totals.pixel_accuracy, totals.map, totals.miou };
    const double published[] = { e ? e->pixel_accuracy : NAN, e ? e->map : NAN, e ? e->miou : NAN };
    for (int m = 0; m < SEGMENTATION_METRICS; m++) {
        row->figure[m] = (struct figure){ .value = value[m], .ci = ci[m] };
        report_published(&row->figure[m], conditions, published[m]);
    }
    return OK;
}

enum status report_segmentation(struct build *b, struct run *run)
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
