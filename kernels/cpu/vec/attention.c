/* Softmax attention (SPEC 2.3), a few queries of one head at a time: their scores against all keys
 * stay in the nearest cache, and the L×L matrix is written only where it is asked for. Where FOLD
 * is 2, q, k, v and the shares that the softmax gives are bf16; sums and the softmax stay in float.
 */
#include <math.h>

#include "tile.h"
#include "transpose.h"
#include "vmath.h"

struct head {
    int len, dim;
    int key_vecs, dim_vecs;
    size_t keys, dims; /* elements of a padded row */
    factor *kt;        /* [dim / FOLD, keys, FOLD]: Kᵀ, padded with zeros */
    factor *v;         /* [len / FOLD, dims, FOLD] */
    scalar *score;     /* [TILE_ROWS, keys] */
    factor *share;     /* [TILE_ROWS, keys]: e^(score - the largest); in score where FOLD is 1 */
    scalar *sum;       /* [TILE_ROWS, dims]: unnormalised output */
};

static int steps_of(int count)
{
    return (count + FOLD - 1) / FOLD;
}

/* Returns how many scalars of memory it takes; each holds FOLD factors. */
static size_t layout(struct head *h, const struct attention_args *a, scalar *memory)
{
    h->len = a->len;
    h->dim = a->dim;
    h->key_vecs = blocks_of(a->len);
    h->dim_vecs = blocks_of(a->dim);
    h->keys = (size_t)h->key_vecs * VN;
    h->dims = (size_t)h->dim_vecs * VN;
    size_t v = (size_t)steps_of(a->dim) * h->keys, score = v + (size_t)steps_of(a->len) * h->dims;
    size_t sum = score + TILE_ROWS * h->keys, share = sum + TILE_ROWS * h->dims;
    if (memory) {
        h->kt = (factor *)memory;
        h->v = (factor *)(memory + v);
        h->score = memory + score;
        h->sum = memory + sum;
        h->share = FOLD == 1 ? (factor *)h->score : (factor *)(memory + share);
    }
    return share + (FOLD == 1 ? 0 : TILE_ROWS * h->keys / FOLD);
}

/* k: of the first token, `step` elements before the next one's. */
static void pack_keys(struct head *h, const factor *k, size_t step)
{
    int lanes_each = steps_of(h->dim);
    scalar *kt = (scalar *)(void *)h->kt;
    for (int j = 0; j < h->len; j += VN)
        for (int c = 0; c < lanes_each; c += VN) {
            vec square[VN];
            int n = min_int(VN, lanes_each - c);
            for (int i = 0; i < VN; i++)
                square[i] =
                    j + i < h->len ? load_lanes(k + (size_t)(j + i) * step, c, h->dim) : v_set(0);
            v_transpose(square);
            for (int i = 0; i < n; i++)
                v_store(kt + (size_t)(c + i) * h->keys + (size_t)j, square[i]);
        }
}

static void pack_values(struct head *h, const factor *v, size_t step)
{
    scalar *to = (scalar *)(void *)h->v;
    for (int j = 0; j < h->len; j += FOLD, v += FOLD * step)
        for (int c = 0; c < h->dim; c += VN, to += VN)
            v_store(to, fold_rows(v + c, j + 1 < h->len ? v + step + c : NULL,
                                  min_int(VN, h->dim - c)));
}

/* e^x for x <= 0, as exact as a factor is: to bf16 2^f, |f| <= 1/2, takes a degree-3 polynomial
 * (fitted for the least relative error, 7.5e-5). */
INLINE vec exp_factor(vec x)
{
#ifdef __AVX512BF16__
    vec y = v_max(x * (scalar)LOG2E, v_set(EXP2_LOW)), n = v_round(y), f = y - n;
    vec p = v_fma(f, v_set(0.0551716688F), v_set(0.242611133F));
    p = v_fma(f, v_fma(f, p, v_set(0.693260986F)), v_set(0.999928073F));
    return v_scale2(p, n);
#else
    return v_exp(x);
#endif
}

static scalar largest(const struct head *h, scalar *s)
{
    for (size_t j = (size_t)h->len; j < h->keys; j++)
        s[j] = s[h->len - 1];
    vec top = v_set((scalar)-INFINITY);
    for (int j = 0; j < h->len; j += VN)
        top = v_max(top, v_load(s + j));
    return v_top(top);
}

/* e^(scale (s - most)) over a row of scores; returns 1 / their sum. scale > 0. */
static scalar soften(const struct head *h, const scalar *s, factor *share, scalar scale,
                     scalar most)
{
    vec sum = v_set(0);
    for (int j = 0; j < h->len; j += VN) {
        vec e = exp_factor((v_load(s + j) - most) * scale);
        if (h->len - j < VN)
            e = v_select(first_lanes(h->len - j), e, v_set(0));
        store_factors(share + j, e, VN);
        sum += e;
    }
    return 1 / v_sum(sum);
}

static void store_head(const struct head *h, const scalar *sum, scalar inv, factor *out)
{
    for (int c = 0; c < h->dim; c += VN)
        store_factors(out + c, v_load(sum + c) * inv, min_int(VN, h->dim - c));
}

static void store_probs(const struct head *h, const scalar *e, scalar inv, scalar *probs)
{
    for (int j = 0; j < h->len; j += VN)
        v_store_part(probs + j, v_load(e + j) * inv, min_int(VN, h->len - j));
}

/* TILE_ROWS queries from `first` on, or as many as there are. */
static void queries(const struct attention_args *a, struct head *h, const factor *q, size_t width,
                    int first, factor *out, scalar *probs)
{
    int count = min_int(TILE_ROWS, h->len - first);
    scalar most[TILE_ROWS], inv[TILE_ROWS];
    tile_rows(q + (size_t)first * 3 * width, 3 * width, h->kt, h->keys * FOLD, steps_of(h->dim),
              h->score, h->keys, count, h->key_vecs);
    /* the maxima of all rows first, so that no row waits for its own */
    for (int r = 0; r < count; r++)
        most[r] = largest(h, h->score + (size_t)r * h->keys);
    for (int r = 0; r < count; r++) {
        size_t at = (size_t)r * h->keys;
        inv[r] = soften(h, h->score + at, h->share + at, (scalar)a->scale, most[r]);
    }
    tile_rows(h->share, h->keys, h->v, h->dims * FOLD, steps_of(h->len), h->sum, h->dims, count,
              h->dim_vecs);
    for (int r = 0; r < count; r++) {
        size_t row = (size_t)(first + r);
        store_head(h, h->sum + (size_t)r * h->dims, inv[r], out + row * width);
        if (probs)
            store_probs(h, h->score + (size_t)r * h->keys, inv[r], probs + row * (size_t)h->len);
    }
}

static void attention(struct backend *be, const struct attention_args *a)
{
    size_t dim = (size_t)a->dim, len = (size_t)a->len, width = (size_t)a->heads * dim;
    int items = a->n * a->heads;
    if (FOLD == 2 && !a->narrow) {
        cpu_of(be)->wide_attention(be, a);
        return;
    }
#pragma omp parallel for num_threads(cpu_team(be)) schedule(dynamic)
    for (int item = 0; item < items; item++) {
        struct head h;
        scalar *memory = cpu_scratch(be, layout(&h, a, NULL) * sizeof(scalar));
        if (!memory)
            continue;
        layout(&h, a, memory);
        size_t image = (size_t)(item / a->heads), head = (size_t)(item % a->heads);
        const factor *q =
            (const factor *)(const void *)a->qkv + image * len * 3 * width + head * dim;
        factor *out = (factor *)(void *)a->out + image * len * width + head * dim;
        scalar *probs = a->probs ? wr(a->probs) + (size_t)item * len * len : NULL;
        pack_keys(&h, q + width, 3 * width);
        pack_values(&h, q + 2 * width, 3 * width);
        for (int first = 0; first < a->len; first += TILE_ROWS)
            queries(a, &h, q, width, first, out, probs);
    }
}

/* gs = scale p (gp - Σ gp p) */
static void softmax_back_row(const struct softmax_back_args *a, size_t row)
{
    size_t at = row * (size_t)a->cols;
    const scalar *p = rd(a->p) + at, *gp = rd(a->gp) + at;
    scalar *gs = wr(a->gs) + at, scale = (scalar)a->scale;
    vec dot = v_set(0);
    for (int j = 0; j < a->cols; j += VN) {
        int n = min_int(VN, a->cols - j);
        dot = v_fma(v_load_part(p + j, n), v_load_part(gp + j, n), dot);
    }
    scalar mean = v_sum(dot);
    for (int j = 0; j < a->cols; j += VN) {
        int n = min_int(VN, a->cols - j);
        vec g = v_load_part(gp + j, n) - mean;
        v_store_part(gs + j, v_load_part(p + j, n) * g * scale, n);
    }
}

static void softmax_back(struct backend *be, const struct softmax_back_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t row = 0; row < a->rows; row++)
        softmax_back_row(a, row);
}

void CPU_VEC(attention_ops)(struct ops *op)
{
    op->attention = attention;
    op->softmax_back = softmax_back;
}
