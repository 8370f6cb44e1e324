/* Attention, its backward pieces, and LRP. */
#include <math.h>
#include <stdlib.h>

#include "checkops.h"

struct shape {
    int n, len, heads, dim;
};

static const struct shape shapes[] = { { 1, 1, 1, 1 },   { 2, 2, 3, 5 },    { 1, 17, 2, 16 },
                                       { 2, 26, 3, 24 }, { 1, 197, 1, 64 }, { 1, 50, 2, 33 } };
static const struct shape bench_shape = { 8, 197, 6, 64 };

static void check_one_attention(struct check *c, const struct shape *s, bool with_probs)
{
    CASE(c, "n %d L %d heads %d dim %d%s", s->n, s->len, s->heads, s->dim,
         with_probs ? " probs" : "");
    size_t tokens = (size_t)(s->n * s->len), width = (size_t)(s->heads * s->dim);
    struct pair *qkv = uniform(c, tokens * 3 * width, -2, 2), *out = output(c, tokens * width);
    struct pair *probs = with_probs ? output(c, tokens * (size_t)s->heads * (size_t)s->len) : NULL;
    c->flops = 4.0 * s->n * s->heads * s->len * s->len * s->dim;
    RUN(c, attention, .n = s->n, .len = s->len, .heads = s->heads, .dim = s->dim, .qkv = at(c, qkv),
        .scale = 0.3, .out = at(c, out), .probs = at(c, probs));
    /* Scores of up to about 15 here: their rounding, times their size, is the relative error of
     * the exponentials. */
    compare_product(c, "out", out, 48);
    if (with_probs)
        compare_product(c, "probs", probs, 48);
}

void check_attention(struct check *c)
{
    if (c->bench) {
        check_one_attention(c, &bench_shape, false);
        check_one_attention(c, &bench_shape, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int probs = 0; probs < 2; probs++)
            check_one_attention(c, &shapes[i], probs);
}

static void check_one_softmax_back(struct check *c, int rows, int cols, bool in_place)
{
    CASE(c, "rows %d cols %d%s", rows, cols, in_place ? " in place" : "");
    size_t count = (size_t)rows * (size_t)cols;
    struct pair *p = uniform(c, count, 0, 2.0 / cols), *gp = uniform(c, count, -1, 1);
    struct pair *gs = in_place ? gp : output(c, count);
    RUN(c, softmax_back, .rows = (size_t)rows, .cols = cols, .p = at(c, p), .gp = at(c, gp),
        .scale = 0.3, .gs = at(c, gs));
    compare(c, "gs", gs, 16); /* one sum over the row, a difference, two products */
}

void check_softmax_back(struct check *c)
{
    static const int sizes[][2] = { { 1, 1 }, { 2, 5 }, { 17, 26 }, { 3, 197 }, { 197, 17 } };
    if (c->bench) {
        check_one_softmax_back(c, 8 * 6 * 197, 197, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int in_place = 0; in_place < 2; in_place++)
            check_one_softmax_back(c, sizes[i][0], sizes[i][1], in_place);
}

static void check_one_head_mean(struct check *c, const struct shape *s, bool with_b)
{
    CASE(c, "n %d heads %d L %d%s", s->n, s->heads, s->len, with_b ? " b" : "");
    size_t square = (size_t)s->len * (size_t)s->len, heads = (size_t)s->heads;
    struct pair *a = uniform(c, (size_t)s->n * heads * square, -1, 1);
    struct pair *b = with_b ? uniform(c, (size_t)s->n * heads * square, -1, 1) : NULL;
    struct pair *out = output(c, (size_t)s->n * square);
    RUN(c, head_mean, .n = s->n, .heads = s->heads, .len = s->len, .a = at(c, a), .b = at(c, b),
        .out = at(c, out));
    compare(c, "out", out, 8); /* one rounding a head */
}

void check_head_mean(struct check *c)
{
    if (c->bench) {
        check_one_head_mean(c, &bench_shape, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int with_b = 0; with_b < 2; with_b++)
            check_one_head_mean(c, &shapes[i], with_b);
}

/* zeros: every fifth row of K sums to -1, exactly, and the first image has none. */
static void check_one_rollout(struct check *c, int n, int len, bool row_norm, bool zeros)
{
    CASE(c, "n %d L %d%s%s", n, len, row_norm ? " row norm" : "", zeros ? " zeros" : "");
    size_t rows = (size_t)(n * len), side = (size_t)len;
    float *k = calloc(rows * side, sizeof *k);
    double *v = calloc(rows, sizeof *v);
    uint8_t *marks = calloc((size_t)n, 1);
    if (k == NULL || v == NULL || marks == NULL)
        abort();
    for (size_t i = 0; i < rows * side; i++)
        k[i] = (float)draw(c, -0.2, 1);
    for (size_t row = zeros ? side : rows; row < rows; row += 5)
        for (size_t j = 0; j < side; j++)
            k[row * side + j] = j == row % side ? -1 : 0;
    for (size_t i = 0; i < rows; i++)
        v[i] = draw(c, 0, 1);
    marks[n - 1] = 1; /* stays */
    struct pair *maps = from_floats(c, k, rows * side);
    struct pair *rolled = from_bytes(c, ELEMENT_DOUBLE, v, rows);
    struct pair *zero = from_bytes(c, ELEMENT_BYTE, marks, (size_t)n);
    RUN(c, rollout, .n = n, .len = len, .k = at(c, maps), .row_norm = row_norm, .v = raw(c, rolled),
        .zero = raw(c, zero));
    compare(c, "v", rolled, 8.0 + 4 * len); /* sums over rows and columns, in any order */
    compare_exact(c, "zero", zero);
    free(k);
    free(v);
    free(marks);
}

void check_rollout(struct check *c)
{
    static const int sizes[] = { 1, 2, 17, 31, 64, 197 };
    if (c->bench) {
        check_one_rollout(c, 8, 197, true, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int norm = 0; norm < 2; norm++)
            for (int n = 1; n < 4; n++)
                check_one_rollout(c, n, sizes[i], norm, n == 3);
}

/* Operands of like sign, so that neither a + b nor their sums cancel: what is left is rounding. */
static void lrp_operands(struct check *c, size_t count, struct pair **a, struct pair **b)
{
    float *x = calloc(2 * count, sizeof *x), *y = x + count;
    if (x == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        double sign = draw(c, 0, 1) < 0.3 ? -1 : 1;
        x[i] = (float)(sign * draw(c, 0.2, 2));
        y[i] = (float)(sign * draw(c, 0.2, 2));
        if (i % 11 == 10) /* S(R, 0) = 0 */
            x[i] = y[i] = 0;
    }
    *a = from_floats(c, x, count);
    *b = from_floats(c, y, count);
    free(x);
}

struct lrp_case {
    int in_place; /* 1: ra is r, 2: rb is r */
    double sign;  /* of all of R: the shares keep its sum's */
    bool single;  /* R and its shares are float */
};

static struct pair *lrp_array(struct check *c, const struct lrp_case *k, size_t count, double high)
{
    float *host = calloc(count, sizeof *host);
    if (host == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        host[i] = isnan(high) ? NAN : (float)draw(c, 0, high);
    struct pair *p =
        k->single ? from_bytes(c, ELEMENT_FLOAT, host, count) : from_floats(c, host, count);
    free(host);
    return p;
}

static void check_one_lrp(struct check *c, int n, size_t count, const struct lrp_case *k)
{
    CASE(c, "n %d count %zu in place %d R %g%s", n, count, k->in_place, k->sign,
         k->single ? " of float" : "");
    const size_t all = (size_t)n * count;
    struct pair *a, *b, *r = lrp_array(c, k, all, k->sign);
    lrp_operands(c, all, &a, &b);
    struct pair *ra = k->in_place == 1 ? r : lrp_array(c, k, all, NAN);
    struct pair *rb = k->in_place == 2 ? r : lrp_array(c, k, all, NAN);
    RUN(c, lrp_add, .n = n, .count = count, .a = at(c, a), .b = at(c, b), .r = at(c, r),
        .ra = at(c, ra), .rb = at(c, rb), .single = k->single);
    /* three sums over the tensor; of double sums, what rounding to float leaves */
    double factor = k->single && c->be[OWN]->real_size > sizeof(float) ? 0x1p-23 / c->eps : 64;
    compare(c, "ra", ra, factor);
    compare(c, "rb", rb, factor);
}

void check_lrp_add(struct check *c)
{
    static const size_t counts[] = { 1, 5, 17 * 48, 197 * 33 };
    if (c->bench) {
        for (int single = 0; single < 2; single++)
            check_one_lrp(c, 8, (size_t)197 * 384, &(struct lrp_case){ 0, 1, single });
        return;
    }
    for (size_t i = 0; i < COUNT_OF(counts) * 3; i++)
        for (int n = 1; n < 4; n++)
            for (int single = 0; single < 2; single++) {
                const struct lrp_case k = { (int)i % 3, n == 2 ? -1 : 1, single };
                check_one_lrp(c, n, counts[i / 3], &k);
            }
    /* R = 0 throughout: all sums are 0 and nothing is divided by them */
    check_one_lrp(c, 1, 17, &(struct lrp_case){ 0 });
}

static const size_t lrp_counts[] = { 1, 5, 17 * 48, 197 * 97 };

/* x away from -1e-9, where the sum with 1e-9 has no digits left; every 7th is 0, and the result. */
static void check_one_join(struct check *c, size_t count, int in_place)
{
    CASE(c, "count %zu in place %d", count, in_place);
    float *host = calloc(count, sizeof *host);
    if (host == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        host[i] = i % 7 == 6 ? 0 : (float)((draw(c, 0, 1) < 0.5 ? -1 : 1) * draw(c, 1e-3, 2));
    struct pair *x = from_floats(c, host, count), *r1 = uniform(c, count, -1, 1);
    struct pair *r2 = uniform(c, count, -1, 1), *places[] = { NULL, x, r1, r2 };
    struct pair *r = in_place ? places[in_place] : output(c, count);
    free(host);
    RUN(c, lrp_join, .count = count, .x = at(c, x), .r1 = at(c, r1), .r2 = at(c, r2),
        .r = at(c, r));
    compare(c, "r", r, 8); /* two quotients, a sum that may cancel, a product */
}

void check_lrp_join(struct check *c)
{
    if (c->bench) {
        check_one_join(c, (size_t)8 * 197 * 384, 3);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(lrp_counts); i++)
        for (int in_place = 0; in_place < 4; in_place++)
            check_one_join(c, lrp_counts[i], in_place);
}
