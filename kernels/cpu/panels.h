/* A matrix in panels of columns, and products with it by our own kernels (vec/product.c). */
#pragma once

#include "backend.h"

/* B [k, n], its columns in panels of one to PANEL_VECS vectors, as even as possible; 0 in those
 * that the last vector lacks. A panel is [k][its columns], or in bf16 [k / 2][its columns][2], k
 * made even by a row of zeros. */
enum { PANEL_VECS = 3 }; /* as many as a tile has (vec/tile.h) */

struct panels {
    int k, n;
    int lanes; /* columns of a vector */
    bool bf16;
    void *data;
};

static inline int panels_vecs(const struct panels *b)
{
    return (b->n + b->lanes - 1) / b->lanes;
}

static inline int panels_count(const struct panels *b)
{
    return (panels_vecs(b) + PANEL_VECS - 1) / PANEL_VECS;
}

/* The first vector of panel i; of the one behind the last, how many there are. */
static inline int panel_begin(const struct panels *b, int i)
{
    int vecs = panels_vecs(b), count = panels_count(b), more = vecs % count;
    return i * (vecs / count) + (i < more ? i : more);
}

static inline size_t panels_depth(const struct panels *b)
{
    return (size_t)b->k + (b->bf16 ? (size_t)b->k % 2 : 0);
}

/* y = act(x B + bias) (+ y), in panels [first, end). */
struct panel_product {
    const struct panels *b;
    int first, end;
    int rows;
    const void *x; /* [rows, k], ldx: bf16 where B is, with k made even */
    size_t ldx;
    const real *bias; /* [n] or NULL */
    bool gelu, accumulate;
    void *y; /* [rows, n], ldy */
    size_t ldy;
    bool narrow_y; /* bf16; not accumulated to */
};
typedef void panel_fn(const struct panel_product *);

/* What one instruction set makes of them. */
struct panel_kernel {
    int lanes, rows; /* columns of a vector; rows of a tile */
    bool bf16;
    panel_fn *run;
};

/* Of host [n, k] where `transposed`, else of host [k, n]. False when memory ran out. */
bool panels_pack(struct panels *, const struct panel_kernel *, size_t real_size, const float *host,
                 bool transposed);

/* The operations, of a weight's panels for x Wᵀ and for g W. */
void panels_linear(struct backend *be, const struct panels *, const struct linear_args *);
void panels_linear_back(struct backend *be, const struct panels *, const struct linear_back_args *);
