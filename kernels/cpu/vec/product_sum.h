/* The factors of a sum of products: elements, or pairs of bf16 whose two products are added to a
 * float (vdpbf16ps). */
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

INLINE void store_narrow(uint16_t *to, vec x, int n)
{
    __mmask16 mask = (__mmask16)((1U << n) - 1);
    _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh((__m512)x));
}
#else
typedef scalar factor;
enum { FOLD = 1 };

INLINE vec load_factors(const factor *p)
{
    return v_load(p);
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
