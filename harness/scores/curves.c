#include "curves.h"

#include <math.h>

#include "correlation.h"

double curve_share(const struct curve_axis *axis, int point)
{
    return (double)(axis->upto * point) / (100.0 * axis->steps);
}

double curve_area(const struct curve_axis *axis, const double *p)
{
    double sum = 0;
    for (int k = 0; k <= axis->steps; k++)
        sum += p[k];
    return (sum - (p[0] + p[axis->steps]) / 2) * (axis->upto / 100.0) / axis->steps;
}

double curve_area_to_blank(const struct curve_axis *axis, const double *p, double p_blank)
{
    double area = curve_area(axis, p);
    if (axis->upto < 100)
        area += (p[axis->steps] + p_blank) / 2 * (1 - axis->upto / 100.0);
    return area;
}

double curve_aopc(const double *p, int steps, enum aopc kind)
{
    double sum = 0;
    for (int k = 1; k <= steps; k++)
        sum += kind == AOPC_ABSOLUTE ? fabs(p[0] - p[k]) : p[0] - p[k];
    return sum / (kind == AOPC_FROM_0 ? steps + 1 : steps);
}

double curve_log_odds(const double *p, int steps)
{
    const double least = 1e-12;
    double first = fmax(p[0], least), sum = 0;
    for (int k = 0; k <= steps; k++) {
        if (isnan(p[k]))
            return NAN;
        sum += log(fmax(p[k], least) / first); /* 0 at k = 0 */
    }
    return sum / steps;
}

struct curve_gaps curve_gaps(double positive, double negative, double random)
{
    return (struct curve_gaps){ .srg = negative - positive,
                                .mrg = random - positive,
                                .lrg = negative - random };
}

void curve_relative(const double *p, int points, double *out)
{
    double first = p[0];
    for (int k = 0; k < points; k++)
        out[k] = first != 0 ? p[k] / first : NAN;
}

void curve_ranged(const double *p, int points, double p_blank, double *out)
{
    double first = p[0];
    for (int k = 0; k < points; k++)
        out[k] = first > p_blank ? (p[k] - p_blank) / (first - p_blank) : NAN;
}

double curve_relative_of_means(const struct curve_axis *axis, const struct curve_sums *s)
{
    return s->first != 0 ? s->area / s->first / (axis->upto / 100.0) : NAN;
}

double curve_ranged_of_means(const struct curve_axis *axis, const struct curve_sums *s)
{
    double range = s->first - s->blank;
    return range > 0 ? (s->area / (axis->upto / 100.0) - s->blank) / range : NAN;
}

enum status curve_monotonicity(const double *p, int points, double *out, struct error *err)
{
    double share[CURVE_MOST_POINTS];
    if (points > CURVE_MOST_POINTS)
        return fail(err, E_DATA, "a curve of %d points: at most %d can be scored", points,
                    CURVE_MOST_POINTS);
    for (int k = 0; k < points; k++)
        share[k] = k;
    return spearman(share, p, (size_t)points, out, err);
}

/* ---- MAS ---------------------------------------------------------------------------------- */

static double clip(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x; /* NaN stays */
}

/* The response, made monotonic and compared with the share of heat that was moved. */
static void mas_response(const double *p, const double *moved, int points, bool insertion,
                         double *out)
{
    double first = insertion ? p[points - 1] : p[0], blank = insertion ? p[0] : p[points - 1];
    double extreme = insertion ? 0 : 1;
    for (int k = 0; k < points; k++) {
        double ranged = first > blank ? clip((p[k] - blank) / (first - blank)) : NAN;
        double share = insertion ? moved[k] : 1 - moved[k];
        if (insertion ? ranged > extreme : ranged < extreme)
            extreme = ranged;
        ranged = isnan(ranged) ? ranged : extreme;
        double apart = fabs(share - ranged);
        out[k] = clip(insertion ? ranged - apart : ranged + apart);
    }
}

double curve_mas(const double *p, const double *moved, int points, bool insertion)
{
    double c[CURVE_MOST_POINTS], low = INFINITY, high = -INFINITY;
    if (points < 2 || points > CURVE_MOST_POINTS)
        return NAN;
    for (int k = 0; k < points; k++)
        if (isnan(moved[k]))
            return NAN;
    mas_response(p, moved, points, insertion, c);
    for (int k = 0; k < points; k++) {
        if (isnan(c[k]))
            return 0.5;
        low = fmin(low, c[k]);
        high = fmax(high, c[k]);
    }
    if (low == high)
        return 0.5;
    for (int k = 0; k < points; k++)
        c[k] = (c[k] - low) / (high - low);
    return curve_area(&(struct curve_axis){ .steps = points - 1, .upto = 100 }, c);
}

void heat_moved(const float *heat, const unsigned *rank, size_t n, const struct curve_axis *axis,
                double *moved)
{
    double all = 0;
    for (int k = 0; k <= axis->steps; k++)
        moved[k] = 0;
    for (size_t i = 0; i < n; i++) {
        double h = fabs((double)heat[i]);
        /* The first point at which the pixel is removed: its rank is below the number removed
         * there. */
        int k = (int)((double)rank[i] / (double)n * 100.0 * axis->steps / axis->upto);
        k = k < 1 ? 1 : k;
        while (k > 1 && rank[i] < (unsigned)((double)n * curve_share(axis, k - 1)))
            k--;
        while (k <= axis->steps && rank[i] >= (unsigned)((double)n * curve_share(axis, k)))
            k++;
        all += h;
        if (k <= axis->steps)
            moved[k] += h;
    }
    for (int k = 1; k <= axis->steps; k++)
        moved[k] += moved[k - 1];
    for (int k = 0; k <= axis->steps; k++)
        moved[k] = all > 0 ? moved[k] / all : NAN;
}
