/* linear, linear_back, linear_lrp, matmul. */
#include <math.h>
#include <stdlib.h>

#include "checkops.h"

struct shape {
    int rows, in, out, pad;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 0 },      { 2, 17, 5, 3 },   { 3, 5, 1, 0 },
    { 17, 33, 16, 0 },   { 26, 48, 33, 5 }, { 197, 64, 47, 1 },
    { 26, 300, 130, 0 }, { 70, 31, 31, 0 }, { 530, 256, 257, 3 },
};
static const struct shape bench_shapes[] = {
    { 16 * 197, 384, 1152, 0 }, /* DeiT-S qkv */
    { 16 * 197, 384, 1536, 0 }, /* DeiT-S fc1, Vim-S in_proj */
    { 16 * 197, 1536, 384, 0 }, /* DeiT-S fc2 */
    { 16 * 197, 768, 56, 0 },   /* Vim-S x_proj */
};

/* Sums of k products, in any order and blocking, drift by about sqrt(k) rounding units of a term;
 * the constant covers epilogues, and cases with so few results that all of them may be small. */
static double tolerance(int k)
{
    return 12 + 2 * sqrt(k);
}

static void check_one_linear(struct check *c, const struct shape *s, unsigned flags)
{
    bool with_bias = flags & 1, gelu = flags & 2, accumulate = flags & 4;
    CASE(c, "rows %d in %d out %d%s%s%s", s->rows, s->in, s->out, with_bias ? " bias" : "",
         gelu ? " gelu" : "", accumulate ? " accumulate" : "");
    size_t ldx = (size_t)(s->in + s->pad), ldy = (size_t)(s->out + s->pad);
    struct pair *w = weight(c, s->out, s->in, WEIGHT_FORWARD);
    struct pair *x = uniform(c, (size_t)s->rows * ldx, -1, 1);
    struct pair *bias = with_bias ? uniform(c, (size_t)s->out, -1, 1) : NULL;
    struct pair *y =
        accumulate ? uniform(c, (size_t)s->rows * ldy, -1, 1) : output(c, (size_t)s->rows * ldy);
    c->flops = 2.0 * s->rows * s->in * s->out;
    RUN(c, linear, .rows = s->rows, .w = weight_of(c, w), .x = at(c, x), .ldx = ldx,
        .bias = at(c, bias), .act = gelu ? ACT_GELU : ACT_NONE, .accumulate = accumulate,
        .y = at(c, y), .ldy = ldy);
    compare_product(c, "y", y, tolerance(s->in));
}

void check_linear(struct check *c)
{
    if (c->bench) {
        for (size_t i = 0; i < COUNT_OF(bench_shapes); i++)
            check_one_linear(c, &bench_shapes[i], i == 1 ? 3 : 1);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (unsigned flags = 0; flags < 8; flags++)
            check_one_linear(c, &shapes[i], flags);
}

static void check_one_back(struct check *c, const struct shape *s, bool accumulate)
{
    CASE(c, "rows %d in %d out %d%s", s->rows, s->in, s->out, accumulate ? " accumulate" : "");
    size_t ldgx = (size_t)(s->in + s->pad), ldgy = (size_t)(s->out + s->pad);
    struct pair *w = weight(c, s->out, s->in, WEIGHT_BACK);
    struct pair *gy = uniform(c, (size_t)s->rows * ldgy, -1, 1);
    struct pair *gx =
        accumulate ? uniform(c, (size_t)s->rows * ldgx, -1, 1) : output(c, (size_t)s->rows * ldgx);
    c->flops = 2.0 * s->rows * s->in * s->out;
    RUN(c, linear_back, .rows = s->rows, .w = weight_of(c, w), .gy = at(c, gy), .ldgy = ldgy,
        .accumulate = accumulate, .gx = at(c, gx), .ldgx = ldgx);
    compare_product(c, "gx", gx, tolerance(s->out));
}

void check_linear_back(struct check *c)
{
    if (c->bench) {
        for (size_t i = 0; i < COUNT_OF(bench_shapes); i++)
            check_one_back(c, &bench_shapes[i], false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int accumulate = 0; accumulate < 2; accumulate++)
            check_one_back(c, &shapes[i], accumulate);
}

/* The first column's x and W are large, of one sign: so Z, which is taken from a difference, is not
 * all rounding. Every 7th of the other x is 0. */
static void check_one_lrp(struct check *c, const struct shape *s, bool in_place)
{
    CASE(c, "rows %d in %d out %d%s", s->rows, s->in, s->out, in_place ? " in place" : "");
    size_t in = (size_t)s->in, out = (size_t)s->out, rows = (size_t)s->rows;
    float *hx = malloc(rows * in * sizeof *hx), *hw = malloc(out * in * sizeof *hw);
    if (hx == NULL || hw == NULL)
        abort();
    for (size_t i = 0; i < rows * in; i++)
        hx[i] = i % in == 0 ? -2 : i % 7 == 6 ? 0 : (float)draw(c, -1, 1);
    for (size_t i = 0; i < out * in; i++)
        hw[i] = i % in == 0 ? (float)draw(c, -2, -1) : (float)draw(c, -1, 1);
    struct pair *x = from_floats(c, hx, rows * in), *r = uniform(c, rows * out, -1, 1);
    struct pair *w = weight_from(c, hw, s->out, s->in, WEIGHT_FORWARD | WEIGHT_LRP);
    free(hx);
    free(hw);
    struct pair *b = uniform(c, out, -1, 1), *y = output(c, rows * out);
    struct pair *rx = in_place ? r : output(c, rows * in), *scratch = output(c, rows * (in + out));
    c->flops = 4.0 * s->rows * s->in * s->out;
    for (c->side = c->bench ? OWN : REF; c->side < SIDES; c->side++)
        c->be[c->side]->op.linear(c->be[c->side], &(struct linear_args){ .rows = s->rows,
                                                                         .w = weight_of(c, w),
                                                                         .x = at(c, x),
                                                                         .ldx = in,
                                                                         .bias = at(c, b),
                                                                         .y = at(c, y),
                                                                         .ldy = out });
    RUN(c, linear_lrp, .rows = s->rows, .w = weight_of(c, w), .x = at(c, x), .y = at(c, y),
        .b = at(c, b), .r = at(c, r), .rx = at(c, rx), .scratch = at(c, scratch));
    compare_product(c, "rx", rx, tolerance(s->in) + tolerance(s->out));
}

void check_linear_lrp(struct check *c)
{
    if (c->bench) {
        for (size_t i = 0; i < COUNT_OF(bench_shapes); i++)
            check_one_lrp(c, &bench_shapes[i], false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int in_place = 0; in_place <= (shapes[i].in == shapes[i].out); in_place++)
            check_one_lrp(c, &shapes[i], in_place);
}

struct product {
    int b0, b1, m, n, k, pad;
};

static const struct product products[] = {
    { 1, 1, 1, 1, 1, 0 },    { 1, 3, 2, 5, 17, 2 },  { 2, 2, 17, 26, 5, 0 },
    { 2, 3, 26, 26, 16, 1 }, { 1, 2, 33, 1, 26, 3 }, { 1, 1, 65, 49, 130, 0 },
};

/* Batches one behind the other, rows padded. */
static void check_one_product(struct check *c, const struct product *p, bool ta, bool tb,
                              double alpha, double beta)
{
    CASE(c, "b %dx%d m %d n %d k %d%s%s alpha %g beta %g", p->b0, p->b1, p->m, p->n, p->k,
         ta ? " ta" : "", tb ? " tb" : "", alpha, beta);
    size_t pad = (size_t)p->pad, m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
    size_t lda = (ta ? m : k) + pad, ldb = (tb ? k : n) + pad, ldc = n + pad;
    size_t a1 = (ta ? k : m) * lda, b1 = (tb ? n : k) * ldb, c1 = m * ldc;
    size_t inner = (size_t)p->b1, all = (size_t)p->b0 * inner;
    struct pair *x = uniform(c, all * a1, -1, 1), *y = uniform(c, all * b1, -1, 1);
    struct pair *z = beta == 0 ? output(c, all * c1) : uniform(c, all * c1, -1, 1);
    c->flops = 2.0 * (double)all * p->m * p->n * p->k;
    RUN(c, matmul, .b0 = p->b0, .b1 = p->b1, .m = p->m, .n = p->n, .k = p->k,
        .a = { at(c, x), lda, inner * a1, a1 }, .b = { at(c, y), ldb, inner * b1, b1 },
        .c = { at(c, z), ldc, inner * c1, c1 }, .ta = ta, .tb = tb, .alpha = alpha, .beta = beta);
    compare_product(c, "c", z, tolerance(p->k));
}

/* The ViT's layout: q kᵀ and p v with heads interleaved in [n, L, 3, H, dim]. */
static void check_heads(struct check *c, int images, int len, int heads, int dim)
{
    CASE(c, "q kT: n %d L %d heads %d dim %d", images, len, heads, dim);
    size_t n = (size_t)images, l = (size_t)len, h = (size_t)heads, d = (size_t)dim;
    struct pair *qkv = uniform(c, n * l * 3 * h * d, -1, 1), *s = output(c, n * h * l * l);
    size_t ld = 3 * h * d;
    c->flops = 2.0 * images * heads * len * len * dim;
    RUN(c, matmul, .b0 = images, .b1 = heads, .m = len, .n = len, .k = dim,
        .a = { at(c, qkv), ld, l * ld, d },
        .b = { be_at(c->be[c->side], at(c, qkv), h * d), ld, l * ld, d },
        .c = { at(c, s), l, h * l * l, l * l }, .tb = true, .alpha = 0.5);
    compare_product(c, "s", s, tolerance(dim));

    CASE(c, "p v: n %d L %d heads %d dim %d", images, len, heads, dim);
    struct pair *p = uniform(c, n * h * l * l, -1, 1), *out = output(c, n * l * h * d);
    qkv = uniform(c, n * l * 3 * h * d, -1, 1);
    c->flops = 2.0 * images * heads * len * len * dim;
    RUN(c, matmul, .b0 = images, .b1 = heads, .m = len, .n = dim, .k = len,
        .a = { at(c, p), l, h * l * l, l * l },
        .b = { be_at(c->be[c->side], at(c, qkv), 2 * h * d), ld, l * ld, d },
        .c = { at(c, out), h * d, l * h * d, d }, .alpha = 1);
    compare_product(c, "out", out, tolerance(len));
}

void check_matmul(struct check *c)
{
    if (c->bench) {
        check_heads(c, 8, 197, 6, 64);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(products); i++)
        for (int flags = 0; flags < 8; flags++)
            check_one_product(c, &products[i], flags & 1, flags & 2, flags & 4 ? -0.5 : 1,
                              flags & 4 ? 0.25 : 0);
    check_one_product(c, &products[1], false, false, 1, 1);
    check_heads(c, 2, 17, 3, 5);
    check_heads(c, 1, 197, 2, 16);
}
