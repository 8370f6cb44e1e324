/* A register-blocked product of small matrices: rows of A as scalars, B packed in rows of vectors.
 */
#pragma once

#include "family.h"

/* Rows by vectors of accumulators, as many as registers allow with a row of B beside them. */
#if VEC_BYTES == 64
enum { TILE_ROWS = 8, TILE_VECS = 3 };
#else
enum { TILE_ROWS = 4, TILE_VECS = 3 };
#endif

/* c[r][v] = Σ_k a[r][k] b[k][v], in order of k. ldb in elements. */
INLINE void tile_product(const scalar *const a[TILE_ROWS], const scalar *b, size_t ldb, int depth,
                         scalar *c, size_t ldc, const int vecs)
{
    vec sum[TILE_ROWS][TILE_VECS];
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++)
        UNROLL
    for (int v = 0; v < vecs; v++)
        sum[r][v] = v_set(0);
    for (int k = 0; k < depth; k++, b += ldb) {
        vec row[TILE_VECS];
        UNROLL
        for (int v = 0; v < vecs; v++)
            row[v] = v_load(b + v * VN);
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++)
            UNROLL
        for (int v = 0; v < vecs; v++)
            sum[r][v] = v_fma(v_set(a[r][k]), row[v], sum[r][v]);
    }
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++)
        UNROLL
    for (int v = 0; v < vecs; v++)
        v_store(c + (size_t)r * ldc + v * VN, sum[r][v]);
}

/* The same for any number of vectors, in tiles as even as possible. c [TILE_ROWS, vecs * VN]. */
static inline void tile_rows(const scalar *const a[TILE_ROWS], const scalar *b, size_t ldb,
                             int depth, scalar *c, size_t ldc, int vecs)
{
    int tiles = (vecs + TILE_VECS - 1) / TILE_VECS;
    for (int at = 0; tiles > 0; tiles--) {
        int width = (vecs - at + tiles - 1) / tiles;
        if (width == 3)
            tile_product(a, b + at * VN, ldb, depth, c + at * VN, ldc, 3);
        else if (width == 2)
            tile_product(a, b + at * VN, ldb, depth, c + at * VN, ldc, 2);
        else
            tile_product(a, b + at * VN, ldb, depth, c + at * VN, ldc, 1);
        at += width;
    }
}
