/* Vim: convolution, scan, and their backward. */
#include <stdio.h>

#include "checkops.h"

struct shape {
    int n, len, chan, state, rank, taps, pad;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 1, 1, 1, 0 },        { 2, 2, 5, 5, 1, 3, 3 },       { 1, 17, 16, 16, 3, 4, 0 },
    { 3, 26, 33, 8, 5, 3, 7 },      { 1, 197, 48, 16, 12, 4, 48 }, { 2, 65, 40, 16, 7, 4, 1 },
    { 2, 34, 130, 16, 24, 4, 130 },
};
static const struct shape bench_shape = { 8, 197, 768, 16, 24, 4, 768 };

static void describe(struct check *c, const struct shape *s, const char *flags)
{
    CASE(c, "n %d L %d E %d N %d R %d K %d%s", s->n, s->len, s->chan, s->state, s->rank, s->taps,
         flags);
}

/* [n*L, ld] */
static size_t strided(const struct shape *s)
{
    return (size_t)(s->n * s->len) * (size_t)(s->chan + s->pad);
}

static size_t dense(const struct shape *s)
{
    return (size_t)(s->n * s->len) * (size_t)s->chan;
}

/* Each shape without the flag and with it; without it where time is taken. */
static void check_shapes(struct check *c, void (*check)(struct check *, const struct shape *, bool))
{
    if (c->bench) {
        check(c, &bench_shape, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int flag = 0; flag < 2; flag++)
            check(c, &shapes[i], flag);
}

/* A few products and sums, and one exponential of at most 4 units. */
static const double conv_tolerance = 16;

static void check_one_conv(struct check *c, const struct shape *s, bool with_pre)
{
    describe(c, s, with_pre ? " pre" : "");
    size_t e = (size_t)s->chan, k = (size_t)s->taps;
    struct pair *x = uniform(c, strided(s), -3, 3), *w[2], *b[2], *u[2], *pre[2];
    for (int i = 0; i < 2; i++) {
        w[i] = uniform(c, k * e, -1, 1);
        b[i] = uniform(c, e, -1, 1);
        u[i] = output(c, dense(s));
        pre[i] = with_pre ? output(c, dense(s)) : NULL;
    }
    RUN(c, conv_silu, .n = s->n, .len = s->len, .chan = s->chan, .taps = s->taps, .x = at(c, x),
        .ldx = (size_t)(s->chan + s->pad),
        .dir = { { at(c, w[0]), at(c, b[0]), at(c, u[0]), at(c, pre[0]) },
                 { at(c, w[1]), at(c, b[1]), at(c, u[1]), at(c, pre[1]) } });
    for (int i = 0; i < 2; i++) {
        compare(c, i == 0 ? "u 0" : "u 1", u[i], conv_tolerance);
        if (with_pre)
            compare(c, i == 0 ? "pre 0" : "pre 1", pre[i], conv_tolerance);
    }
}

void check_conv_silu(struct check *c)
{
    check_shapes(c, check_one_conv);
}

static void check_one_conv_back(struct check *c, const struct shape *s, bool ratio)
{
    describe(c, s, ratio ? " ratio" : "");
    size_t e = (size_t)s->chan, k = (size_t)s->taps, ld = (size_t)(s->chan + s->pad);
    struct pair *x = uniform(c, strided(s), -3, 3), *w[2], *b[2], *gu[2];
    for (int i = 0; i < 2; i++) {
        w[i] = uniform(c, k * e, -1, 1);
        b[i] = uniform(c, e, -1, 1);
        gu[i] = uniform(c, dense(s), -1, 1);
    }
    struct pair *gx = output(c, strided(s));
    RUN(c, conv_silu_back, .n = s->n, .len = s->len, .chan = s->chan, .taps = s->taps,
        .x = at(c, x), .ldx = ld,
        .dir = { { at(c, w[0]), at(c, b[0]), at(c, gu[0]) },
                 { at(c, w[1]), at(c, b[1]), at(c, gu[1]) } },
        .silu_ratio = ratio, .gx = at(c, gx), .ldgx = ld);
    compare(c, "gx", gx, 2 * conv_tolerance); /* the convolution twice */
}

void check_conv_silu_back(struct check *c)
{
    check_shapes(c, check_one_conv_back);
}

/* ---- scan -------------------------------------------------------------------------------- */

struct scan_inputs {
    struct pair *u[2], *xdbl[2], *w_dt[2], *b_dt[2], *a[2], *d[2], *z;
};

static size_t xdbl_count(const struct shape *s)
{
    return (size_t)(s->n * s->len) * (size_t)(s->rank + 2 * s->state);
}

/* high_step: some Δ beyond 20, where softplus is x itself. */
static struct scan_inputs scan_inputs(struct check *c, const struct shape *s, bool high_step)
{
    struct scan_inputs in;
    size_t e = (size_t)s->chan;
    for (int i = 0; i < 2; i++) {
        in.u[i] = uniform(c, dense(s), -1, 2);
        in.xdbl[i] = uniform(c, xdbl_count(s), -1, 1);
        in.w_dt[i] = uniform(c, (size_t)s->rank * e, -0.5, 0.5);
        in.b_dt[i] = uniform(c, e, -5, high_step ? 30 : 1);
        in.a[i] = uniform(c, (size_t)s->state * e, -4, -0.02);
        in.d[i] = uniform(c, e, -1, 1);
    }
    in.z = uniform(c, strided(s), -3, 3);
    return in;
}

static struct scan_dir scan_dir(const struct check *c, const struct scan_inputs *in, int i)
{
    return (struct scan_dir){ at(c, in->u[i]),    at(c, in->xdbl[i]), at(c, in->w_dt[i]),
                              at(c, in->b_dt[i]), at(c, in->a[i]),    at(c, in->d[i]) };
}

/* The state sums up to L terms, each with the rounding of exp(ΔA) (4 units allowed, and the
 * exponent's own unit times its size, up to 4 here); decays forget old errors. */
static const double scan_tolerance = 100;

static void check_one_scan(struct check *c, const struct shape *s, bool outputs, bool high_step)
{
    describe(c, s, outputs ? (high_step ? " delta y, steps > 20" : " delta y") : "");
    struct scan_inputs in = scan_inputs(c, s, high_step);
    struct pair *out = output(c, dense(s)), *delta[2] = { NULL, NULL }, *y[2] = { NULL, NULL };
    for (int i = 0; i < 2 && outputs; i++) {
        delta[i] = output(c, dense(s));
        y[i] = output(c, dense(s));
    }
    RUN(c, scan, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state, .rank = s->rank,
        .dir = { scan_dir(c, &in, 0), scan_dir(c, &in, 1) }, .z = at(c, in.z),
        .ldz = (size_t)(s->chan + s->pad), .out = at(c, out),
        .delta = { at(c, delta[0]), at(c, delta[1]) }, .y = { at(c, y[0]), at(c, y[1]) });
    compare(c, "out", out, scan_tolerance);
    for (int i = 0; i < 2 && outputs; i++) {
        compare(c, i == 0 ? "delta 0" : "delta 1", delta[i], 16); /* a sum of R, exp, log */
        compare(c, i == 0 ? "y 0" : "y 1", y[i], scan_tolerance);
    }
}

/* One row of out, of every image; the gate is one row for all tokens, as it may then be. */
static void check_scan_row(struct check *c, const struct shape *s, int row)
{
    char what[40];
    snprintf(what, sizeof what, " row %d alone", row);
    describe(c, s, what);
    struct scan_inputs in = scan_inputs(c, s, false);
    struct pair *out = output(c, dense(s));
    RUN(c, scan, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state, .rank = s->rank,
        .dir = { scan_dir(c, &in, 0), scan_dir(c, &in, 1) }, .z = at(c, in.z), .out = at(c, out),
        .one_row = true, .row = row);
    for (int i = 0; i < s->n; i++) {
        struct pair part = *out;
        part.count = (size_t)s->chan;
        for (int k = 0; k < SIDES; k++)
            part.side[k] =
                be_at(c->be[k], out->side[k], (size_t)(i * s->len + row) * (size_t)s->chan);
        compare(c, "out", &part, scan_tolerance);
    }
}

void check_scan(struct check *c)
{
    if (c->bench) {
        check_one_scan(c, &bench_shape, false, false);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        check_one_scan(c, &shapes[i], false, false);
        check_one_scan(c, &shapes[i], true, false);
        check_one_scan(c, &shapes[i], true, true);
        check_scan_row(c, &shapes[i], 0);
        check_scan_row(c, &shapes[i], shapes[i].len / 2);
        check_scan_row(c, &shapes[i], shapes[i].len - 1);
    }
}

/* Δ as a forward pass keeps it. */
static void keep_delta(struct check *c, const struct shape *s, const struct scan_inputs *in,
                       struct pair *delta[2])
{
    struct pair *out = output(c, dense(s));
    delta[0] = output(c, dense(s));
    delta[1] = output(c, dense(s));
    RUN(c, scan, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state, .rank = s->rank,
        .dir = { scan_dir(c, in, 0), scan_dir(c, in, 1) }, .z = at(c, in->z),
        .ldz = (size_t)(s->chan + s->pad), .out = at(c, out),
        .delta = { at(c, delta[0]), at(c, delta[1]) });
}

static void check_one_scan_back(struct check *c, const struct shape *s, unsigned flags)
{
    bool detach = flags & 1, half = flags & 2, ratio = flags & 4, high_step = flags & 8;
    bool kept = flags & 16;
    char text[60];
    snprintf(text, sizeof text, "%s%s%s%s%s", detach ? " detach" : "", half ? " half" : "",
             ratio ? " ratio" : "", high_step ? " steps > 20" : "", kept ? " kept delta" : "");
    describe(c, s, text);
    struct scan_inputs in = scan_inputs(c, s, high_step);
    struct pair *gout = uniform(c, dense(s), -1, 1), *gz = output(c, strided(s)), *gu[2], *gx[2];
    for (int i = 0; i < 2; i++) {
        gu[i] = output(c, dense(s));
        gx[i] = output(c, xdbl_count(s));
    }
    struct pair *delta[2] = { NULL, NULL };
    if (kept)
        keep_delta(c, s, &in, delta);
    size_t ld = (size_t)(s->chan + s->pad);
    RUN(c, scan_back, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state, .rank = s->rank,
        .dir = { scan_dir(c, &in, 0), scan_dir(c, &in, 1) }, .z = at(c, in.z), .ldz = ld,
        .gout = at(c, gout), .delta = { at(c, delta[0]), at(c, delta[1]) }, .detach = detach,
        .half_gate = half, .silu_ratio = ratio, .gu = { at(c, gu[0]), at(c, gu[1]) },
        .gxdbl = { at(c, gx[0]), at(c, gx[1]) }, .gz = at(c, gz), .ldgz = ld);
    compare(c, "gz", gz, scan_tolerance);
    for (int i = 0; i < 2; i++) {
        compare(c, i == 0 ? "gu 0" : "gu 1", gu[i], scan_tolerance);
        if (!detach) /* sums over E channels of two scans' products */
            compare(c, i == 0 ? "gxdbl 0" : "gxdbl 1", gx[i], 2 * scan_tolerance);
    }
}

void check_scan_back(struct check *c)
{
    if (c->bench) {
        check_one_scan_back(c, &bench_shape, 0);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (unsigned flags = 0; flags < 32; flags++)
            check_one_scan_back(c, &shapes[i], flags);
}
