/* y = x B for B in panels of columns (panels.h): tiles of rows by a panel's vectors, whose sums
 * stay in registers over the whole depth, so that they are in order of k whatever the tile. A panel
 * stays in the second cache while all rows pass it, a tile's rows in the first. */
#include "panels.h"
#include "tile.h"
#include "verf.h"

_Static_assert((int)PANEL_VECS == (int)TILE_VECS, "a panel is as wide as a tile");

/* y's lines come into the first cache while the sums are made: stores, and sums with what y holds,
 * would wait for them. */
INLINE void expect(const struct panel_product *p, size_t row, int rows, int col, int vecs)
{
    size_t size = p->narrow_y ? sizeof(uint16_t) : sizeof(scalar);
    for (int r = 0; r < rows; r++) {
        const char *y = (const char *)p->y + ((row + (size_t)r) * p->ldy + (size_t)col) * size;
        for (size_t at = 0; at < (size_t)(vecs * VN) * size; at += 64)
            __builtin_prefetch(y + at, 1);
    }
}

/* The bias, and GELU where asked, for a tile in whole vectors. */
INLINE void activate(const struct panel_product *p, vec *sum, int rows, int col, const int vecs)
{
    const scalar *from = rd(p->bias);
    for (int v = 0; from && v < vecs; v++) {
        vec bias = v_load_part(from + col + v * VN, min_int(VN, p->b->n - col - v * VN));
        for (int r = 0; r < rows; r++)
            sum[r * vecs + v] += bias;
    }
    if (p->gelu)
        for (int i = 0; i < rows * vecs; i++)
            sum[i] = v_gelu(sum[i]);
}

INLINE void store_sums(const struct panel_product *p, const vec *sum, size_t row, int rows, int col,
                       const int vecs)
{
    for (int r = 0; r < rows; r++) {
        size_t at = (row + (size_t)r) * p->ldy + (size_t)col;
        for (int v = 0; v < vecs; v++, at += VN) {
            int n = min_int(VN, p->b->n - col - v * VN);
            vec y = sum[r * vecs + v];
            if (p->narrow_y) {
                store_narrow((uint16_t *)p->y + at, y, n);
                continue;
            }
            if (p->accumulate)
                y += v_load_part((scalar *)p->y + at, n);
            v_store_part((scalar *)p->y + at, y, n);
        }
    }
}

/* All rows past one panel. */
INLINE void run_panel(const struct panel_product *p, const factor *b, int col, const int vecs)
{
    int steps = (int)panels_depth(p->b) / FOLD;
    for (int row = 0; row < p->rows; row += TILE_ROWS) {
        const factor *x = (const factor *)p->x + (size_t)row * p->ldx;
        int rows = min_int(TILE_ROWS, p->rows - row);
        vec sum[TILE_ROWS * TILE_VECS];
        expect(p, (size_t)row, rows, col, vecs);
        tile_product(x, p->ldx, b, (size_t)(vecs * VN * FOLD), steps, (scalar *)sum,
                     (size_t)(vecs * VN), rows, vecs);
        activate(p, sum, rows, col, vecs);
        store_sums(p, sum, (size_t)row, rows, col, vecs);
    }
}

static void run(const struct panel_product *p)
{
    for (int panel = p->first; panel < p->end; panel++) {
        int begin = panel_begin(p->b, panel), vecs = panel_begin(p->b, panel + 1) - begin;
        const factor *b = (const factor *)p->b->data + panels_depth(p->b) * (size_t)(begin * VN);
        if (vecs == 3)
            run_panel(p, b, begin * VN, 3);
        else if (vecs == 2)
            run_panel(p, b, begin * VN, 2);
        else
            run_panel(p, b, begin * VN, 1);
    }
}

const struct panel_kernel
    CPU_VEC(product) = { .lanes = VN, .rows = TILE_ROWS, .bf16 = FOLD == 2, .run = run };
