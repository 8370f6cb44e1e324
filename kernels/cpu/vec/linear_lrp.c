/* Relevance through a linear layer (SPEC 5.4). Of every element of W only the part of one sign
 * meets an x: so Q W⁺ and Q W⁻ are one product here, whose W is picked by the sign of x on the way.
 * On Zen 4 it runs at 85 % of a plain product's rate; W and |W| would take two. */
#include "family.h"
#include "ratio.h"
#include "tile.h"

/* Rows of accumulators, one vector wide. Every row has a mask of its own: AVX-512 has 7 registers
 * for them, elsewhere they take as many vectors as the accumulators. */
#if VEC_BYTES == 64
enum { ROWS = 7 };
#else
enum { ROWS = 5 };
#endif

/* The most rows that one thread takes at a time: a panel of W comes into cache once for all of
 * them, beside their Q. */
enum { BLOCK = 32 * TILE_ROWS };

enum { SIGN_BIT = 8 * (int)sizeof(scalar) - 1 };

#if defined(__AVX512F__) && defined(CPU_DOUBLE)
typedef __mmask8 mask;
#elif defined(__AVX512F__)
typedef __mmask16 mask;
#else
typedef lanes mask;
#endif

/* Where x > 0; for 0 either will do. */
INLINE mask positive(vec x)
{
#if defined(__AVX512F__) && defined(CPU_DOUBLE)
    return _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_GT_OQ);
#elif defined(__AVX512F__)
    return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
#else
    return ~((lanes)x >> SIGN_BIT);
#endif
}

INLINE vec select_where(mask m, vec yes, vec no)
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
    return v_select(m, yes, no);
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
    for (int o = 0; o < b->out; o++, w += 2 * LRP_NARROW) {
        vec plus = v_load(w), minus = v_load(w + LRP_NARROW);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r] = v_fma(v_set(q[r][o]), select_where(up[r], plus, minus), sum[r]);
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
    for (int first = 0; first < b->in;
         first += LRP_NARROW, panel += (size_t)b->out * 2 * LRP_NARROW)
        for (int col = first; col < min_int(first + LRP_NARROW, b->in); col += VN)
            for (int t = 0, row = 0; t < tiles; t++) {
                int count = (rows - row + tiles - t - 1) / (tiles - t); /* as even as possible */
                tile_of(b, panel + (col - first), row, col, count);
                row += count;
            }
}

/* q = S(r, Z) with 2 Z = y - b + z. */
INLINE void ratio_part(const scalar *r, const scalar *y, const scalar *b, const scalar *z,
                       scalar *q, int count)
{
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec sum = v_load_part(y + i, n) - v_load_part(b + i, n) + v_load(z + i);
        v_store_part(q + i, safe_ratio(v_load_part(r + i, n), sum * (scalar)0.5), n);
    }
}

/* Q of rows [row, row + rows): z = |x| |W|ᵀ comes in tiles that stay in cache. x: |x| of these
 * rows. */
static void ratio_rows(const struct linear_lrp_args *a, const struct lrp_panels *w, const scalar *x,
                       size_t row, int rows, scalar *q)
{
    const scalar *panel = w->both;
    scalar z[TILE_ROWS * LRP_WIDE];
    size_t in = (size_t)w->in, out = (size_t)w->out;
    for (int first = 0; first < w->out; first += LRP_WIDE, panel += in * LRP_WIDE)
        for (int t = 0; t < rows; t += TILE_ROWS) {
            int count = min_int(TILE_ROWS, rows - t);
            tile_rows(x + (size_t)t * in, in, panel, LRP_WIDE, w->in, z, LRP_WIDE, count,
                      LRP_WIDE / VN);
            for (int r = 0; r < count; r++) {
                size_t at = (row + (size_t)(t + r)) * out + (size_t)first;
                ratio_part(rd(a->r) + at, rd(a->y) + at, rd(a->b) + first, z + r * LRP_WIDE,
                           q + (size_t)(t + r) * out + first, min_int(LRP_WIDE, w->out - first));
            }
        }
}

static void abs_rows(const scalar *x, scalar *out, size_t count)
{
    for (size_t i = 0; i < count; i += VN) {
        int n = count - i < VN ? (int)(count - i) : VN;
        v_store_part(out + i, v_abs(v_load_part(x + i, n)), n);
    }
}

/* Rows [row, row + rows); scratch [rows, in + out]. */
static void lrp_block(const struct linear_lrp_args *a, size_t row, int rows, scalar *scratch)
{
    const struct lrp_panels *w = cpu_lrp_panels(a->w);
    size_t in = (size_t)w->in, xs = (size_t)rows * in;
    const struct rows b = { .in = w->in,
                            .out = w->out,
                            .x = rd(a->x) + row * in,
                            .q = scratch + xs,
                            .rx = wr(a->rx) + row * in };
    abs_rows(b.x, scratch, xs);
    ratio_rows(a, w, scratch, row, rows, scratch + xs);
    share_rows(&b, w->split, rows);
}

/* A row's relevance does not depend on the rows beside it, so the size of a block may depend on the
 * number of threads. */
static void linear_lrp(struct backend *be, const struct linear_lrp_args *a)
{
    const struct lrp_panels *w = cpu_lrp_panels(a->w);
    size_t each = (size_t)w->in + (size_t)w->out;
    int team = cpu_team(be), step = (a->rows + team - 1) / team;
    step = min_int(BLOCK, (step + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS);
#pragma omp parallel for num_threads(team) schedule(static)
    for (int row = 0; row < a->rows; row += step)
        lrp_block(a, (size_t)row, min_int(step, a->rows - row),
                  wr(a->scratch) + (size_t)row * each);
}

void CPU_VEC(linear_lrp_ops)(struct ops *op)
{
    op->linear_lrp = linear_lrp;
}
