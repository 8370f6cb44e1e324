#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "report_internal.h"
#include "score_sums.h"

/* --- the figures ----------------------------------------------------------------------------- */

enum { SHARE = SCORE_SUMS, SHARE_IMAGES, MOST_SUMS };

static void auc_figure(const double *sums, size_t n, double *figure)
{
    *figure = *sums / (double)n;
}

static void one_score(const double *sums, int which, double *figure)
{
    double all[SCORE_SUM_FIGURES];
    score_sum_figures(sums, all);
    *figure = all[which];
}

static void accuracy_figure(const double *sums, size_t n, double *figure)
{
    (void)n;
    one_score(sums, 0, figure);
}

static void map_figure(const double *sums, size_t n, double *figure)
{
    (void)n;
    one_score(sums, 1, figure);
}

static void miou_figure(const double *sums, size_t n, double *figure)
{
    (void)n;
    one_score(sums, 2, figure);
}

static void share_figure(const double *sums, size_t n, double *figure)
{
    (void)n;
    *figure = 100 * sums[SHARE] / sums[SHARE_IMAGES];
}

/* A method's records; NULL: it has none. */
typedef const void *(*find_records)(const struct result *, const char *method, enum explained);
/* The columns that are summed over images. */
typedef void (*sum_records)(const struct result *, const void *records, size_t image, double *row);

static const void *find_hottest(const struct result *r, const char *method, enum explained of)
{
    return result_find_curve(r, method, of, REMOVE_HOTTEST);
}

static const void *find_coldest(const struct result *r, const char *method, enum explained of)
{
    return result_find_curve(r, method, of, REMOVE_COLDEST);
}

static const void *find_masks(const struct result *r, const char *method, enum explained of)
{
    return result_find_segmentation(r, method, of);
}

static void curve_sums(const struct result *r, const void *records, size_t image, double *row)
{
    const struct result_curve *c = records;
    *row = hits_auc(&r->axis, c->hit + image * (size_t)(r->axis.steps + 1));
}

static void mask_sums(const struct result *r, const void *records, size_t image, double *row)
{
    const struct result_segmentation *s = records;
    bool has = report_has_share(r, s, image);
    score_sums(&s->score[image], row);
    row[SHARE_IMAGES] = has;
    row[SHARE] = has ? (double)s->shortcut_share[image] : 0;
}

static const struct race {
    const char *figure;
    bool lower_better, labelled_only, planted; /* only where something was planted */
    double highest;                            /* percent; the lowest is 0 */
    find_records find;
    sum_records sum;
    bootstrap_statistic statistic;
} races[] = {
    { "positive AUC", true, true, false, 0, find_hottest, curve_sums, auc_figure },
    { "negative AUC", false, true, false, 0, find_coldest, curve_sums, auc_figure },
    { "pixel accuracy", false, false, false, 100, find_masks, mask_sums, accuracy_figure },
    { "mAP", false, false, false, 100, find_masks, mask_sums, map_figure },
    { "mIoU", false, false, false, 100, find_masks, mask_sums, miou_figure },
    { "heat in the shortcut", false, false, true, 100, find_masks, mask_sums, share_figure },
};
enum { RACES = sizeof races / sizeof *races };

/* --- one race -------------------------------------------------------------------------------- */

struct entrant {
    const char *method;
    double value;  /* percent */
    double *draws; /* [resamples] of the same resamples for all, then [images] of all but one */
};

struct racing {
    const struct run *run;
    const struct race *race;
    const struct bootstrap_options *options;
    enum explained explained;
    uint8_t *use;    /* [images] */
    double *rows;    /* [images, MOST_SUMS] */
    double *scratch; /* [resamples + images] */
    struct entrant *method;
    size_t methods, images;
    struct error *err;
};

/* Fills rows, of which sums are the totals. */
static void fill_rows(struct racing *r, const void *records, double *sums)
{
    size_t used = 0;
    memset(sums, 0, MOST_SUMS * sizeof *sums);
    for (size_t i = 0; i < r->run->result->images; i++) {
        double *row = r->rows + used * MOST_SUMS;
        if (!r->use[i])
            continue;
        memset(row, 0, MOST_SUMS * sizeof *row);
        r->race->sum(r->run->result, records, i, row);
        for (int k = 0; k < MOST_SUMS; k++)
            sums[k] += row[k];
        used++;
    }
}

static enum status enter(struct racing *r, const char *method)
{
    double sums[MOST_SUMS], value;
    size_t resamples = (size_t)r->options->resamples;
    const void *records = r->race->find(r->run->result, method, r->explained);
    if (!records || r->images == 0)
        return OK;
    fill_rows(r, records, sums);
    r->race->statistic(sums, r->images, &value);
    if (isnan(value))
        return OK;
    struct entrant *m = &r->method[r->methods];
    *m = (struct entrant){ method, value, malloc((resamples + r->images) * sizeof *m->draws) };
    if (!m->draws)
        return fail(r->err, E_NOMEM, "no memory for %zu resamples", resamples);
    r->methods++;
    TRY(bootstrap_draws(r->rows, r->images, MOST_SUMS, r->race->statistic, 1, r->options, m->draws,
                        r->err));
    return bootstrap_left_out(r->rows, r->images, MOST_SUMS, r->race->statistic, 1,
                              m->draws + resamples, r->err);
}

static double better_by(const struct race *race, double a, double b)
{
    return race->lower_better ? b - a : a - b;
}

/* The best of the methods, or of the controls, except `besides`; NULL: there is none. Of equal ones
 * it is the first in the order of tables. */
static const struct entrant *best(const struct racing *r, bool control,
                                  const struct entrant *besides)
{
    const struct entrant *found = NULL;
    for (size_t i = 0; i < r->methods; i++) {
        const struct entrant *m = &r->method[i];
        if (m != besides && result_is_control(r->run->result, m->method) == control &&
            (!found || better_by(r->race, m->value, found->value) > 0))
            found = m;
    }
    return found;
}

/* Fills the columns of a's lead over b, or of a alone where b is NULL. */
static struct interval lead_interval(struct racing *r, const struct entrant *a,
                                     const struct entrant *b)
{
    size_t resamples = (size_t)r->options->resamples, n = r->images;
    double highest =
        r->race->highest > 0 ? r->race->highest : auc_highest(&r->run->result->axis, AUC_TRAPEZOID);
    struct interval range = { b ? -highest : 0, highest };
    for (size_t k = 0; k < resamples + (n > 1 ? n : 0); k++)
        r->scratch[k] = b ? better_by(r->race, a->draws[k], b->draws[k]) : a->draws[k];
    double value = b ? better_by(r->race, a->value, b->value) : a->value;
    return figure_interval(value, r->scratch, resamples, r->scratch + resamples, n, range,
                           r->options->level);
}

static double share_first(const struct racing *r, const struct entrant *first)
{
    size_t stays = 0, resamples = (size_t)r->options->resamples;
    for (size_t k = 0; k < resamples; k++) {
        bool beaten = false;
        for (size_t i = 0; i < r->methods; i++)
            beaten |= !result_is_control(r->run->result, r->method[i].method) &&
                      better_by(r->race, r->method[i].draws[k], first->draws[k]) > 0;
        stays += !beaten;
    }
    return resamples ? (double)stays / (double)resamples : NAN;
}

static void judge(struct racing *r, struct verdicts *out)
{
    const struct entrant *first = best(r, false, NULL), *second = best(r, false, first),
                         *control = best(r, true, NULL);
    if (!first)
        return;
    struct verdict *v = &out->of[out->count++];
    *v = (struct verdict){ .figure = r->race->figure,
                           .lower_better = r->race->lower_better,
                           .explained = r->explained,
                           .images = r->images,
                           .first = first->method,
                           .value = first->value,
                           .second_value = NAN,
                           .control_value = NAN,
                           .lead = NAN,
                           .over_control = NAN,
                           .lead_ci = { NAN, NAN },
                           .over_control_ci = { NAN, NAN },
                           .stays = share_first(r, first) };
    for (size_t i = 0; i < r->methods; i++)
        v->methods += !result_is_control(r->run->result, r->method[i].method);
    v->ci = lead_interval(r, first, NULL);
    if (second) {
        v->second = second->method;
        v->second_value = second->value;
        v->lead = better_by(r->race, first->value, second->value);
        v->lead_ci = lead_interval(r, first, second);
    }
    if (control) {
        v->control = control->method;
        v->control_value = control->value;
        v->over_control = better_by(r->race, first->value, control->value);
        v->over_control_ci = lead_interval(r, first, control);
    }
}

static enum status hold(struct racing *r, struct verdicts *out)
{
    const struct result *result = r->run->result;
    enum status status = OK;
    r->images = report_select(result, STRATUM_ALL, r->race->labelled_only, r->use);
    r->methods = 0;
    for (size_t i = 0; status == OK && i < result->maps; i++)
        if (result->map[i].explained == r->explained)
            status = enter(r, result->map[i].method);
    if (status == OK)
        judge(r, out);
    for (size_t i = 0; i < r->methods; i++)
        free(r->method[i].draws);
    return status;
}

/* Published figures are of the predicted class; a run may have explained only the target. */
static enum explained main_class(const struct result *r)
{
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == EXPLAINED_PREDICTED)
            return EXPLAINED_PREDICTED;
    return EXPLAINED_TARGET;
}

enum status verdicts_build(const struct run *run, const struct bootstrap_options *options,
                           struct verdicts *out, struct error *err)
{
    const struct result *r = run->result;
    size_t n = r->images ? r->images : 1;
    struct racing racing = { .run = run,
                             .options = options,
                             .explained = main_class(r),
                             .use = calloc(n, 1),
                             .rows = calloc(n, MOST_SUMS * sizeof(double)),
                             .scratch = calloc((size_t)options->resamples + n, sizeof(double)),
                             .method = calloc(r->maps + 1, sizeof(struct entrant)),
                             .err = err };
    *out = (struct verdicts){ .of = calloc(RACES, sizeof *out->of) };
    bool room = racing.use && racing.rows && racing.scratch && racing.method && out->of;
    enum status status = room ? OK : fail(err, E_NOMEM, "%s: no memory for its summary", r->path);
    for (int k = 0; status == OK && k < RACES; k++) {
        racing.race = &races[k];
        if (!races[k].planted || r->shortcut_area)
            status = hold(&racing, out);
    }
    FREE_ALL(racing.use, racing.rows, racing.scratch, racing.method);
    if (status != OK)
        verdicts_free(out);
    return status;
}

void verdicts_free(struct verdicts *v)
{
    free(v->of);
    *v = (struct verdicts){ 0 };
}

bool verdict_settled(const struct verdict *v)
{
    return v->lead_ci.low > 0;
}
