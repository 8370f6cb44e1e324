/* Relevance through a linear layer (SPEC 5.4). Of every element of W only the part of one sign
 * meets an x: so Q W⁺ and Q W⁻ are one product here, whose W is picked by the sign of x on the way.
 * On Zen 4 it runs at 85 % of a plain product's rate; W and |W| would take two. */
#include "family.h"
#include "ratio.h"

/* Rows of accumulators, one vector wide. Every row has its own mask: of AVX-512's 7 mask registers,
 * or in as many vectors again. */
#if VEC_BYTES == 64
enum { ROWS = 7 };
#else
enum { ROWS = 5 };
#endif

/* Rows that one thread takes at a time; independent of the number of threads. */
enum { BLOCK = 63 };

#if defined(__AVX512F__) && defined(CPU_DOUBLE)
typedef __mmask8 mask;
#elif defined(__AVX512F__)
typedef __mmask16 mask;
#else
typedef lanes mask;
#endif

INLINE mask positive(vec x)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_GT_OQ);
#elif defined(__AVX512F__)
    return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
#else
    return x > 0;
#endif
}

INLINE vec pick(mask m, vec yes, vec no)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_mask_blend_pd(m, no, yes);
#elif defined(__AVX512F__)
    return _mm512_mask_blend_ps(m, no, yes);
#elif defined(__AVX2__) && defined(CPU_DOUBLE)
    return _mm256_blendv_pd(no, yes, (vec)m);
#elif defined(__AVX2__)
    return _mm256_blendv_ps(no, yes, (vec)m);
#else
    return v_pick(m, yes, no);
#endif
}

struct rows { /* of a block */
    int in, out;
    const scalar *x, *q; /* [rows, in], [rows, out] */
    scalar *rx;          /* [rows, in] */
};

/* rx = x ⊙ (Q W^(sign of x)) for some rows and the vector of columns from `col`, whose W⁺ in a
 * panel is w. */
INLINE void tile(const struct rows *b, const scalar *w, int row, int col, const int rows)
{
    vec sum[ROWS];
    mask up[ROWS];
    const scalar *q[ROWS];
    int part = min_int(VN, b->in - col);
    UNROLL
    for (int r = 0; r < rows; r++) {
        q[r] = b->q + (size_t)(row + r) * (size_t)b->out;
        up[r] = positive(v_load_part(b->x + (size_t)(row + r) * (size_t)b->in + col, part));
        sum[r] = v_set(0);
    }
    for (int o = 0; o < b->out; o++, w += 2 * LRP_COLS) {
        vec plus = v_load(w), minus = v_load(w + LRP_COLS);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r] = v_fma(v_set(q[r][o]), pick(up[r], plus, minus), sum[r]);
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        size_t at = (size_t)(row + r) * (size_t)b->in + (size_t)col;
        v_store_part(b->rx + at, v_load_part(b->x + at, part) * sum[r], part);
    }
}

static void tile_of(const struct rows *b, const scalar *w, int row, int col, int rows)
{
    switch (rows) {
    case 1:
        tile(b, w, row, col, 1);
        break;
    case 2:
        tile(b, w, row, col, 2);
        break;
    case 3:
        tile(b, w, row, col, 3);
        break;
    case 4:
        tile(b, w, row, col, 4);
        break;
    case 5:
        tile(b, w, row, col, 5);
        break;
    case 6:
        tile(b, w, row, col, ROWS < 6 ? ROWS : 6);
        break;
    default:
        tile(b, w, row, col, ROWS);
    }
}

/* A panel of W stays in cache while all rows pass. */
static void share_rows(const struct rows *b, const scalar *panel, int rows)
{
    int tiles = (rows + ROWS - 1) / ROWS;
    for (int first = 0; first < b->in; first += LRP_COLS, panel += (size_t)b->out * 2 * LRP_COLS)
        for (int col = first; col < min_int(first + LRP_COLS, b->in); col += VN)
            for (int t = 0, row = 0; t < tiles; t++) {
                int count = (rows - row + tiles - t - 1) / (tiles - t); /* as even as possible */
                tile_of(b, panel + (col - first), row, col, count);
                row += count;
            }
}

/* S(r, Z) with 2 Z = y - b + z, in place of z. */
static void ratio_row(const scalar *r, const scalar *y, const scalar *b, scalar *z, int count)
{
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec sum = v_load_part(y + i, n) - v_load_part(b + i, n) + v_load_part(z + i, n);
        v_store_part(z + i, safe_ratio(v_load_part(r + i, n), sum * (scalar)0.5), n);
    }
}

/* Rows [row, row + rows); scratch [rows, in + out]. */
static void lrp_block(struct backend *be, const struct linear_lrp_args *a, int row, int rows,
                      scalar *scratch)
{
    const struct lrp_panels *w = cpu_lrp_panels(a->w);
    size_t in = (size_t)w->in, out = (size_t)w->out;
    size_t xs = (size_t)rows * in, at = (size_t)row;
    scalar *z = scratch + xs;
    const struct map2_args abs = { .f = MAP_ABS,
                                   .count = xs,
                                   .a = be_at(be, a->x, at * in),
                                   .scale = 1,
                                   .out = (real *)(void *)scratch };
    be->op.map2(be, &abs);
    const struct linear_args both = { .rows = rows,
                                      .w = a->w,
                                      .abs = true,
                                      .x = abs.out,
                                      .ldx = in,
                                      .y = (real *)(void *)z,
                                      .ldy = out };
    be->op.linear(be, &both);
    for (size_t r = 0; r < (size_t)rows; r++)
        ratio_row(rd(a->r) + (at + r) * out, rd(a->y) + (at + r) * out, rd(a->b), z + r * out,
                  w->out);
    const struct rows b = {
        .in = w->in, .out = w->out, .x = rd(a->x) + at * in, .q = z, .rx = wr(a->rx) + at * in
    };
    share_rows(&b, w->data, rows);
}

static void linear_lrp(struct backend *be, const struct linear_lrp_args *a)
{
    const struct lrp_panels *w = cpu_lrp_panels(a->w);
    size_t each = (size_t)w->in + (size_t)w->out;
    int blocks = (a->rows + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(cpu_team(be))
    {
        scalar *mine = NULL; /* the scratch of a thread's first block serves all of its blocks */
#pragma omp for schedule(static)
        for (int block = 0; block < blocks; block++) {
            int row = block * BLOCK;
            if (!mine)
                mine = wr(a->scratch) + (size_t)row * each;
            lrp_block(be, a, row, min_int(BLOCK, a->rows - row), mine);
        }
    }
}

void CPU_VEC(linear_lrp_ops)(struct ops *op)
{
    op->linear_lrp = linear_lrp;
}
