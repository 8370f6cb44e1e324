/* Softmax attention (SPEC 2.3), a few queries of one head at a time: their scores against all keys
 * stay in the nearest cache, and the L×L matrix is written only where it is asked for. */
#include <math.h>

#include "tile.h"
#include "vmath.h"

struct head {
    int len, dim;
    int key_vecs, dim_vecs;
    size_t keys, dims; /* elements of a padded row */
    scalar *kt;        /* [dim, keys]: Kᵀ, padded with zeros */
    scalar *v;         /* [len, dims] */
    scalar *score;     /* [TILE_ROWS, keys] */
    scalar *sum;       /* [TILE_ROWS, dims]: unnormalised output */
};

static size_t layout(struct head *h, const struct attention_args *a, scalar *memory)
{
    h->len = a->len;
    h->dim = a->dim;
    h->key_vecs = blocks_of(a->len);
    h->dim_vecs = blocks_of(a->dim);
    h->keys = (size_t)h->key_vecs * VN;
    h->dims = (size_t)h->dim_vecs * VN;
    size_t at = 0;
    h->kt = memory;
    at += (size_t)a->dim * h->keys;
    h->v = memory ? memory + at : NULL;
    at += (size_t)a->len * h->dims;
    h->score = memory ? memory + at : NULL;
    at += TILE_ROWS * h->keys;
    h->sum = memory ? memory + at : NULL;
    return at + TILE_ROWS * h->dims;
}

/* qkv of one image at the head's first column; token rows are 3 width apart. */
static void pack(struct head *h, const scalar *qkv, size_t width)
{
    memset(h->kt, 0, (size_t)h->dim * h->keys * sizeof(scalar));
    for (int j = 0; j < h->len; j++) {
        const scalar *k = qkv + (size_t)j * 3 * width + width, *v = k + width;
        for (int c = 0; c < h->dim; c++)
            h->kt[(size_t)c * h->keys + (size_t)j] = k[c];
        scalar *to = h->v + (size_t)j * h->dims;
        memcpy(to, v, (size_t)h->dim * sizeof(scalar));
        for (size_t c = (size_t)h->dim; c < h->dims; c++)
            to[c] = 0;
    }
}

/* e^{scale s - max} over a row of scores, in place; returns 1 / their sum. */
static scalar soften(const struct head *h, scalar *s, scalar scale)
{
    for (size_t j = (size_t)h->len; j < h->keys; j++)
        s[j] = s[h->len - 1]; /* no new maximum */
    vec top = v_set((scalar)-INFINITY), sum = v_set(0);
    for (int j = 0; j < h->len; j += VN) {
        vec x = v_load(s + j) * scale;
        v_store(s + j, x);
        top = v_max(top, x);
    }
    scalar most = v_top(top);
    for (int j = 0; j < h->len; j += VN) {
        int n = min_int(VN, h->len - j);
        vec e = v_exp(v_load(s + j) - most);
        v_store_part(s + j, e, n);
        sum += n == VN ? e : v_load_part(s + j, n);
    }
    return 1 / v_sum(sum);
}

/* TILE_ROWS queries from `first` on; those past the end repeat the last and are not stored. */
static void queries(const struct attention_args *a, struct head *h, const scalar *q, size_t width,
                    int first, scalar *out, scalar *probs)
{
    const scalar *rows[TILE_ROWS];
    scalar inv[TILE_ROWS];
    int count = min_int(TILE_ROWS, h->len - first);
    for (int r = 0; r < TILE_ROWS; r++)
        rows[r] = q + (size_t)(first + min_int(r, count - 1)) * 3 * width;
    tile_rows(rows, h->kt, h->keys, h->dim, h->score, h->keys, h->key_vecs);
    for (int r = 0; r < TILE_ROWS; r++) {
        rows[r] = h->score + (size_t)r * h->keys;
        if (r < count)
            inv[r] = soften(h, h->score + (size_t)r * h->keys, (scalar)a->scale);
    }
    tile_rows(rows, h->v, h->dims, h->len, h->sum, h->dims, h->dim_vecs);
    for (int r = 0; r < count; r++) {
        const scalar *sum = h->sum + (size_t)r * h->dims;
        scalar *o = out + (size_t)(first + r) * width;
        for (int c = 0; c < h->dim; c++)
            o[c] = sum[c] * inv[r];
        for (int j = 0; probs && j < h->len; j++)
            probs[(size_t)(first + r) * (size_t)h->len + (size_t)j] = rows[r][j] * inv[r];
    }
}

static void attention(struct backend *be, const struct attention_args *a)
{
    size_t dim = (size_t)a->dim, len = (size_t)a->len, width = (size_t)a->heads * dim;
    int items = a->n * a->heads;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) {
        struct head h;
        scalar *memory = cpu_scratch(be, layout(&h, a, NULL) * sizeof(scalar));
        if (!memory)
            continue;
        layout(&h, a, memory);
        size_t image = (size_t)(item / a->heads), head = (size_t)(item % a->heads);
        const scalar *qkv = rd(a->qkv) + image * len * 3 * width + head * dim;
        scalar *out = wr(a->out) + image * len * width + head * dim;
        scalar *probs = a->probs ? wr(a->probs) + (size_t)item * len * len : NULL;
        pack(&h, qkv, width);
        for (int first = 0; first < a->len; first += TILE_ROWS)
            queries(a, &h, qkv, width, first, out, probs);
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
