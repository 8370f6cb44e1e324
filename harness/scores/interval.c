#include "interval.h"

#include <math.h>
#include <stdbool.h>

#include "distribution.h"

struct interval wilson_interval(double hits, double n, double level)
{
    if (!(n > 0))
        return (struct interval){ NAN, NAN };
    double z = normal_quantile((1 + level) / 2), share = hits / n, z2 = z * z / n;
    double centre = (share + z2 / 2) / (1 + z2);
    double reach = sqrt(share * (1 - share) / n * z * z + z2 * z2 / 4) / (1 + z2);
    return (struct interval){ hits <= 0 ? 0 : centre - reach, hits >= n ? 1 : centre + reach };
}

struct interval unseen_interval(double value, double low, double high, size_t n, double level)
{
    if (n == 0)
        return (struct interval){ NAN, NAN };
    double missed = wilson_interval(0, (double)n, level).high;
    return (struct interval){ value - missed * (value - low), value + missed * (high - value) };
}

/* Linear between order statistics, as numpy's default. v ascending [n]. */
static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return v[n - 1];
    return v[below] + (at - (double)below) * (v[below + 1] - v[below]);
}

/* How far the resamples lie off the value, as a normal deviate; equal ones count half. */
static double bias(double value, const double *drawn, size_t resamples)
{
    double below = 0, least = 0.5 / (double)resamples;
    for (size_t b = 0; b < resamples; b++)
        below += drawn[b] < value ? 1 : drawn[b] == value ? 0.5 : 0;
    double share = below / (double)resamples;
    return normal_quantile(fmin(fmax(share, least), 1 - least));
}

static double acceleration(const double *left_out, size_t n)
{
    double mean = 0, square = 0, cube = 0;
    for (size_t i = 0; i < n; i++)
        mean += left_out[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = mean - left_out[i];
        square += d * d;
        cube += d * d * d;
    }
    return square > 0 ? cube / (6 * square * sqrt(square)) : 0;
}

static bool all_numbers(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return false;
    return true;
}

struct interval bca_interval(double value, const double *drawn, size_t resamples,
                             const double *left_out, size_t n, double level)
{
    if (n < 2 || resamples == 0 || isnan(value) || !all_numbers(drawn, resamples) ||
        !all_numbers(left_out, n))
        return (struct interval){ NAN, NAN };
    double z0 = bias(value, drawn, resamples), a = acceleration(left_out, n), share[2];
    double z =
        sqrt((double)n / (double)(n - 1)) * student_quantile((1 + level) / 2, (double)(n - 1));
    for (int end = 0; end < 2; end++) {
        double t = z0 + (end == 0 ? -z : z), shrunk = 1 - a * t;
        share[end] = shrunk > 0 ? normal_cdf(z0 + t / shrunk) : end;
    }
    return (struct interval){ quantile(drawn, resamples, share[0]),
                              quantile(drawn, resamples, share[1]) };
}
