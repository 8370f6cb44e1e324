#include "distribution.h"

#include <math.h>

double normal_cdf(double x)
{
    return 0.5 * erfc(-x / M_SQRT2);
}

/* The continued fraction of the incomplete beta function, by Lentz's method; converges fast for
 * x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), result;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    result = d;
    for (int m = 1; m < 500; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double step = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + step * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + step / c;
            c = fabs(c) < tiny ? tiny : c;
            result *= c * d;
        }
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return result;
}

/* I_x(a, b) */
static double incomplete_beta(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x);
    if (x < (a + 1) / (a + b + 2))
        return exp(log_front) * beta_fraction(x, a, b) / a;
    return 1 - exp(log_front) * beta_fraction(1 - x, b, a) / b;
}

double student_cdf(double x, double freedom)
{
    if (x * x < 1) { /* near the centre the tail is 1/2 up to rounding */
        double half = 0.5 * incomplete_beta(x * x / (freedom + x * x), 0.5, freedom / 2);
        return x > 0 ? 0.5 + half : 0.5 - half;
    }
    double tail = 0.5 * incomplete_beta(freedom / (freedom + x * x), freedom / 2, 0.5);
    return x > 0 ? 1 - tail : tail;
}

/* Solves f(x, parameter) = p for a rising f, between bounds that are doubled until they contain the
 * solution. */
static double invert(double (*cdf)(double, double), double parameter, double p)
{
    double low = -1, high = 1;
    while (cdf(low, parameter) > p && low > -1e300)
        low *= 2;
    while (cdf(high, parameter) < p && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        *(cdf(middle, parameter) < p ? &low : &high) = middle;
    }
    return low + (high - low) / 2;
}

static double normal(double x, double unused)
{
    (void)unused;
    return normal_cdf(x);
}

double normal_quantile(double p)
{
    /* Computed in the lower tail, where doubles lie close together. */
    return p > 0.5 ? -invert(normal, 0, 1 - p) : invert(normal, 0, p);
}

double student_quantile(double p, double freedom)
{
    return p > 0.5 ? -invert(student_cdf, freedom, 1 - p) : invert(student_cdf, freedom, p);
}
