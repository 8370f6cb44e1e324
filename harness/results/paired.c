#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "score_sums.h"

struct pairing {
    const struct result *side[2];
    const struct bootstrap_options *bootstrap;
    bool weigh;              /* p and effects, too */
    uint8_t *use, *labelled; /* [images] scored in both; and labelled */
    double *sums;            /* [images, 2 * SCORE_SUMS] */
    struct paired *out;
    struct error *err;
};

/* --- statistics of both sides' sums: A's columns, then B's ----------------------------------- */

static void auc_pair(const double *sums, size_t n, double *figures)
{
    figures[0] = sums[0] / (double)n;
    figures[1] = sums[1] / (double)n;
    figures[2] = figures[1] - figures[0];
}

static void score_pair(const double *sums, size_t n, double *figures)
{
    (void)n;
    score_sum_figures(sums, figures);
    score_sum_figures(sums + SCORE_SUMS, figures + SCORE_SUM_FIGURES);
    for (int k = 0; k < SCORE_SUM_FIGURES; k++)
        figures[2 * SCORE_SUM_FIGURES + k] = figures[SCORE_SUM_FIGURES + k] - figures[k];
}

/* --- rows ------------------------------------------------------------------------------------ */

static struct paired_row *add_row(struct pairing *p)
{
    struct paired *out = p->out;
    struct paired_row *grown = realloc(out->row, (out->rows + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    out->row = grown;
    return &grown[out->rows++];
}

static void total(const double *rows, size_t n, size_t columns, double *sums)
{
    memset(sums, 0, columns * sizeof *sums);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < columns; c++)
            sums[c] += rows[i * columns + c];
}

/* The first point at which half of the pixels are removed. */
static size_t half_way(const struct curve_axis *axis)
{
    int k = 0;
    while (k < axis->steps && curve_share(axis, k) < 0.5)
        k++;
    return (size_t)k;
}

static bool same_curves(const struct pairing *p, const struct result_curve *a,
                        const struct result_curve *b)
{
    size_t points = (size_t)p->side[0]->axis.steps + 1;
    for (size_t i = 0; i < p->side[0]->images; i++)
        if (p->labelled[i] &&
            (memcmp(a->hit + i * points, b->hit + i * points, points * sizeof *a->hit) != 0 ||
             memcmp(a->prob + i * points, b->prob + i * points, points * sizeof *a->prob) != 0))
            return false;
    return true;
}

static void no_weight(struct paired_row *row)
{
    row->p_signs = row->p_holm = NAN;
    row->effect = (struct effect){ 0, NAN, NAN, NAN, NAN };
}

/* Tests the images' differences; p->sums [used, 2] holds the values of A and B. */
static enum status weigh_images(struct pairing *p, size_t used, bool lower_is_better,
                                struct paired_row *row)
{
    no_weight(row);
    if (!p->weigh)
        return OK;
    double *d = malloc((used + 1) * sizeof *d);
    if (!d)
        return fail(p->err, E_NOMEM, "no memory to compare");
    for (size_t i = 0; i < used; i++) {
        d[i] = p->sums[2 * i + 1] - p->sums[2 * i];
        d[i] = lower_is_better ? -d[i] : d[i];
    }
    row->p_signs = sign_flip_p(d, used, p->bootstrap->seed, SIGNIFICANCE_RESAMPLES);
    enum status status = effect_sizes(d, used, &row->effect, p->err);
    free(d);
    return status;
}

/* Applies Holm's correction over all comparisons of the table. */
static enum status correct_rows(struct pairing *p)
{
    struct paired *out = p->out;
    double *all = malloc((out->rows + 1) * sizeof *all);
    if (!all)
        return fail(p->err, E_NOMEM, "no memory to compare");
    for (size_t i = 0; i < out->rows; i++)
        all[i] = out->row[i].p_signs;
    enum status status = holm(all, out->rows, all, p->err);
    for (size_t i = 0; status == OK && i < out->rows; i++)
        out->row[i].p_holm = all[i];
    free(all);
    return status;
}

static enum status pair_curve(struct pairing *p, const struct result_curve *a,
                              const struct result_curve *b)
{
    static const char *const names[REMOVALS] = { "positive AUC", "negative AUC" };
    const struct curve_axis *axis = &p->side[0]->axis;
    const double most = auc_highest(axis, AUC_TRAPEZOID);
    const struct interval range[3] = { { 0, most }, { 0, most }, { -most, most } };
    size_t used = 0, points = (size_t)axis->steps + 1, half = half_way(axis);
    double sums[2], figures[3];
    struct interval ci[3];
    struct mcnemar test;

    for (size_t i = 0; i < p->side[0]->images; i++) {
        if (!p->labelled[i])
            continue;
        p->sums[2 * used] = hits_auc(axis, a->hit + i * points);
        p->sums[2 * used++ + 1] = hits_auc(axis, b->hit + i * points);
    }
    total(p->sums, used, 2, sums);
    auc_pair(sums, used, figures);
    TRY(bootstrap_intervals(p->sums, used, 2, auc_pair, 3, range, p->bootstrap, ci, p->err));
    mcnemar_test(a->hit + half, b->hit + half, points, p->labelled, p->side[0]->images, &test);
    struct paired_row *row = add_row(p);
    if (!row)
        return fail(p->err, E_NOMEM, "no memory to compare");
    *row = (struct paired_row){ .method = a->method,
                                .explained = a->explained,
                                .figure = names[a->removal],
                                .value = { figures[0], figures[1] },
                                .difference = ci[2],
                                .p = test.p_exact,
                                .untouched = same_curves(p, a, b) };
    return weigh_images(p, used, a->removal == REMOVE_HOTTEST, row);
}

static enum status pair_scores(struct pairing *p, const struct result_segmentation *a,
                               const struct result_segmentation *b)
{
    static const char *const names[SCORE_SUM_FIGURES] = { "pixel accuracy", "mAP", "mIoU" };
    double sums[2 * SCORE_SUMS], figures[3 * SCORE_SUM_FIGURES];
    struct interval ci[3 * SCORE_SUM_FIGURES], range[3 * SCORE_SUM_FIGURES];
    size_t used = 0;
    bool same = true;

    for (size_t i = 0; i < p->side[0]->images; i++) {
        if (!p->use[i])
            continue;
        same = same && memcmp(&a->score[i], &b->score[i], sizeof a->score[i]) == 0;
        score_sums(&a->score[i], p->sums + used * 2 * SCORE_SUMS);
        score_sums(&b->score[i], p->sums + used++ * 2 * SCORE_SUMS + SCORE_SUMS);
    }
    total(p->sums, used, 2 * SCORE_SUMS, sums);
    score_pair(sums, used, figures);
    for (int k = 0; k < 3 * SCORE_SUM_FIGURES; k++)
        range[k] = (struct interval){ k < 2 * SCORE_SUM_FIGURES ? 0 : -100, 100 };
    TRY(bootstrap_intervals(p->sums, used, 2 * SCORE_SUMS, score_pair, 3 * SCORE_SUM_FIGURES, range,
                            p->bootstrap, ci, p->err));
    for (int k = 0; k < SCORE_SUM_FIGURES; k++) {
        struct paired_row *row = add_row(p);
        if (!row)
            return fail(p->err, E_NOMEM, "no memory to compare");
        *row = (struct paired_row){ .method = a->method,
                                    .explained = a->explained,
                                    .figure = names[k],
                                    .value = { figures[k], figures[SCORE_SUM_FIGURES + k] },
                                    .difference = ci[2 * SCORE_SUM_FIGURES + k],
                                    .p = NAN,
                                    .untouched = same };
        no_weight(row);
    }
    return OK;
}

/* Counts the images that both scored, and top-1 on the labelled ones. */
static void pair_images(struct pairing *p)
{
    const struct result *a = p->side[0], *b = p->side[1];
    uint8_t *hit[2] = { (uint8_t *)p->sums, (uint8_t *)p->sums + a->images }; /* scratch */
    for (size_t i = 0; i < a->images; i++) {
        p->use[i] = a->status[i] == 0 && b->status[i] == 0;
        p->labelled[i] = p->use[i] && a->label[i] >= 0;
        p->out->images += p->use[i];
        p->out->labelled += p->labelled[i];
        for (int side = 0; side < 2; side++)
            hit[side][i] = p->side[side]->predicted[i] == p->side[side]->label[i];
    }
    mcnemar_test(hit[0], hit[1], 1, p->labelled, a->images, &p->out->top1);
}

/* Whether both runs have one map for both classes: the target's rows would say the predicted's
 * again, and Holm's correction would count them twice. */
static bool for_both(const struct pairing *p, const char *method)
{
    for (int side = 0; side < 2; side++) {
        const struct result_map *map = result_find_map(p->side[side], method, EXPLAINED_TARGET);
        if (!map || !map->agnostic)
            return false;
    }
    return true;
}

/* Marks the rows from `first` on. */
static void mark_agnostic(struct paired *out, size_t first, bool agnostic)
{
    for (size_t i = first; i < out->rows; i++)
        out->row[i].agnostic = agnostic;
}

static enum status pair_all(struct pairing *p)
{
    const struct result *a = p->side[0], *b = p->side[1];
    pair_images(p);
    for (size_t i = 0; p->out->labelled > 0 && i < a->curves; i++) {
        const struct result_curve *c = &a->curve[i];
        const struct result_curve *d = result_find_curve(b, c->method, c->explained, c->removal);
        bool both = for_both(p, c->method);
        size_t first = p->out->rows;
        if (d && !(both && c->explained == EXPLAINED_TARGET))
            TRY(pair_curve(p, c, d));
        mark_agnostic(p->out, first, both);
    }
    for (size_t i = 0; p->out->images > 0 && i < a->segmentations; i++) {
        const struct result_segmentation *s = &a->segmentation[i];
        const struct result_segmentation *t = result_find_segmentation(b, s->method, s->explained);
        bool both = for_both(p, s->method);
        size_t first = p->out->rows;
        if (t && !(both && s->explained == EXPLAINED_TARGET))
            TRY(pair_scores(p, s, t));
        mark_agnostic(p->out, first, both);
    }
    return correct_rows(p);
}

enum status pair_results(const struct result *a, const struct result *b,
                         const struct bootstrap_options *bootstrap, bool weigh, struct paired *out,
                         struct error *err)
{
    struct pairing p = {
        .side = { a, b }, .bootstrap = bootstrap, .weigh = weigh, .out = out, .err = err
    };
    size_t n = a->images ? a->images : 1;

    *out = (struct paired){ 0 };
    TRY(compare_axes(a, b, err));
    p.use = calloc(n, sizeof *p.use);
    p.labelled = calloc(n, sizeof *p.labelled);
    p.sums = calloc(n, 2 * SCORE_SUMS * sizeof *p.sums);
    enum status status =
        p.use && p.labelled && p.sums ? pair_all(&p) : fail(err, E_NOMEM, "no memory to compare");
    FREE_ALL(p.use, p.labelled, p.sums);
    if (status != OK)
        paired_free(out);
    return status;
}

void paired_free(struct paired *p)
{
    free(p->row);
    *p = (struct paired){ 0 };
}
