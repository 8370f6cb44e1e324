/* exp, log1p, sigmoid, softplus, GELU over vectors.
 *
 * Accuracy (largest error over the range used, held by tests/kernels/checkops through the
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

#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
/* 2^(j/32) / EXP2_SHARE: what 32 lanes of permutation can look up. */
#define EXP2_SHARE 0x1.0a6b0ap2F
#define EXP2_TILT 0x1.7156ep1F
static const float exp2_table[32] __attribute__((aligned(64))) = {
    0x1.ebfa82p-3F, 0x1.f6c06p-3F,  0x1.00e152p-2F, 0x1.06814ep-2F, 0x1.0c40d2p-2F, 0x1.12209p-2F,
    0x1.18213ap-2F, 0x1.1e438ap-2F, 0x1.24883ep-2F, 0x1.2af014p-2F, 0x1.317bd4p-2F, 0x1.382c44p-2F,
    0x1.3f0234p-2F, 0x1.45fe76p-2F, 0x1.4d21ep-2F,  0x1.546d4ep-2F, 0x1.5be1a2p-2F, 0x1.637fbcp-2F,
    0x1.6b488cp-2F, 0x1.733cfep-2F, 0x1.7b5e08p-2F, 0x1.83aca4p-2F, 0x1.8c29d2p-2F, 0x1.94d694p-2F,
    0x1.9db3f8p-2F, 0x1.a6c30cp-2F, 0x1.b004eap-2F, 0x1.b97aacp-2F, 0x1.c32574p-2F, 0x1.cd067p-2F,
    0x1.d71ecap-2F, 0x1.e16fbcp-2F,
};

/* 2^(a b + c), 2 ulp. The sum with 1.5 * 2^18 keeps a b to the nearest 1/32 in its low bits: they
 * pick 2^(j/32) from the table, a degree-2 polynomial does the rest, |f| <= 1/64 (fitted as above,
 * 6e-8), and scalef applies the whole part. f comes from one fused operation, exact whatever the
 * size of a b; `c` is a small correction. The polynomial is (f (f + TILT) + SHARE) / SHARE: a sum
 * takes the place of a product, because processors have more room for sums. Of the floats beside
 * its fitted value, SHARE is the one whose inverse is nearest to a float: so 2^0 comes out as 1. */
INLINE vec v_exp2_product(vec a, vec b, vec c)
{
    const vec magic = v_set(0x1.8p18F);
    vec t = v_fma(a, b, magic), n = t - magic, f = v_fma(a, b, -n) + c;
    vec rest = v_fma(f, f + EXP2_TILT, v_set(EXP2_SHARE));
    vec power = _mm512_permutex2var_ps(v_load(exp2_table), (__m512i)t, v_load(exp2_table + VN));
    return _mm512_scalef_ps(power * rest, n);
}
#endif

/* 2^(a b) for a b <= 0: the scan's decays. Below the normal numbers it becomes 0 or the least of
 * them, a decay that has long forgotten everything. */
INLINE vec v_decay(vec a, vec b)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    return v_exp2_product(a, b, v_set(-0.0F)); /* nothing to add */
#else
    vec x = v_max(a * b, v_set(EXP2_LOW)), n = v_round(x);
    return v_scale2(v_exp2_part(x - n), n);
#endif
}

/* e^x; the reduction by ln 2 is exact to a rounding of x. Saturates at both ends. */
INLINE vec v_exp(vec x)
{
    x = v_max(v_min(x, v_set((scalar)(LN2 * EXP2_HIGH))), v_set((scalar)(LN2 * EXP2_LOW)));
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    const float log2e_high = 0x1.715476p0F, log2e_low = 0x1.4ae0c0p-26F;
    return v_exp2_product(x, v_set(log2e_high), x * log2e_low);
#else
#ifdef CPU_DOUBLE
    const scalar ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
#else
    const scalar ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
#endif
    vec n = v_round(x * (scalar)LOG2E);
    vec r = v_fma(n, v_set(-ln2_low), v_fma(n, v_set(-ln2_high), x));
    return v_scale2(v_exp2_part(r * (scalar)LOG2E), n);
#endif
}

/* 1 - e^x for x <= 0: near 0 by the series, whose rest is 1e-9 (float) or 2e-17 of the sum. */
INLINE vec v_lost(vec x)
{
#ifdef CPU_DOUBLE
    static const scalar term[] = { 1,           1. / 2,        1. / 6,        1. / 24,
                                   1. / 120,    1. / 720,      1. / 5040,     1. / 40320,
                                   1. / 362880, 1. / 3628800., 1. / 39916800, 1. / 479001600 };
#else
    static const scalar term[] = {
        1, 1.F / 2, 1.F / 6, 1.F / 24, 1.F / 120, 1.F / 720, 1.F / 5040
    };
#endif
    enum { TERMS = sizeof term / sizeof *term };
    vec series = v_set(term[TERMS - 1]);
    UNROLL
    for (int k = TERMS - 2; k >= 0; k--)
        series = v_fma(series, x, v_set(term[k]));
    return v_select(x > v_set((scalar)-0.25), -x * series, 1 - v_exp(x));
}

/* log(1 + e) for 0 <= e <= 1: 2 atanh(e / (2 + e)), whose series in r² <= 1/9 keeps the relative
 * accuracy for small e. Float: fitted, 5e-9; double: the series itself to r^35, 1e-18. */
INLINE vec v_log1p(vec e)
{
    vec r = v_div(e, e + 2), s = r * r;
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
    return v_select(x > 20, x, soft);
}

INLINE vec v_sigmoid(vec x)
{
    return v_div(v_set(1), 1 + v_exp(-x));
}

INLINE vec v_silu(vec x)
{
    return v_div(x, 1 + v_exp(-x));
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
    vec away = v_select(x < 0, v_set((scalar)-1e-6), v_set((scalar)1e-6));
    return v_silu(x) / (x + away);
}
