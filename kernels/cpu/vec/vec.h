/* Vectors of the backend's element type, for sources that are compiled once per instruction set and
 * element type. GCC's vector extensions give the arithmetic on any machine; what they lack (fused
 * multiply-add, rounding, scaling by powers of two) comes from intrinsics where the set has it.
 *
 * Nothing here is visible outside its object file, so that code for AVX-512 can never be picked by
 * the linker for a machine without it. */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifdef CPU_DOUBLE
typedef double scalar;
typedef int64_t lane;
#else
typedef float scalar;
typedef int32_t lane;
#endif

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif

typedef scalar vec __attribute__((vector_size(VEC_BYTES)));
typedef lane lanes __attribute__((vector_size(VEC_BYTES))); /* also masks: 0 or -1 per lane */
typedef scalar vec_any __attribute__((vector_size(VEC_BYTES), aligned(sizeof(scalar)), may_alias));

enum { VN = VEC_BYTES / sizeof(scalar) };

#define INLINE static inline __attribute__((always_inline))
/* Keeps small arrays in registers. Not under sanitizers: a check at every access of an unrolled
 * kernel takes the compiler minutes. */
#ifdef CPU_SANITIZED
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* x in a register: a compiler may else read it again at every use, which costs as much as a product
 * where vectors are long. */
INLINE vec v_hold(vec x)
{
#if defined(__AVX512F__)
    __asm__("" : "+v"(x));
#elif defined(__SSE__)
    __asm__("" : "+x"(x));
#endif
    return x;
}

/* What was read from memory is read again after this, and holds no registers until then. */
#define v_forget() __asm__ volatile("" ::: "memory")

INLINE vec v_load(const scalar *p)
{
    return *(const vec_any *)p;
}

INLINE void v_store(scalar *p, vec a)
{
    *(vec_any *)p = a;
}

/* The first n of VN lanes; the others read as 0 and are not written. */
INLINE vec v_load_part(const scalar *p, int n)
{
    if (__builtin_expect(n >= VN, 1))
        return v_load(p);
    vec a = { 0 };
    memcpy(&a, p, (size_t)n * sizeof(scalar));
    return a;
}

INLINE void v_store_part(scalar *p, vec a, int n)
{
    if (__builtin_expect(n >= VN, 1))
        v_store(p, a);
    else
        memcpy(p, &a, (size_t)n * sizeof(scalar));
}

INLINE vec v_set(scalar x)
{
    return x - (vec){ 0 };
}

INLINE vec v_select(lanes mask, vec yes, vec no)
{
    return (vec)((mask & (lanes)yes) | (~mask & (lanes)no));
}

/* The first n lanes. */
INLINE lanes first_lanes(int n)
{
    lanes mask = { 0 }; /* all of it is set below: not every compiler sees it */
    for (int i = 0; i < VN; i++)
        mask[i] = -(i < n);
    return mask;
}

/* a b + c, rounded once where the machine can. */
INLINE vec v_fma(vec a, vec b, vec c)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__) && defined(CPU_DOUBLE)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__AVX2__)
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

INLINE vec v_max(vec a, vec b)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_max_pd(a, b);
#elif defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif defined(__AVX2__) && defined(CPU_DOUBLE)
    return _mm256_max_pd(a, b);
#elif defined(__AVX2__)
    return _mm256_max_ps(a, b);
#else
    return v_select(a > b, a, b);
#endif
}

INLINE vec v_min(vec a, vec b)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_min_pd(a, b);
#elif defined(__AVX512F__)
    return _mm512_min_ps(a, b);
#elif defined(__AVX2__) && defined(CPU_DOUBLE)
    return _mm256_min_pd(a, b);
#elif defined(__AVX2__)
    return _mm256_min_ps(a, b);
#else
    return v_select(a < b, a, b);
#endif
}

/* a / b for normal b below 2^127: in AVX-512 floats the reciprocal by one Newton step, 1 ulp, at a
 * quarter of the time of a division. */
INLINE vec v_div(vec a, vec b)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    vec r = _mm512_rcp14_ps(b);
    return a * v_fma(r, v_fma(-b, r, v_set(1)), r);
#else
    return a / b;
#endif
}

INLINE vec v_abs(vec a)
{
    return (vec)((lanes)a & ~(lanes)v_set((scalar)-0.0));
}

/* Sign of a (also of zero) on the magnitude of b. */
INLINE vec v_copysign(vec b, vec a)
{
    lanes sign = (lanes)v_set((scalar)-0.0);
    return (vec)(((lanes)b & ~sign) | ((lanes)a & sign));
}

/* Across lanes, in a fixed tree: halves are added until one lane is left. */
INLINE scalar v_sum(vec a)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    return _mm512_reduce_add_ps(a); /* the same tree */
#else
    scalar s[VN];
    v_store(s, a);
    for (int half = VN / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
#endif
}

INLINE scalar v_top(vec a)
{
#if defined(__AVX512F__) && !defined(CPU_DOUBLE)
    return _mm512_reduce_max_ps(a);
#else
    scalar top = a[0];
    for (int i = 1; i < VN; i++)
        top = a[i] > top ? a[i] : top;
    return top;
#endif
}
