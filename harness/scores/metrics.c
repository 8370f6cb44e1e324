#include "metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ranking.h"

/* The score of rank_of. */
static float key_float(ranked r)
{
    uint32_t key = (uint32_t)(r >> 32);
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Room for n items and for sorting them; free() the result. */
static ranked *rank_room(size_t n, struct error *err)
{
    ranked *items =
        n < SIZE_MAX / (2 * sizeof *items) ? malloc((n ? n : 1) * 2 * sizeof *items) : NULL;
    if (!items)
        fail(err, E_NOMEM, "no memory to rank %zu scores", n);
    return items;
}

/* Walks down a ranking and adds up the average precision. */
struct ap_walk {
    double hits, misses, hits_before; /* counts, exact in double */
    double sum;                       /* of P_n (TP_n - TP_{n-1}) */
};

static void ap_close_tie(struct ap_walk *w)
{
    if (w->hits > w->hits_before)
        w->sum += (w->hits - w->hits_before) * (w->hits / (w->hits + w->misses));
    w->hits_before = w->hits;
}

static void ap_add(struct ap_walk *w, int positive)
{
    if (positive)
        w->hits++;
    else
        w->misses++;
}

enum status average_precision(const float *score, const uint8_t *positive, size_t n, double *out,
                              struct error *err)
{
    ranked *items = rank_room(n, err);
    if (!items)
        return E_NOMEM;
    for (size_t i = 0; i < n; i++)
        items[i] = rank_of(score[i], positive[i] != 0);
    rank_sort(items, items + n, n);

    struct ap_walk walk = { 0 };
    for (size_t i = n; i-- > 0;) {
        ap_add(&walk, (int)(items[i] & 1));
        if (i == 0 || items[i] >> 32 != items[i - 1] >> 32)
            ap_close_tie(&walk);
    }
    *out = walk.hits > 0 ? walk.sum / walk.hits : 0;
    free(items);
    return OK;
}

enum status largest_tie(const float *heat, size_t n, size_t *out, struct error *err)
{
    ranked *items = rank_room(n, err);
    if (!items)
        return E_NOMEM;
    for (size_t i = 0; i < n; i++)
        items[i] = rank_of(heat[i], 0);
    rank_sort(items, items + n, n);
    size_t best = 0, run = 0;
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && items[i] == items[i - 1] ? run + 1 : 1;
        best = run > best ? run : best;
    }
    *out = best;
    free(items);
    return OK;
}

/* --- segmentation ---------------------------------------------------------------------------- */

/* AP of [1 - heat | heat] from one ascending ranking of heat [m] with label payloads: `heat` falls
 * from the end of it, 1 - heat falls from its start, and the two are merged. */
static double ap_of_both(const ranked *items, size_t m)
{
    struct ap_walk walk = { 0 };
    size_t up = 0, down = m;

    while (up < m || down > 0) {
        double inverse = up < m ? 1.0 - (double)key_float(items[up]) : -INFINITY;
        double direct = down > 0 ? (double)key_float(items[down - 1]) : -INFINITY;
        double score = inverse > direct ? inverse : direct;
        for (; up < m && 1.0 - (double)key_float(items[up]) == score; up++)
            ap_add(&walk, (uint32_t)items[up] == 0);
        for (; down > 0 && (double)key_float(items[down - 1]) == score; down--)
            ap_add(&walk, (uint32_t)items[down - 1] == 1);
        ap_close_tie(&walk);
    }
    return walk.sum / walk.hits; /* every labelled pixel is positive in one half */
}

void segmentation_counts(const float *heat, const int8_t *labels, size_t pixels, double mean,
                         struct segmentation_score *out)
{
    int32_t table[2][2] = { { 0, 0 }, { 0, 0 } }; /* [label][prediction] */
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0)
            table[labels[i] != 0][(double)heat[i] > mean]++;
    out->correct = table[0][0] + table[1][1];
    out->labelled = out->correct + table[0][1] + table[1][0];
    for (int c = 0; c < 2; c++) {
        out->intersection[c] = table[c][c];
        out->united[c] = table[c][c] + table[0][1] + table[1][0];
    }
}

enum status segmentation_score(const float *heat, const int8_t *labels, size_t pixels,
                               struct segmentation_score *out, struct error *err)
{
    if (pixels > INT32_MAX)
        return fail(err, E_DATA, "%zu pixels in one image: at most %d can be scored", pixels,
                    INT32_MAX);
    double sum = 0;
    bool flat = true;
    for (size_t i = 0; i < pixels; i++) {
        flat &= heat[i] == heat[0];
        if (labels[i] < -1 || labels[i] > 1)
            return fail(err, E_DATA, "pixel %zu is labelled %d: a label is 0, 1, or -1 (left out)",
                        i, labels[i]);
        sum += (double)heat[i];
    }
    ranked *items = rank_room(pixels, err);
    if (!items)
        return E_NOMEM;

    segmentation_counts(heat, labels, pixels, sum / (double)pixels, out);
    size_t m = 0;
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0)
            items[m++] = rank_of(heat[i], (uint32_t)labels[i]);
    rank_sort(items, items + pixels, m);
    /* A map without contrast gives all pixels one score: its heat of 0 says nothing about the
     * background. Every pixel is then positive in one half of the concatenation. */
    out->ap = m == 0 ? NAN : flat ? 0.5f : (float)ap_of_both(items, m);
    free(items);
    return OK;
}

void segmentation_totals(const struct segmentation_score *score, const uint8_t *use, size_t n,
                         struct segmentation_totals *out)
{
    int64_t correct = 0, labelled = 0, intersection[2] = { 0, 0 }, united[2] = { 0, 0 };
    double ap = 0;

    *out = (struct segmentation_totals){ 0 };
    for (size_t i = 0; i < n; i++) {
        if (use && !use[i])
            continue;
        out->images++;
        correct += score[i].correct;
        labelled += score[i].labelled;
        for (int c = 0; c < 2; c++) {
            intersection[c] += score[i].intersection[c];
            united[c] += score[i].united[c];
        }
        if (!isnan(score[i].ap)) {
            ap += (double)score[i].ap;
            out->ap_images++;
        }
    }
    out->pixel_accuracy = labelled > 0 ? 100.0 * (double)correct / (double)labelled : NAN;
    out->map = out->ap_images > 0 ? 100.0 * ap / (double)out->ap_images : NAN;
    out->miou = labelled > 0 ? 0 : NAN;
    for (int c = 0; c < 2; c++)
        if (united[c] > 0)
            out->miou += 50.0 * (double)intersection[c] / (double)united[c];
}

/* --- shortcuts ------------------------------------------------------------------------------- */

double heat_share(const float *heat, const int8_t *inside, size_t pixels)
{
    double within = 0, all = 0;
    for (size_t i = 0; i < pixels; i++) {
        double h = heat[i] > 0 ? (double)heat[i] : 0;
        all += h;
        within += inside[i] ? h : 0;
    }
    return all > 0 ? within / all : NAN;
}

double area_share(const int8_t *inside, size_t pixels)
{
    size_t count = 0;
    for (size_t i = 0; i < pixels; i++)
        count += inside[i] != 0;
    return (double)count / (double)pixels;
}

/* --- perturbation ---------------------------------------------------------------------------- */

const struct curve_axis curve_axis_published = { .steps = 9, .upto = 90 };

const char *const auc_names[AUC_CONVENTIONS] = { "trapezoid", "trapezoid_from_10", "mean_nine",
                                                 "mean_ten" };

static bool is_mean(enum auc_convention convention)
{
    return convention == AUC_MEAN_NINE || convention == AUC_MEAN_TEN;
}

/* The unmasked point is left out. */
static bool starts_late(enum auc_convention convention)
{
    return convention == AUC_TRAPEZOID_FROM10 || convention == AUC_MEAN_NINE;
}

double curve_auc(const struct curve_axis *axis, const double *curve, enum auc_convention convention)
{
    int first = starts_late(convention), last = axis->steps;
    double sum = 0;
    for (int i = first; i <= last; i++)
        sum += curve[i];
    if (is_mean(convention))
        return 100.0 * sum / (last + 1 - first);
    /* trapezoid: the ends count half */
    return (double)axis->upto / axis->steps * (sum - (curve[first] + curve[last]) / 2);
}

double auc_highest(const struct curve_axis *axis, enum auc_convention convention)
{
    if (is_mean(convention))
        return 100;
    return axis->upto - (starts_late(convention) ? (double)axis->upto / axis->steps : 0);
}

double hits_auc(const struct curve_axis *axis, const uint8_t *hit)
{
    double curve[CURVE_MOST_POINTS];
    for (int k = 0; k <= axis->steps; k++)
        curve[k] = hit[k] != 0;
    return curve_auc(axis, curve, AUC_TRAPEZOID);
}

double probability_auc(const struct curve_axis *axis, const float *prob)
{
    double curve[CURVE_MOST_POINTS];
    for (int k = 0; k <= axis->steps; k++)
        curve[k] = (double)prob[k];
    return curve_auc(axis, curve, AUC_TRAPEZOID);
}

static size_t mean_curve(const uint8_t *hit, const float *prob, const uint8_t *use, size_t n,
                         int points, double *curve)
{
    size_t used = 0, width = (size_t)points;
    for (size_t k = 0; k < width; k++)
        curve[k] = 0;
    for (size_t i = 0; i < n; i++) {
        if (use && !use[i])
            continue;
        used++;
        for (size_t k = 0; k < width; k++)
            curve[k] += hit ? (double)(hit[i * width + k] != 0) : (double)prob[i * width + k];
    }
    for (size_t k = 0; k < width; k++)
        curve[k] = used > 0 ? curve[k] / (double)used : NAN;
    return used;
}

size_t accuracy_curve(const uint8_t *hit, const uint8_t *use, size_t n, int points, double *curve)
{
    return mean_curve(hit, NULL, use, n, points, curve);
}

size_t probability_curve(const float *prob, const uint8_t *use, size_t n, int points, double *curve)
{
    return mean_curve(NULL, prob, use, n, points, curve);
}
