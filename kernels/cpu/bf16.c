/* fp32 to bf16, rounded to nearest even. Built with AVX512_BF16, and called only where the machine
 * has it. */
#include "bf16.h"

#ifdef __AVX512BF16__
#include <immintrin.h>

void cpu_bf16_row(uint16_t *to, const float *from, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(to + i),
                            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + i)));
    if (i < n) {
        __mmask16 rest = (__mmask16)((1U << (n - i)) - 1);
        _mm256_mask_storeu_epi16(
            to + i, rest, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(rest, from + i)));
    }
}
#else
#include <string.h>

void cpu_bf16_row(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, sizeof bits);
        uint32_t even = (bits >> 16) & 1;
        bool nan = (bits & 0x7fffffff) > 0x7f800000; /* stays one: no carry into the exponent */
        to[i] = (uint16_t)(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + even) >> 16);
    }
}
#endif
