/* What products are made of: elements, or pairs of bf16, whose two products are added to a float
 * (vdpbf16ps). FOLD is the number of factors in a lane. */
#pragma once

#include "family.h"

#ifdef __AVX512BF16__
typedef uint16_t factor;
enum { FOLD = 2 };

INLINE vec load_factors(const factor *p)
{
    return (vec)_mm512_loadu_si512(p);
}

INLINE vec repeat_factor(const factor *p)
{
    int pair;
    memcpy(&pair, p, sizeof pair);
    return (vec)_mm512_set1_epi32(pair);
}

INLINE vec add_product(vec a, vec b, vec sum)
{
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

/* Lanes [c, c + VN) of a row of `count` factors; the factors behind its end read as 0. */
INLINE vec load_lanes(const factor *row, int c, int count)
{
    int n = count - FOLD * c;
    __mmask32 mask = n >= 2 * VN ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1;
    return (vec)_mm512_maskz_loadu_epi16(mask, row + FOLD * c);
}

/* Lanes of a and b (or zeros) side by side; the first n. */
INLINE vec fold_rows(const factor *a, const factor *b, int n)
{
    __mmask16 mask = (__mmask16)((1U << n) - 1);
    __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, a));
    if (b)
        low = _mm512_or_si512(
            low, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, b)), 16));
    return (vec)low;
}

/* Rounded to nearest even; the first n of VN lanes. */
INLINE void store_narrow(uint16_t *to, vec x, int n)
{
    __m256i y = (__m256i)_mm512_cvtneps_pbh((__m512)x);
    if (__builtin_expect(n >= VN, 1))
        _mm256_storeu_si256((__m256i *)(void *)to, y);
    else
        _mm256_mask_storeu_epi16(to, (__mmask16)((1U << n) - 1), y);
}
INLINE void store_factors(factor *to, vec x, int n)
{
    store_narrow(to, x, n);
}
#else
typedef scalar factor;
enum { FOLD = 1 };

INLINE vec load_factors(const factor *p)
{
    return v_load(p);
}

INLINE vec load_lanes(const factor *row, int c, int count)
{
    return v_load_part(row + c, count - c);
}

INLINE vec fold_rows(const factor *a, const factor *b, int n)
{
    (void)b;
    return v_load_part(a, n);
}

INLINE void store_factors(factor *to, vec x, int n)
{
    v_store_part(to, x, n);
}

INLINE vec repeat_factor(const factor *p)
{
    return v_set(*p);
}

INLINE vec add_product(vec a, vec b, vec sum)
{
    return v_fma(a, b, sum);
}

INLINE void store_narrow(uint16_t *to, vec x, int n)
{
    (void)to, (void)x, (void)n; /* no backend of these instruction sets is narrow */
}
#endif
