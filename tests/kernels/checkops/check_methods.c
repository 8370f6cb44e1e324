/* What further explanation methods need: pixels and patches, the gamma rule, influence. */
#include "checkops.h"

enum { MAX_IMAGES = 80 }; /* more than travel with one launch on a GPU */

struct image_shape {
    int n, side, patch, stride;
};

/* Overlapping patches; patches that leave the last pixels out. */
static const struct image_shape image_shapes[] = {
    { 1, 3, 3, 3 },    { 3, 20, 5, 5 }, { 4, 33, 8, 4 }, { 2, 64, 16, 16 },
    { 1, 70, 16, 16 }, { 1, 29, 9, 4 }, { 70, 4, 2, 1 },
};
static const struct image_shape bench_image = { 8, 224, 16, 16 };

static int grid_of(const struct image_shape *s)
{
    return (s->side - s->patch) / s->stride + 1;
}

static size_t patch_values(const struct image_shape *s)
{
    return (size_t)(s->n * grid_of(s) * grid_of(s)) * 3 * (size_t)(s->patch * s->patch);
}

static void check_one_fold(struct check *c, const struct image_shape *s)
{
    CASE(c, "n %d side %d patch %d stride %d", s->n, s->side, s->patch, s->stride);
    struct pair *patches = uniform(c, patch_values(s), -1, 1);
    struct pair *out = output(c, 3 * (size_t)(s->n * s->side * s->side));
    RUN(c, fold, .n = s->n, .side = s->side, .patch = s->patch, .stride = s->stride,
        .grid = grid_of(s), .patches = at(c, patches), .out = at(c, out));
    compare(c, "pixels", out, 8); /* at most nine terms */
}

static void check_images(struct check *c, void (*check)(struct check *, const struct image_shape *))
{
    if (c->bench) {
        check(c, &bench_image);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(image_shapes); i++)
        check(c, &image_shapes[i]);
}

void check_fold(struct check *c)
{
    check_images(c, check_one_fold);
}

static void check_one_noise(struct check *c, const struct image_shape *s)
{
    CASE(c, "n %d side %d patch %d stride %d", s->n, s->side, s->patch, s->stride);
    uint64_t stream[MAX_IMAGES];
    double sigma[MAX_IMAGES];
    for (int i = 0; i < s->n; i++) {
        stream[i] = (uint64_t)draw(c, 0, 1e18);
        sigma[i] = i == 1 ? 0 : draw(c, 0.1, 2);
    }
    struct pair *patches = uniform(c, patch_values(s), -1, 1);
    RUN(c, noise, .n = s->n, .side = s->side, .patch = s->patch, .stride = s->stride,
        .grid = grid_of(s), .stream = stream, .sigma = sigma, .patches = at(c, patches));
    compare(c, "patches", patches,
            2); /* one rounded sum; in double a logarithm and a cosine more */
}

void check_noise(struct check *c)
{
    check_images(c, check_one_noise);
}

static void check_one_mix(struct check *c, int n, size_t count, int operands, bool accumulate)
{
    CASE(c, "n %d count %zu operands %d%s", n, count, operands, accumulate ? " accumulate" : "");
    double wx[MAX_IMAGES], wy[MAX_IMAGES];
    size_t all = (size_t)n * count;
    for (int i = 0; i < n; i++) {
        wx[i] = draw(c, -2, 2);
        wy[i] = draw(c, -2, 2);
    }
    struct pair *x = uniform(c, all, -1, 1), *y = operands > 1 ? uniform(c, all, -1, 1) : NULL;
    struct pair *out = accumulate ? uniform(c, all, -1, 1) : operands == 3 ? y : output(c, all);
    RUN(c, mix, .n = n, .count = count, .x = at(c, x), .y = at(c, y), .wx = wx,
        .wy = operands > 1 ? wy : NULL, .accumulate = accumulate, .out = at(c, out));
    compare(c, "out", out, 4); /* two products, two sums; the weights rounded */
}

void check_mix(struct check *c)
{
    static const size_t counts[] = { 1, 5, 197, 8193 };
    if (c->bench) {
        check_one_mix(c, 8, 197 * 384, 2, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (int operands = 1; operands <= 3; operands++)
            for (int accumulate = 0; accumulate < 2; accumulate++)
                check_one_mix(c, i == 1 ? MAX_IMAGES : 3, counts[i], operands, accumulate);
}

/* ---- the gamma rule ---- */

static void check_one_split(struct check *c, int rows, int cols, double gamma, bool in_place)
{
    CASE(c, "rows %d cols %d gamma %g%s", rows, cols, gamma, in_place ? " in place" : "");
    size_t count = (size_t)rows * (size_t)cols;
    /* t = |x| |W|ᵀ is at least |y - b|: then |d| >= |y|, and nothing cancels */
    struct pair *y = uniform(c, count, -1, 1), *t = uniform(c, count, 2, 4);
    struct pair *g = uniform(c, count, -1, 1), *b = uniform(c, (size_t)cols, -1, 1);
    struct pair *s = in_place ? t : output(c, count), *s_abs = in_place ? g : output(c, count);
    RUN(c, gamma_split, .rows = rows, .cols = cols, .gamma = gamma, .y = at(c, y), .t = at(c, t),
        .g = at(c, g), .b = at(c, b), .s = at(c, s), .s_abs = at(c, s_abs));
    compare(c, "s", s, 8); /* six rounded operations on terms of one sign */
    compare(c, "s abs", s_abs, 8);
}

void check_gamma_split(struct check *c)
{
    static const int shapes[][2] = { { 1, 1 }, { 3, 5 }, { 17, 48 }, { 5, 193 }, { 197, 64 } };
    if (c->bench) {
        check_one_split(c, 16 * 197, 1536, 0.05, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int k = 0; k < 4; k++)
            check_one_split(c, shapes[i][0], shapes[i][1], k < 2 ? 0.05 : 100, k % 2);
}

static void check_one_join(struct check *c, size_t count, double gamma, bool in_place)
{
    CASE(c, "count %zu gamma %g%s", count, gamma, in_place ? " in place" : "");
    struct pair *x = uniform(c, count, -1, 1);
    struct pair *a = uniform(c, count, -1, 1), *b = uniform(c, count, -1, 1);
    struct pair *gx = in_place ? a : output(c, count);
    RUN(c, gamma_join, .count = count, .gamma = gamma, .x = at(c, x), .a = at(c, a), .b = at(c, b),
        .gx = at(c, gx));
    compare(c, "gx", gx, 4);
}

void check_gamma_join(struct check *c)
{
    static const size_t counts[] = { 1, 17, 193, 8200 };
    if (c->bench) {
        check_one_join(c, (size_t)16 * 197 * 1536, 0.05, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (int k = 0; k < 2; k++)
            check_one_join(c, counts[i], k == 0 ? 0.05 : 0.25, k);
}

/* ---- influence ---- */

struct scan_shape {
    int n, len, chan, state, rank;
};

static void check_one_influence(struct check *c, const struct scan_shape *s, bool gramian)
{
    CASE(c, "n %d L %d E %d N %d R %d%s", s->n, s->len, s->chan, s->state, s->rank,
         gramian ? " gramian" : "");
    size_t tokens = (size_t)(s->n * s->len);
    struct pair *delta[2], *xdbl[2], *a[2];
    for (int i = 0; i < 2; i++) {
        delta[i] = uniform(c, tokens * (size_t)s->chan, 1e-4, 0.3);
        xdbl[i] = uniform(c, tokens * (size_t)(s->rank + 2 * s->state), -1, 1);
        a[i] = uniform(c, (size_t)s->state * (size_t)s->chan, -4, -0.02);
    }
    struct pair *out = output(c, tokens);
    RUN(c, scan_influence, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state,
        .rank = s->rank,
        .dir = { { at(c, delta[0]), at(c, xdbl[0]), at(c, a[0]) },
                 { at(c, delta[1]), at(c, xdbl[1]), at(c, a[1]) } },
        .gramian = gramian, .out = at(c, out));
    compare(c, "out", out,
            64); /* up to L decays multiply, as for hidden attention; no term cancels */
}

void check_scan_influence(struct check *c)
{
    static const struct scan_shape shapes[] = { { 1, 1, 1, 1, 1 },     { 2, 2, 5, 5, 1 },
                                                { 1, 17, 16, 16, 3 },  { 2, 26, 33, 8, 5 },
                                                { 1, 197, 70, 16, 3 }, { 1, 9, 20, 40, 2 } };
    if (c->bench) {
        check_one_influence(c, &(struct scan_shape){ 8, 197, 768, 16, 24 }, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int gramian = 0; gramian < 2; gramian++)
            check_one_influence(c, &shapes[i], gramian);
}
