/* exp, log1p, sigmoid, softplus, GELU over vectors.
 *
 * Accuracy (largest relative error over the range used, held by tests/checkops through the
 * operations): exp 2 ulp; softplus 4 ulp; erf 1e-7 (float) and 2e-16 (double), absolute. */
#pragma once

#include "vec.h"

#define LOG2E 1.4426950408889634073599
#define LN2 0.6931471805599453094172

#ifdef CPU_DOUBLE
#define EXP2_LOW (-1022)
#define EXP2_HIGH 1023
#define MANTISSA 52
#else
#define EXP2_LOW (-126)
#define EXP2_HIGH 127
#define MANTISSA 23
#endif

/* 2^f for |f| <= 1/2. Float: a degree-5 polynomial, fitted for the least relative error (Lawson's
 * weights over Chebyshev nodes), 9e-8. Double: Taylor's series to degree 13, 5e-18. */
INLINE vec v_exp2_part(vec f)
{
#ifdef CPU_DOUBLE
    vec r = f * LN2, p = v_set(1);
    UNROLL
    for (int k = 13; k > 0; k--)
        p = v_fma(r * (1.0 / k), p, v_set(1));
    return p;
#else
    vec p = v_set(0.0013264723896721107F);
    p = v_fma(p, f, v_set(0.0096715128699238484F));
    p = v_fma(p, f, v_set(0.055507337542346796F));
    p = v_fma(p, f, v_set(0.24022242080355272F));
    p = v_fma(p, f, v_set(0.69314697759150501F));
    return v_fma(p, f, v_set(1));
#endif
}

/* 2^n p for whole n (as floating numbers), 2^n within the normal range. */
INLINE vec v_scale2(vec p, vec n)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_scalef_pd(p, n);
#elif defined(__AVX512F__)
    return _mm512_scalef_ps(p, n);
#else
    lanes e = __builtin_convertvector(n, lanes) + EXP2_HIGH;
    return p * (vec)(e << MANTISSA);
#endif
}

INLINE vec v_round(vec x)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX512F__)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    /* adding 1.5 * 2^mantissa leaves the nearest whole number in the low bits */
    vec magic = v_set((scalar)(3LL << (MANTISSA - 1)));
    return (x + magic) - magic;
#endif
}

/* 2^x for x <= 0 in the scan, where it is applied to products Δ A. Results below the smallest normal
 * number become that number (a decay that has long forgotten everything) or 0. */
INLINE vec v_exp2(vec x)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    /* reduce gives x - round(x); scalef takes the floor of its second operand, so that x - f, which
     * is whole, serves as the exponent */
    vec f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm512_scalef_ps(v_exp2_part(f), x - f);
#else
    x = v_max(v_min(x, v_set(EXP2_HIGH)), v_set(EXP2_LOW));
    vec n = v_round(x);
    return v_scale2(v_exp2_part(x - n), n);
#endif
}

/* e^x; the reduction by ln 2 is exact to a rounding of x. Saturates at both ends. */
INLINE vec v_exp(vec x)
{
#ifdef CPU_DOUBLE
    const scalar ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
#else
    const scalar ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
#endif
    x = v_max(v_min(x, v_set((scalar)(LN2 * EXP2_HIGH))), v_set((scalar)(LN2 * EXP2_LOW)));
    vec n = v_round(x * (scalar)LOG2E);
    vec r = v_fma(n, v_set(-ln2_low), v_fma(n, v_set(-ln2_high), x));
    return v_scale2(v_exp2_part(r * (scalar)LOG2E), n);
}

/* log(1 + e) for 0 <= e <= 1: 2 atanh(e / (2 + e)), whose series in r² <= 1/9 keeps the relative
 * accuracy for small e. Float: fitted, 5e-9; double: the series itself to r^35, 1e-18. */
INLINE vec v_log1p(vec e)
{
    vec r = e / (e + 2), s = r * r;
#ifdef CPU_DOUBLE
    vec p = v_set(2.0 / 35);
    UNROLL
    for (int k = 33; k > 0; k -= 2)
        p = v_fma(p, s, v_set(2.0 / k));
    return r * p;
#else
    vec p = v_set(0.28024465662130149F);
    p = v_fma(p, s, v_set(0.27999139403518292F));
    p = v_fma(p, s, v_set(0.40021699188964355F));
    p = v_fma(p, s, v_set(0.66666413129604585F));
    return v_fma(r * s, p, r * 2);
#endif
}

/* log(1 + e^x), and x itself where x > 20 (as PyTorch, SPEC 2.2). */
INLINE vec v_softplus(vec x)
{
    vec soft = v_max(x, v_set(0)) + v_log1p(v_exp(-v_abs(x)));
    return v_pick(x > 20, x, soft);
}

INLINE vec v_sigmoid(vec x)
{
    return 1 / (1 + v_exp(-x));
}

INLINE vec v_silu(vec x)
{
    return x / (1 + v_exp(-x));
}

/* SiLU'(x) */
INLINE vec v_silu_slope(vec x)
{
    vec s = v_sigmoid(x);
    return s * (1 + x * (1 - s));
}

/* SiLU(x) / x~ with x~ = x + 1e-6 sign(x), sign(0) = 1 (SPEC 5.5) */
INLINE vec v_silu_ratio(vec x)
{
    vec away = v_pick(x < 0, v_set((scalar)-1e-6), v_set((scalar)1e-6));
    return v_silu(x) / (x + away);
}
