/* The rows of the perturbation test. */
#include "report_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void mean_figure(const double *sums, size_t n, double *figure)
{
    *figure = *sums / (double)n;
}

static enum status score_direction(const struct build *b, const struct result *r,
                                   const struct result_curve *c, struct direction_scores *out)
{
    const struct interval range = { 0, auc_highest(&r->axis, AUC_TRAPEZOID) };
    int points = r->axis.steps + 1;
    size_t used = 0;

    out->present = true;
    out->axis = r->axis;
    accuracy_curve(c->hit, b->use, r->images, points, out->accuracy);
    probability_curve(c->prob, b->use, r->images, points, out->probability);
    out->auc.value = curve_auc(&r->axis, out->accuracy, AUC_TRAPEZOID);
    for (size_t i = 0; i < r->images; i++)
        if (b->use[i])
            b->rows[used++] = hits_auc(&r->axis, c->hit + i * (size_t)points);
    for (int k = 0; k < points; k++)
        out->band[k] =
            wilson_interval(out->accuracy[k] * (double)used, (double)used, b->bootstrap->level);
    return bootstrap_intervals(b->rows, used, 1, mean_figure, 1, &range, b->bootstrap, &out->auc.ci,
                               b->err);
}

static bool same_curve(const struct result *r, const struct result_curve *a,
                       const struct result_curve *b)
{
    size_t values = r->images * (size_t)(r->axis.steps + 1);
    return memcmp(a->hit, b->hit, values * sizeof *a->hit) == 0 &&
           memcmp(a->prob, b->prob, values * sizeof *a->prob) == 0;
}

/* Whether the two explained classes share all their records (hard links in the file). */
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

/* Fills everything but the published figures. */
static void copy_scores(struct direction_scores *to, const struct direction_scores *from)
{
    struct figure auc = to->auc;
    *to = *from;
    to->auc.published = auc.published;
    to->auc.same_conditions = auc.same_conditions;
}

static enum status build_perturbation_row(struct build *b, struct run *run,
                                          const struct result_curve *first, enum stratum stratum)
{
    struct perturbation_row *row = &run->perturbation[run->perturbations++];
    const struct comparability *conditions = &run->perturbation_comparability;
    const struct published_entry *e = NULL;

    *row = (struct perturbation_row){ .method = first->method,
                                      .control = first->control,
                                      .explained = first->explained,
                                      .stratum = stratum };
    row->agnostic = curves_agnostic(run->result, first->method);
    row->images = report_select(run->result, stratum, true, b->use);
    /* published for the predicted class, over all images */
    if (stratum == STRATUM_ALL && first->explained == EXPLAINED_PREDICTED)
        e = published_find(b->published, "perturbation", conditions->model, first->method,
                           conditions->variant);
    for (int d = 0; d < REMOVALS; d++) {
        struct direction_scores *scores = &row->direction[d];
        const struct result_curve *c =
            result_find_curve(run->result, first->method, first->explained, (enum removal)d);
        report_published(&scores->auc, conditions,
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

enum status report_perturbation(struct build *b, struct run *run)
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
            /* both directions of a method and class are neighbours, and form one row */
            if (before && before->explained == c->explained &&
                strcmp(before->method, c->method) == 0)
                continue;
            TRY(build_perturbation_row(b, run, c, (enum stratum)s));
        }
    return OK;
}
