/* Normalisations, elementwise functions, reductions over columns. */
#include <stdlib.h>

#include "checkops.h"

struct shape {
    int rows, width;
};

static const struct shape shapes[] = { { 1, 1 },   { 2, 5 },    { 17, 48 }, { 26, 33 },
                                       { 3, 193 }, { 197, 64 }, { 5, 768 } };
static const struct shape bench_shape = { 16 * 197, 384 };

/* A mean over the row (sqrt(width) units at most, usually 1 or 2), a square root, two products. */
static const double tolerance = 16;

enum residual_use { NO_RESIDUAL, KEEP_APART, KEEP_IN_PLACE, RESIDUALS };

static void check_one_norm(struct check *c, const struct shape *s, bool layer,
                           enum residual_use keep, bool with_h)
{
    CASE(c, "rows %d width %d%s, r %s", s->rows, s->width, with_h ? " +h" : "",
         keep == NO_RESIDUAL  ? "none"
         : keep == KEEP_APART ? "apart"
                              : "in place");
    size_t width = (size_t)s->width, count = (size_t)s->rows * width;
    struct pair *x = uniform(c, count, -2, 3), *h = with_h ? uniform(c, count, -1, 1) : NULL;
    struct pair *w = uniform(c, width, 0.5, 1.5), *b = uniform(c, width, -1, 1);
    struct pair *r = keep == KEEP_IN_PLACE ? x : keep == KEEP_APART ? output(c, count) : NULL;
    struct pair *y = output(c, count);
    if (layer)
        RUN(c, layernorm, .rows = s->rows, .width = s->width, .x = at(c, x), .h = at(c, h),
            .w = at(c, w), .b = at(c, b), .eps = 1e-6, .r = at(c, r), .y = at(c, y));
    else
        RUN(c, rmsnorm, .rows = s->rows, .width = s->width, .x = at(c, x), .h = at(c, h),
            .w = at(c, w), .eps = 1e-5, .r = at(c, r), .y = at(c, y));
    /* layernorm of one column divides a rounding error by sqrt(eps) = 1e-3 */
    compare(c, "y", y, layer && s->width == 1 ? 1e4 : tolerance);
    if (r != NULL)
        compare(c, "r", r, 1); /* one rounded sum */
}

static void check_norm(struct check *c, bool layer)
{
    if (c->bench) {
        check_one_norm(c, &bench_shape, layer, KEEP_APART, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int keep = 0; keep < RESIDUALS; keep++)
            for (int with_h = 0; with_h < 2; with_h++)
                check_one_norm(c, &shapes[i], layer, (enum residual_use)keep, with_h);
}

void check_rmsnorm(struct check *c)
{
    check_norm(c, false);
}

/* Parts of longer rows: of q among q, k and v. What lies between is left as it is. */
static void check_runs(struct check *c, int blocks, int run, int width, size_t jump, bool back)
{
    CASE(c, "%d runs of %d rows of %d, %zu apart%s", blocks, run, width, jump,
         back ? ", gradient in place" : "");
    size_t count = (size_t)blocks * jump;
    const struct row_runs runs = { run, jump };
    struct pair *x = uniform(c, count, -2, 3), *w = uniform(c, (size_t)width, 0.5, 1.5);
    struct pair *b = uniform(c, (size_t)width, -1, 1), *y = uniform(c, count, -1, 1);
    if (back)
        RUN(c, layernorm_back, .rows = blocks * run, .width = width, .at = runs, .x = at(c, x),
            .w = at(c, w), .gy = at(c, y), .eps = 1e-6, .gx = at(c, y));
    else
        RUN(c, layernorm, .rows = blocks * run, .width = width, .at = runs, .x = at(c, x),
            .w = at(c, w), .b = at(c, b), .eps = 1e-6, .y = at(c, y));
    compare(c, "y", y, tolerance);
}

void check_layernorm(struct check *c)
{
    check_norm(c, true);
    if (c->bench)
        return;
    check_runs(c, 7, 3, 12, 3 * 36, false);
    check_runs(c, 50, 2, 33, 3 * 66 + 5, false);
}

static void check_one_norm_back(struct check *c, const struct shape *s, bool layer, bool detach,
                                bool accumulate)
{
    CASE(c, "rows %d width %d%s%s", s->rows, s->width, detach ? " detach" : "",
         accumulate ? " accumulate" : "");
    size_t width = (size_t)s->width, count = (size_t)s->rows * width;
    struct pair *x = uniform(c, count, -2, 3), *w = uniform(c, width, 0.5, 1.5);
    struct pair *gy = uniform(c, count, -1, 1);
    struct pair *gx = accumulate ? uniform(c, count, -1, 1) : output(c, count);
    if (layer)
        RUN(c, layernorm_back, .rows = s->rows, .width = s->width, .x = at(c, x), .w = at(c, w),
            .gy = at(c, gy), .eps = 1e-6, .detach = detach, .accumulate = accumulate,
            .gx = at(c, gx));
    else
        RUN(c, rmsnorm_back, .rows = s->rows, .width = s->width, .x = at(c, x), .w = at(c, w),
            .gy = at(c, gy), .eps = 1e-5, .detach = detach, .accumulate = accumulate,
            .gx = at(c, gx));
    compare(c, "gx", gx, tolerance);
}

static void check_norm_back(struct check *c, bool layer)
{
    if (c->bench) {
        check_one_norm_back(c, &bench_shape, layer, false, true);
        return;
    }
    /* from width 5: with one column the two terms cancel to noise */
    for (size_t i = 1; i < COUNT_OF(shapes); i++)
        for (int flags = 0; flags < 4; flags++)
            check_one_norm_back(c, &shapes[i], layer, flags & 1, flags & 2);
}

void check_rmsnorm_back(struct check *c)
{
    check_norm_back(c, false);
}

void check_layernorm_back(struct check *c)
{
    check_norm_back(c, true);
    if (c->bench)
        return;
    check_runs(c, 7, 3, 12, 3 * 36, true);
    check_runs(c, 50, 2, 33, 3 * 66 + 5, true);
}

/* Denominators of every kind: ordinary, 0, and around 1e-9. Not next to -1e-9, where the sum with
 * 1e-9 has no digits left. */
static struct pair *denominators(struct check *c, size_t count)
{
    static const float special[] = { 0.0f, -0.0f, 1e-12f, -1e-12f, 1e-9f, -5e-10f, 1e-7f, -1e-7f };
    float *host = calloc(count + 1, sizeof *host);
    if (host == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        host[i] = i % 3 == 0 ? special[i / 3 % COUNT_OF(special)] : (float)draw(c, -3, 3);
    struct pair *p = from_floats(c, host, count);
    free(host);
    return p;
}

static void check_one_map2(struct check *c, enum map2 f, size_t count, int in_place)
{
    CASE(c, "f %d count %zu%s", (int)f, count, in_place ? " in place" : "");
    struct pair *a = uniform(c, count, -4, 4), *b = denominators(c, count);
    struct pair *out = in_place == 1 ? a : in_place == 2 ? b : output(c, count);
    RUN(c, map2, .f = f, .count = count, .a = at(c, a), .b = at(c, b), .scale = 0.7,
        .out = at(c, out));
    /* GELU cancels near its zeros (1 + erf, then a product): held to the largest value. The rest
     * are one or two rounded operations on each element, and the scale. */
    if (f >= MAP_GELU && f <= MAP_GELU_GATE)
        compare(c, "out", out, count < 17 ? 4e4 : 8); /* of few all may be near Φ(-4) = 3e-5 */
    else if (f >= MAP_TANH_GELU && f <= MAP_QUICK_GELU_GATE)
        /* What σ is of, up to 11, is rounded three times, and 3 d x² takes the slope past 1. */
        compare(c, "out", out, count < 17 ? 4e4 : 32);
    else if (f == MAP_ADD)
        compare(c, "out", out, 3);
    else if (f >= MAP_SILU && f <= MAP_TANH_GATE)
        compare(c, "out", out, count < 17 ? 64 : 8); /* exponentials; one slope has a zero */
    else
        compare_each(c, "out", out, 6);
}

void check_map2(struct check *c)
{
    static const size_t counts[] = { 1, 2, 17, 197, 4099 };
    for (int f = 0; f < MAP2_COUNT; f++) {
        if (c->bench) {
            check_one_map2(c, (enum map2)f, (size_t)16 * 197 * 1536, 0);
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(counts); i++)
            for (int in_place = 0; in_place < 3; in_place++)
                check_one_map2(c, (enum map2)f, counts[i], in_place);
    }
}

/* Of doubles that no float is equal to. */
static void check_one_single(struct check *c, size_t count)
{
    CASE(c, "count %zu", count);
    struct pair *x = uniform(c, count, -2, 2), *out = output_of(c, ELEMENT_FLOAT, count);
    if (c->be[OWN]->real_size == sizeof(double) && !c->bench)
        RUN(c, map2, .f = MAP_COPY, .count = count, .a = at(c, x), .scale = 1.0 / 3,
            .out = at(c, x));
    RUN(c, to_single, .count = count, .x = at(c, x), .out = at(c, out));
    compare_exact(c, "out", out);
}

void check_to_single(struct check *c)
{
    static const size_t counts[] = { 1, 2, 17, 197, 4099, 3 * 8192 + 5 };
    if (c->bench)
        check_one_single(c, (size_t)16 * 197 * 1536);
    for (size_t i = 0; i < COUNT_OF(counts) && !c->bench; i++)
        check_one_single(c, counts[i]);
}

static void check_one_reduce(struct check *c, enum row_stat stat, const struct shape *s, double low)
{
    CASE(c, "stat %d rows %d cols %d from %g", (int)stat, s->rows, s->width, low);
    size_t count = (size_t)s->rows * (size_t)s->width;
    struct pair *x = uniform(c, count, low, low + 2);
    struct pair *y = stat == ROW_DOT ? uniform(c, count, -1, 1) : NULL;
    struct pair *out = output(c, (size_t)s->rows);
    RUN(c, row_reduce, .stat = stat, .rows = (size_t)s->rows, .cols = s->width, .x = at(c, x),
        .y = at(c, y), .out = at(c, out));
    if (stat == ROW_MAX_POS)
        compare(c, "out", out, 0); /* a selection: exact */
    else
        compare(c, "out", out, 32); /* sums that may cancel against the largest row */
}

void check_row_reduce(struct check *c)
{
    for (int stat = ROW_MAX_POS; stat <= ROW_DOT; stat++) {
        if (c->bench) {
            check_one_reduce(c, (enum row_stat)stat, &bench_shape, -1);
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(shapes); i++)
            for (int low = -3; low < 2; low += 2) /* -3: nothing positive at all */
                check_one_reduce(c, (enum row_stat)stat, &shapes[i], low);
    }
}
