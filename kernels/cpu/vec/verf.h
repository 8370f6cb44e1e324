/* erf and exact GELU over vectors, by Taylor's series around the nearest of the tabulated points
 * r = i / 64:  erf(r + d) = erf(r) + 2/sqrt(π) e^{-r²} Σ_k (-1)^k H_k(r) d^{k+1} / (k+1)!,
 * H_k Hermite's polynomials. |d| <= 1/128, so six terms leave 5e-17, three leave 3e-9. */
#pragma once

#include "erf_table.h"
#include "vmath.h"

#define SQRT_HALF 0.7071067811865475244008

INLINE vec v_erf(vec x)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    /* the sum with 1.5 * 2^20 keeps |x| to the nearest 1/8, whose index is in its low bits */
    const vec magic = v_set(0x1.8p20F);
    vec near = v_min(v_abs(x), v_set(3.93F)), sum = near + magic, away = near - (sum - magic);
    vec series = v_set(0);
    UNROLL
    for (int k = ERF_DEGREE; k >= 0; k--) {
        const float *row = cpu_erf_series[k];
        series = v_fma(series, away,
                       _mm512_permutex2var_ps(v_load(row), (__m512i)sum, v_load(row + VN)));
    }
    return v_copysign(series, x); /* beyond 3.93 erf is within 3e-8 of 1 */
#else
    double(*const table)[2] = cpu_erf_table;
    vec a = v_min(v_abs(x), v_set(ERF_LIMIT));
    vec n = v_round(a * ERF_STEPS), r = n / ERF_STEPS, d = a - r;
    lanes at = __builtin_convertvector(n, lanes);
    vec value, slope;
    for (int i = 0; i < VN; i++) {
        value[i] = (scalar)table[at[i]][0];
        slope[i] = (scalar)table[at[i]][1];
    }
    vec s = r * r;
#ifdef CPU_DOUBLE
    vec k5 = -r * ((32 * s - 160) * s + 120) / 720;
    vec k4 = ((16 * s - 48) * s + 12) / 120;
    vec k3 = -r * (8 * s - 12) / 24;
    vec p = v_fma(v_fma(k5, d, k4), d, k3);
    p = v_fma(p, d, (4 * s - 2) / 6);
#else
    vec p = (4 * s - 2) * (1.0F / 6);
#endif
    p = v_fma(v_fma(p, d, -r), d, v_set(1));
    return v_copysign(v_fma(slope * d, p, value), x);
#endif
}

INLINE vec v_normal_share(vec x) /* Φ */
{
    return (scalar)0.5 * (1 + v_erf(x * (scalar)SQRT_HALF));
}

INLINE vec v_gelu(vec x)
{
    return x * (scalar)0.5 * (1 + v_erf(x * (scalar)SQRT_HALF));
}

/* GELU'(x) = Φ(x) + x φ(x) */
INLINE vec v_gelu_slope(vec x)
{
    const scalar inv_sqrt_2pi = (scalar)0.3989422804014326779399;
    vec density = v_exp(x * x * (scalar)-0.5) * inv_sqrt_2pi;
    return v_fma(x, density, (scalar)0.5 * (1 + v_erf(x * (scalar)SQRT_HALF)));
}

/* σ(c x + d x³): the gates of GELU by tanh and of the quick one (ops.h) */
INLINE vec v_curved_gate(vec x, double c, double d)
{
    return v_sigmoid(x * ((scalar)c + (scalar)d * x * x));
}

/* the slope of x σ(c x + d x³) */
INLINE vec v_curved_slope(vec x, double c, double d)
{
    vec gate = v_curved_gate(x, c, d);
    return gate + x * gate * (1 - gate) * ((scalar)c + (scalar)(3 * d) * x * x);
}
