/* The scalar functions of SPEC 2.2, 2.3, 5.4 and 5.5, in double. */
#pragma once

#include <math.h>
#include <stdbool.h>

static inline double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static inline double silu(double x)
{
    return x * sigmoid(x);
}

/* SiLU'(x), or with `ratio` SiLU(x) / x~ with x~ = x + 1e-6 sign(x), sign(0) = 1 (SPEC 5.5). */
static inline double silu_slope(double x, bool ratio)
{
    double s = sigmoid(x);
    if (ratio)
        return x * s / (x + (x >= 0 ? 1e-6 : -1e-6));
    return s * (1.0 + x * (1.0 - s));
}

/* x itself beyond 20, as PyTorch. */
static inline double softplus(double x)
{
    return x > 20.0 ? x : log1p(exp(x));
}

static inline double softplus_slope(double x)
{
    return x > 20.0 ? 1.0 : sigmoid(x);
}

static inline double normal_share(double x) /* Φ */
{
    return 0.5 * (1.0 + erf(x * M_SQRT1_2));
}

static inline double gelu(double x)
{
    return x * normal_share(x);
}

static inline double gelu_slope(double x)
{
    double density = exp(-0.5 * x * x) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
    return normal_share(x) + x * density;
}

static inline double curved_gate(double x, double c, double d)
{
    return sigmoid(x * (c + d * x * x));
}

static inline double curved_slope(double x, double c, double d)
{
    double gate = curved_gate(x, c, d);
    return gate + x * gate * (1 - gate) * (c + 3 * d * x * x);
}

/* S(a, b) of SPEC 5.4, to the letter of the released code: the denominator is
 * max(b, 1e-9) + min(b, 1e-9), which is b + 1e-9 for either sign. LRP amplifies the difference to
 * max(|b|, 1e-9) to 1e-3 of the first block's relevance on golden's deit_tiny. */
static inline double safe_ratio(double a, double b)
{
    double away = b + 1e-9;
    return b == 0 ? 0 : a / (away == 0 ? 1e-9 : away);
}
