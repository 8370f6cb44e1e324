/* A register-blocked product of small matrices: rows of A as scalars, B packed in rows of vectors,
 * both in factors (factor.h). */
#pragma once

#include "factor.h"

/* Rows by vectors of accumulators, as many as registers allow with a row of B beside them. */
#if VEC_BYTES == 64
enum { TILE_ROWS = 8, TILE_VECS = 3 };
#else
enum { TILE_ROWS = 4, TILE_VECS = 3 };
#endif

/* c[r][v] = Σ_i a[r][i] b[i][v] over steps of FOLD, in order of i. lda, ldb and ldc in elements,
 * b's from one step to the next. */
INLINE void tile_sums(const factor *a, size_t lda, const factor *b, size_t ldb, int steps,
                      scalar *c, size_t ldc, const int rows, const int vecs)
{
    vec sum[TILE_ROWS][TILE_VECS];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vecs; v++)
        sum[r][v] = v_set(0);
    for (int i = 0; i < steps; i++, a += FOLD, b += ldb) {
        vec row[TILE_VECS];
        UNROLL
        for (int v = 0; v < vecs; v++)
            row[v] = load_factors(b + v * VN * FOLD);
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec x = repeat_factor(a + (size_t)r * lda);
            UNROLL
            for (int v = 0; v < vecs; v++)
                sum[r][v] = add_product(x, row[v], sum[r][v]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vecs; v++)
        v_store(c + (size_t)r * ldc + v * VN, sum[r][v]);
}

/* One copy for every number of rows. */
INLINE void tile_sums_of(const factor *a, size_t lda, const factor *b, size_t ldb, int steps,
                         scalar *c, size_t ldc, int rows, const int vecs)
{
    switch (rows) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_sums(a, lda, b, ldb, steps, c, ldc, n, vecs);                                         \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
#if VEC_BYTES == 64
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
#endif
#undef CASE
    default:
        break;
    }
}

/* Not inlined: the loop would have to share its registers. */
static __attribute__((noinline)) void tile_product(const factor *a, size_t lda, const factor *b,
                                                   size_t ldb, int steps, scalar *c, size_t ldc,
                                                   int rows, int vecs)
{
    if (vecs == 3)
        tile_sums_of(a, lda, b, ldb, steps, c, ldc, rows, 3);
    else if (vecs == 2)
        tile_sums_of(a, lda, b, ldb, steps, c, ldc, rows, 2);
    else
        tile_sums_of(a, lda, b, ldb, steps, c, ldc, rows, 1);
}

/* The same for any number of vectors, in tiles as even as possible. */
static inline void tile_rows(const factor *a, size_t lda, const factor *b, size_t ldb, int steps,
                             scalar *c, size_t ldc, int rows, int vecs)
{
    int tiles = (vecs + TILE_VECS - 1) / TILE_VECS;
    for (int at = 0; tiles > 0; tiles--) {
        int width = (vecs - at + tiles - 1) / tiles;
        tile_product(a, lda, b + (size_t)(at * VN * FOLD), ldb, steps, c + at * VN, ldc, rows,
                     width);
        at += width;
    }
}
