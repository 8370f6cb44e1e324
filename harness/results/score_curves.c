/* Scores of curves over the removed share (SPEC 12), of the explained class. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "pictures.h"
#include "ranking.h"
#include "score_fills.h"

/* ---- of hits on the label ------------------------------------------------------------------- */

static enum status fill_hits(struct scoring *s, const char *method, enum removal removal,
                             double *value, bool *found)
{
    const struct result *r = s->result;
    const struct result_curve *c = result_find_curve(r, method, s->explained, removal);
    *found = c != NULL;
    for (size_t i = 0; c != NULL && i < r->images; i++)
        value[i] =
            r->label[i] < 0 ? NAN : hits_auc(&r->axis, c->hit + i * (size_t)(r->axis.steps + 1));
    return OK;
}

enum status fill_positive_auc(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_hits(s, method, REMOVE_HOTTEST, value, found);
}

enum status fill_negative_auc(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_hits(s, method, REMOVE_COLDEST, value, found);
}

/* ---- of the probability of the explained class ---------------------------------------------- */

/* A curve with its filled image: p[0 ... axis.steps], blank NaN where the file has none. */
struct curve {
    const struct curve_axis *axis;
    double p[CURVE_MOST_POINTS + 1], blank;
    enum status status; /* of scoring it */
    struct error *err;
};

/* Returns the score; of a ratio of totals its numerator, and *bottom is its denominator. */
typedef double curve_score(struct curve *, double *bottom);

static bool take_curve(const struct scoring *s, const struct result_curve *c, size_t image,
                       struct curve *out)
{
    size_t points = (size_t)s->result->axis.steps + 1;
    if (c == NULL || c->prob_class == NULL)
        return false;
    out->axis = &s->result->axis;
    out->blank = result_blank_class(s->result, s->explained, image);
    for (size_t k = 0; k < points; k++)
        out->p[k] = (double)c->prob_class[image * points + k];
    return true;
}

static enum status fill_curve(struct scoring *s, const char *method, enum removal removal,
                              curve_score *score, double *value, bool *found)
{
    const struct result_curve *c = result_find_curve(s->result, method, s->explained, removal);
    struct curve curve = { .status = OK, .err = s->err };
    *found = c != NULL && c->prob_class != NULL;
    for (size_t i = 0; *found && curve.status == OK && i < s->result->images; i++)
        if (take_curve(s, c, i, &curve))
            value[i] = score(&curve, &s->bottom[i]);
    return curve.status;
}

static double to_blank(struct curve *c, double *bottom)
{
    (void)bottom;
    return 100 * curve_area_to_blank(c->axis, c->p, c->blank);
}

static double aopc(struct curve *c, double *bottom)
{
    (void)bottom;
    return 100 * curve_aopc(c->p, c->axis->steps, AOPC_FROM_1);
}

static double log_odds(struct curve *c, double *bottom)
{
    (void)bottom;
    return curve_log_odds(c->p, c->axis->steps);
}

static double area(struct curve *c, double *bottom)
{
    (void)bottom;
    return 100 * curve_area(c->axis, c->p);
}

static double reach(const struct curve *c)
{
    return c->axis->upto / 100.0;
}

static double relative(struct curve *c, double *bottom)
{
    double p[CURVE_MOST_POINTS];
    (void)bottom;
    curve_relative(c->p, c->axis->steps + 1, p);
    return 100 * curve_area(c->axis, p) / reach(c);
}

static double ranged(struct curve *c, double *bottom)
{
    double p[CURVE_MOST_POINTS];
    (void)bottom;
    curve_ranged(c->p, c->axis->steps + 1, c->blank, p);
    return 100 * curve_area(c->axis, p) / reach(c);
}

static double relative_of_means(struct curve *c, double *bottom)
{
    *bottom = c->p[0];
    return 100 * curve_area(c->axis, c->p) / reach(c);
}

static double ranged_of_means(struct curve *c, double *bottom)
{
    *bottom = c->p[0] - c->blank;
    return 100 * (curve_area(c->axis, c->p) / reach(c) - c->blank);
}

static double monotonicity(struct curve *c, double *bottom)
{
    double out = NAN;
    (void)bottom;
    c->status = curve_monotonicity(c->p, c->axis->steps + 1, &out, c->err);
    return out;
}

/* Insertion is read from the other end: what is kept grows as less is removed. */
static double risen(struct curve *c, double *bottom)
{
    return -monotonicity(c, bottom);
}

#define CURVE(function, removal, score)                                                            \
    enum status function(struct scoring *s, const char *method, double *value, bool *found)        \
    {                                                                                              \
        return fill_curve(s, method, removal, score, value, found);                                \
    }
/* The same of a file that has the filled image. */
#define BLANK_CURVE(function, removal, score)                                                      \
    enum status function(struct scoring *s, const char *method, double *value, bool *found)        \
    {                                                                                              \
        enum status status = fill_curve(s, method, removal, score, value, found);                  \
        *found = *found && s->result->blank.prob != NULL;                                          \
        return status;                                                                             \
    }
BLANK_CURVE(fill_deletion, REMOVE_HOTTEST, to_blank)
BLANK_CURVE(fill_insertion, REMOVE_COLDEST, to_blank)
CURVE(fill_aopc, REMOVE_HOTTEST, aopc)
CURVE(fill_sufficiency, REMOVE_COLDEST, aopc)
CURVE(fill_log_odds, REMOVE_HOTTEST, log_odds)
CURVE(fill_deletion_relative, REMOVE_HOTTEST, relative)
CURVE(fill_insertion_relative, REMOVE_COLDEST, relative)
CURVE(fill_deletion_relative_of_means, REMOVE_HOTTEST, relative_of_means)
CURVE(fill_insertion_relative_of_means, REMOVE_COLDEST, relative_of_means)
BLANK_CURVE(fill_deletion_ranged, REMOVE_HOTTEST, ranged)
BLANK_CURVE(fill_insertion_ranged, REMOVE_COLDEST, ranged)
BLANK_CURVE(fill_deletion_ranged_of_means, REMOVE_HOTTEST, ranged_of_means)
BLANK_CURVE(fill_insertion_ranged_of_means, REMOVE_COLDEST, ranged_of_means)
CURVE(fill_deletion_monotonicity, REMOVE_HOTTEST, monotonicity)
CURVE(fill_insertion_monotonicity, REMOVE_COLDEST, risen)

/* ---- between curves ------------------------------------------------------------------------- */

enum gap { SRG, MRG, LRG };

/* Area below one curve, NaN without it. */
static double area_of(const struct scoring *s, const struct result_curve *c, size_t image)
{
    struct curve curve;
    double none;
    return take_curve(s, c, image, &curve) ? area(&curve, &none) : NAN;
}

static void fill_gap(struct scoring *s, const char *method, enum gap which, double *value,
                     bool *found)
{
    const struct result *r = s->result;
    const struct result_curve *own[REMOVALS], *noise[REMOVALS];
    *found = true;
    for (int d = 0; d < REMOVALS; d++) {
        own[d] = result_find_curve(r, method, s->explained, (enum removal)d);
        noise[d] = result_find_curve(r, "random", s->explained, (enum removal)d);
        *found &= own[d] != NULL && own[d]->prob_class != NULL;
        *found &= which == SRG || (noise[d] != NULL && noise[d]->prob_class != NULL);
    }
    for (size_t i = 0; *found && i < r->images; i++) {
        const double random =
            (area_of(s, noise[REMOVE_HOTTEST], i) + area_of(s, noise[REMOVE_COLDEST], i)) / 2;
        const struct curve_gaps gaps = curve_gaps(area_of(s, own[REMOVE_HOTTEST], i),
                                                  area_of(s, own[REMOVE_COLDEST], i), random);
        value[i] = which == SRG ? gaps.srg : which == MRG ? gaps.mrg : gaps.lrg;
    }
}

#define GAP(function, which)                                                                       \
    enum status function(struct scoring *s, const char *method, double *value, bool *found)        \
    {                                                                                              \
        fill_gap(s, method, which, value, found);                                                  \
        return OK;                                                                                 \
    }
GAP(fill_srg, SRG)
GAP(fill_mrg, MRG)
GAP(fill_lrg, LRG)

/* ---- MAS ------------------------------------------------------------------------------------ */

/* Shares of the heat that have moved at each point of the axis, the hottest first. */
static enum status moved_heat(const struct scoring *s, size_t image, double *moved,
                              struct error *err)
{
    size_t side = (size_t)s->result->image_size, pixels = side * side;
    float *heat = malloc(pixels * sizeof *heat);
    uint32_t *order = malloc(pixels * sizeof *order), *rank = malloc(pixels * sizeof *rank);
    enum status status =
        heat && order && rank ? OK : fail(err, E_NOMEM, "no memory for %zu pixels", pixels);
    if (status == OK)
        status = pictures_heat(s->map + image * (size_t)s->side * (size_t)s->side, s->side,
                               (int)side, heat, err);
    for (size_t i = 0; status == OK && i < pixels; i++)
        if (isnan(heat[i])) { /* of a map that is not finite there is no share */
            for (size_t k = 0; k < pixels; k++)
                heat[k] = 0;
            break;
        }
    if (status == OK)
        status = heat_order(heat, pixels, true, order, err);
    for (size_t k = 0; status == OK && k < pixels; k++)
        rank[order[k]] = (uint32_t)k;
    if (status == OK)
        heat_moved(heat, rank, pixels, &s->result->axis, moved);
    FREE_ALL(heat, order, rank);
    return status;
}

/* From the unmasked image to the filled one, in equal steps: a curve that ends at 90 % goes on to
 * the filled image. Returns the number of points, 0 where steps are not equal. */
static int whole_walk(const struct curve *c, double *p, double *moved)
{
    int points = c->axis->steps + 1;
    for (int k = 0; k < points; k++)
        p[k] = c->p[k];
    if (c->axis->upto == 100)
        return points;
    if (c->axis->steps * (100 - c->axis->upto) != c->axis->upto || points >= CURVE_MOST_POINTS)
        return 0;
    p[points] = c->blank;
    moved[points] = isnan(moved[0]) ? NAN : 1;
    return points + 1;
}

/* As insertion sees it: the coldest pixels come back last. */
static void turn_round(double *p, int points)
{
    for (int k = 0; k < points / 2; k++) {
        double swap = p[k];
        p[k] = p[points - 1 - k];
        p[points - 1 - k] = swap;
    }
}

/* Of the method at hand, once for both orders: [images, steps + 1] into s->moved. */
static enum status take_moved(struct scoring *s)
{
    size_t n = s->result->images, points = (size_t)s->result->axis.steps + 1;
    enum status status = OK;
    if (s->moved != NULL)
        return OK;
    s->moved = malloc((n * points + 1) * sizeof *s->moved);
    if (s->moved == NULL)
        return fail(s->err, E_NOMEM, "%s: no memory to score it", s->result->path);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++) {
        struct error own;
        enum status mine =
            s->result->status[i] == 0 ? moved_heat(s, i, s->moved + i * points, &own) : OK;
        if (mine != OK) {
#pragma omp critical
            {
                status = mine;
                *s->err = own;
            }
        }
    }
    return status;
}

static double mas_of(const struct scoring *s, const struct result_curve *c, size_t image,
                     bool insertion)
{
    double p[CURVE_MOST_POINTS], moved[CURVE_MOST_POINTS + 1];
    size_t points = (size_t)s->result->axis.steps + 1;
    struct curve curve;
    if (s->result->status[image] != 0 || !take_curve(s, c, image, &curve))
        return NAN;
    memcpy(moved, s->moved + image * points, points * sizeof *moved);
    int walk = whole_walk(&curve, p, moved);
    if (walk < 2)
        return NAN;
    if (insertion)
        turn_round(p, walk);
    return 100 * curve_mas(p, moved, walk, insertion);
}

static enum status fill_mas(struct scoring *s, const char *method, bool insertion, double *value,
                            bool *found)
{
    const struct curve_axis *axis = &s->result->axis;
    const struct result_curve *c = result_find_curve(s->result, method, s->explained,
                                                     insertion ? REMOVE_COLDEST : REMOVE_HOTTEST);
    *found = c != NULL && c->prob_class != NULL && s->map != NULL && s->result->image_size > 0 &&
             (axis->upto == 100 ||
              (axis->steps * (100 - axis->upto) == axis->upto && s->result->blank.prob != NULL));
    if (!*found)
        return OK;
    TRY(take_moved(s));
    for (size_t i = 0; i < s->result->images; i++)
        value[i] = mas_of(s, c, i, insertion);
    return OK;
}

enum status fill_deletion_mas(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_mas(s, method, false, value, found);
}

enum status fill_insertion_mas(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_mas(s, method, true, value, found);
}
