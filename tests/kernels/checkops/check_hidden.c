/* Hidden attention: rows, matrices, reductions over channels, the unified row. */
#include "checkops.h"

struct shape {
    int n, len, chan, state, rank;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 1, 1 },   { 2, 2, 5, 5, 1 },    { 1, 17, 16, 16, 3 },
    { 2, 26, 33, 8, 5 }, { 1, 197, 7, 16, 3 },
};
static const struct shape bench_row = { 8, 197, 768, 16, 24 };
static const struct shape bench_matrix = { 1, 197, 768, 16, 24 };

struct hidden_inputs {
    struct pair *delta[2], *xdbl[2], *a[2];
};

/* `directions`: bit 0 forward, bit 1 backward; a direction left out has no Δ. */
static struct hidden_inputs hidden_inputs(struct check *c, const struct shape *s,
                                          unsigned directions)
{
    struct hidden_inputs in;
    size_t tokens = (size_t)(s->n * s->len);
    for (int i = 0; i < 2; i++) {
        in.delta[i] = directions >> i & 1 ? uniform(c, tokens * (size_t)s->chan, 0.001, 0.3) : NULL;
        in.xdbl[i] = uniform(c, tokens * (size_t)(s->rank + 2 * s->state), -1, 1);
        in.a[i] = uniform(c, (size_t)s->state * (size_t)s->chan, -4, -0.02);
    }
    return in;
}

static struct attn_dir attn_dir(const struct check *c, const struct hidden_inputs *in, int i)
{
    return (struct attn_dir){ at(c, in->delta[i]), at(c, in->xdbl[i]), at(c, in->a[i]) };
}

/* Products of up to L decays, each with the rounding of an exponential; N terms are summed. Small
 * products have the relative error of many factors but little weight beside the diagonal. */
static const double tolerance = 64;

static void check_one_row(struct check *c, const struct shape *s, int row, unsigned directions,
                          bool own_decay, bool diagonal)
{
    CASE(c, "n %d L %d E %d N %d R %d row %d directions %u%s%s", s->n, s->len, s->chan, s->state,
         s->rank, row, directions, own_decay ? " decay" : "", diagonal ? " diagonal" : "");
    struct hidden_inputs in = hidden_inputs(c, s, directions);
    struct pair *out = output(c, (size_t)(s->n * s->len) * (size_t)s->chan);
    RUN(c, hidden_row, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state,
        .rank = s->rank, .dir = { attn_dir(c, &in, 0), attn_dir(c, &in, 1) }, .row = row,
        .own_decay = own_decay, .diagonal = diagonal, .out = at(c, out));
    compare(c, "v", out, tolerance);
}

void check_hidden_row(struct check *c)
{
    if (c->bench) {
        check_one_row(c, &bench_row, bench_row.len / 2, 3, true, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (unsigned flags = 0; flags < 12; flags++) {
            int last = shapes[i].len - 1, row = (int)(flags % 3) * last / 2;
            check_one_row(c, &shapes[i], row, flags % 3 + 1, flags & 1, flags & 2);
            check_one_row(c, &shapes[i], last - row, 3, flags & 2, flags & 1);
        }
}

/* Random v, which keeps no identity: both outputs are then far from 0 and comparable. */
static void check_one_identity(struct check *c, const struct shape *s, int row)
{
    CASE(c, "n %d L %d E %d row %d", s->n, s->len, s->chan, row);
    size_t count = (size_t)(s->n * s->len) * (size_t)s->chan;
    struct pair *v = uniform(c, count, -1, 1), *u = uniform(c, count, -1, 1);
    struct pair *y = uniform(c, count, -3, 3), *d = uniform(c, (size_t)s->chan, -1, 1);
    struct pair *out = output(c, 2 * (size_t)s->n);
    RUN(c, hidden_identity, .n = s->n, .len = s->len, .chan = s->chan, .row = row, .v = at(c, v),
        .u = at(c, u), .y = at(c, y), .d = at(c, d), .out = at(c, out));
    compare(c, "out", out, 32); /* one sum over L <= 197 products */
}

void check_hidden_identity(struct check *c)
{
    if (c->bench) {
        check_one_identity(c, &bench_row, bench_row.len / 2);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int part = 0; part < 3; part++)
            check_one_identity(c, &shapes[i], (shapes[i].len - 1) * part / 2);
}

struct matrix_case {
    unsigned directions;
    bool own_decay, diagonal, range;
    int chan_first, chan_count;
};

static void check_one_matrix(struct check *c, const struct shape *s, enum sign_rule sign,
                             enum reduction reduce, const struct matrix_case *m)
{
    CASE(c, "n %d L %d E %d N %d R %d sign %d reduce %d directions %u%s%s channels %d+%d", s->n,
         s->len, s->chan, s->state, s->rank, (int)sign, (int)reduce, m->directions,
         m->own_decay ? " decay" : "", m->diagonal ? " diagonal" : "", m->chan_first,
         m->chan_count);
    struct hidden_inputs in = hidden_inputs(c, s, m->directions);
    struct pair *out = output(c, (size_t)(s->n * s->len) * (size_t)s->len);
    struct pair *range = m->range ? output(c, 2 * (size_t)s->n) : NULL;
    RUN(c, hidden_matrix, .n = s->n, .len = s->len, .chan = s->chan, .state = s->state,
        .rank = s->rank, .dir = { attn_dir(c, &in, 0), attn_dir(c, &in, 1) },
        .own_decay = m->own_decay, .diagonal = m->diagonal, .sign = sign, .reduce = reduce,
        .chan_first = m->chan_first, .chan_count = m->chan_count, .out = at(c, out),
        .range = at(c, range));
    /* a product of E entries multiplies up their E relative errors */
    compare(c, "M", out, reduce == REDUCE_PRODUCT ? tolerance * s->chan : tolerance);
    if (range != NULL)
        compare(c, "range", range, tolerance);
}

void check_hidden_matrix(struct check *c)
{
    const struct matrix_case all = { 3, true, true, true, 0, 0 };
    if (c->bench) {
        check_one_matrix(c, &bench_matrix, SIGN_KEEP, REDUCE_MEAN, &all);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const struct shape *s = &shapes[i];
        for (int sign = SIGN_KEEP; sign <= SIGN_ABS; sign++)
            for (int reduce = REDUCE_MEAN; reduce <= REDUCE_PRODUCT; reduce++)
                /* the reference takes L²·E·N steps: one rule is enough for long rows */
                if (s->len < 100 || (sign == SIGN_CLAMP && reduce == REDUCE_MEAN))
                    check_one_matrix(c, s, (enum sign_rule)sign, (enum reduction)reduce, &all);
        if (s->len >= 100)
            continue;
        for (unsigned flags = 0; flags < 8; flags++) {
            const struct matrix_case m = { flags % 3 + 1, flags & 1,   flags & 2,
                                           flags & 4,     s->chan / 3, (s->chan + 1) / 2 };
            check_one_matrix(c, s, SIGN_KEEP, flags & 1 ? REDUCE_MEAN : REDUCE_MIN, &m);
        }
        const struct matrix_case one = { 3, true, true, false, s->chan - 1, 1 };
        check_one_matrix(c, s, SIGN_KEEP, REDUCE_MEAN, &one);
    }
}

static void check_one_channel_reduce(struct check *c, const struct shape *s, enum sign_rule sign,
                                     enum reduction reduce, bool with_range)
{
    CASE(c, "n %d L %d E %d sign %d reduce %d%s", s->n, s->len, s->chan, (int)sign, (int)reduce,
         with_range ? " range" : "");
    size_t tokens = (size_t)(s->n * s->len);
    struct pair *v = uniform(c, tokens * (size_t)s->chan, -1.2, 1.5), *out = output(c, tokens);
    struct pair *range = with_range ? output(c, 2 * (size_t)s->n) : NULL;
    RUN(c, channel_reduce, .n = s->n, .len = s->len, .chan = s->chan, .v = at(c, v), .sign = sign,
        .reduce = reduce, .out = at(c, out), .range = at(c, range));
    bool selects = reduce == REDUCE_MAX || reduce == REDUCE_MIN;
    compare(c, "out", out, selects ? 0 : 2.0 * s->chan); /* one rounding a channel at most */
    if (with_range)
        compare(c, "range", range, 0);
}

void check_channel_reduce(struct check *c)
{
    if (c->bench) {
        check_one_channel_reduce(c, &bench_row, SIGN_CLAMP, REDUCE_MEAN, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int sign = SIGN_KEEP; sign <= SIGN_ABS; sign++)
            for (int reduce = REDUCE_MEAN; reduce <= REDUCE_PRODUCT; reduce++)
                for (int range = 0; range < 2; range++)
                    check_one_channel_reduce(c, &shapes[i], (enum sign_rule)sign,
                                             (enum reduction)reduce, range);
}

static void check_one_unified(struct check *c, const struct shape *s, int taps, int row,
                              int direction, bool accumulate, int pad)
{
    CASE(c, "n %d L %d E %d K %d row %d direction %d%s", s->n, s->len, s->chan, taps, row,
         direction, accumulate ? " accumulate" : "");
    size_t tokens = (size_t)(s->n * s->len), e = (size_t)s->chan, ldz = e + (size_t)pad;
    struct pair *v = uniform(c, tokens * e, -1, 1), *pre = uniform(c, tokens * e, -4, 4);
    struct pair *w = uniform(c, (size_t)taps * e, -1, 1), *z = uniform(c, tokens * ldz, -3, 3);
    struct pair *out = accumulate ? uniform(c, tokens * e, -1, 1) : output(c, tokens * e);
    RUN(c, unified_row, .n = s->n, .len = s->len, .chan = s->chan, .taps = taps, .row = row,
        .direction = direction, .v = at(c, v), .pre = at(c, pre), .w = at(c, w), .z = at(c, z),
        .ldz = ldz, .accumulate = accumulate, .out = at(c, out));
    compare(c, "out", out, 16); /* two exponentials, K products */
}

void check_unified_row(struct check *c)
{
    if (c->bench) {
        check_one_unified(c, &bench_row, 4, bench_row.len / 2, 0, true, bench_row.chan);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int flags = 0; flags < 8; flags++)
            check_one_unified(c, &shapes[i], flags & 4 ? 3 : 4,
                              flags & 4 ? shapes[i].len - 1 : shapes[i].len / 2, flags & 1,
                              flags & 2, flags & 1 ? 5 : 0);
}
