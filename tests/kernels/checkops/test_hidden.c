/* Hidden attention of ref64 against SPEC 4's formula written out, against what the scan computes,
 * and the unified row against what convolution and scan compute together. */
#include "host.h"

enum { N = 2, L = 7, E = 3, S = 4, RANK = 2, K = 3, COLS = RANK + 2 * S };
enum { DENSE = N * L * E, XDBL = N * L * COLS };

struct inputs {
    double *delta[2], *xdbl[2], *a[2];
};

static struct inputs new_inputs(void)
{
    struct inputs in;
    for (int dir = 0; dir < 2; dir++) {
        uint64_t seed = 1 + (uint64_t)dir;
        in.delta[dir] = randoms(seed, DENSE, 0.01, 0.8);
        in.xdbl[dir] = randoms(seed + 10, XDBL, -1, 1);
        in.a[dir] = randoms(seed + 20, S * E, -3, -0.05);
    }
    return in;
}

static void free_inputs(struct inputs *in)
{
    for (int dir = 0; dir < 2; dir++)
        free(in->delta[dir]), free(in->xdbl[dir]), free(in->a[dir]);
}

static struct attn_dir attn_dir(const struct inputs *in, int dir, unsigned directions)
{
    double *delta = directions >> dir & 1 ? in->delta[dir] : NULL;
    return (struct attn_dir){ R(delta), R(in->xdbl[dir]), R(in->a[dir]) };
}

/* α[i,j] of one direction and channel, from the formula: no recurrence. */
static double alpha(const struct inputs *in, int dir, int image, int i, int j, int c,
                    bool own_decay)
{
    if (dir == 0 ? j > i : j < i)
        return 0;
    const double *delta = in->delta[dir] + image * L * E + c,
                 *xdbl = in->xdbl[dir] + image * L * COLS;
    double passed = 0, sum = 0;
    int step = dir == 0 ? 1 : -1;
    for (int k = j; k != i; k += step) /* k+step runs over j+1 .. i in the direction's order */
        if (k + step != i || own_decay)
            passed += delta[(k + step) * E];
    for (int n = 0; n < S; n++)
        sum += xdbl[i * COLS + RANK + S + n] * exp(in->a[dir][n * E + c] * passed) * delta[j * E] *
               xdbl[j * COLS + RANK + n];
    return sum;
}

static double mixer(const struct inputs *in, unsigned directions, int image, int i, int j, int c,
                    bool own_decay, bool diagonal)
{
    double sum = 0;
    if (i == j && !diagonal)
        return 0;
    for (int dir = 0; dir < 2; dir++)
        if (directions >> dir & 1)
            sum += alpha(in, dir, image, i, j, c, own_decay);
    return sum;
}

static void test_row(void **state)
{
    struct backend *be = *state;
    struct inputs in = new_inputs();
    double *got = zeros(DENSE), *want = zeros(DENSE);
    for (int row = 0; row < L; row++)
        for (unsigned flags = 0; flags < 16; flags++) {
            bool own_decay = flags & 4, diagonal = flags & 8;
            CALL(be, hidden_row, .n = N, .len = L, .chan = E, .state = S, .rank = RANK,
                 .dir = { attn_dir(&in, 0, flags), attn_dir(&in, 1, flags) }, .row = row,
                 .own_decay = own_decay, .diagonal = diagonal, .out = R(got));
            for (int i = 0; i < DENSE; i++)
                want[i] =
                    mixer(&in, flags & 3, i / (L * E), row, i / E % L, i % E, own_decay, diagonal);
            assert_close("row", got, want, DENSE, 1e-13);
        }
    free(got), free(want);
    free_inputs(&in);
}

static double sign_of(enum sign_rule sign, double x)
{
    return sign == SIGN_CLAMP ? fmax(x, 0) : sign == SIGN_ABS ? fabs(x) : x;
}

/* reduce over count values, written apart from the kernel's */
static double reduced(enum reduction reduce, const double *v, int count)
{
    double r = v[0];
    for (int i = 1; i < count; i++)
        r = reduce == REDUCE_MAX       ? fmax(r, v[i])
            : reduce == REDUCE_MIN     ? fmin(r, v[i])
            : reduce == REDUCE_PRODUCT ? r * v[i]
                                       : r + v[i];
    return reduce == REDUCE_MEAN ? r / count : r;
}

static void check_matrix(struct backend *be, const struct inputs *in, enum sign_rule sign,
                         enum reduction reduce, int first, int count)
{
    double *got = zeros(N * L * L), *want = zeros(N * L * L), got_range[2 * N], range[2 * N];
    CALL(be, hidden_matrix, .n = N, .len = L, .chan = E, .state = S, .rank = RANK,
         .dir = { attn_dir(in, 0, 3), attn_dir(in, 1, 3) }, .own_decay = true, .diagonal = true,
         .sign = sign, .reduce = reduce, .chan_first = first, .chan_count = count, .out = R(got),
         .range = R(got_range));
    int channels = count == 0 ? E : count;
    for (int image = 0; image < N; image++) {
        double *r = range + 2 * image, v[E];
        r[0] = INFINITY, r[1] = -INFINITY;
        for (int at = 0; at < L * L; at++) {
            for (int c = 0; c < channels; c++) {
                v[c] = sign_of(sign, mixer(in, 3, image, at / L, at % L, first + c, true, true));
                r[0] = fmin(r[0], v[c]);
                r[1] = fmax(r[1], v[c]);
            }
            want[image * L * L + at] = reduced(reduce, v, channels);
        }
    }
    assert_close("M", got, want, N * L * L, 1e-13);
    assert_close("range", got_range, range, 2 * N, 1e-13);
    free(got), free(want);
}

static void test_matrix(void **state)
{
    struct inputs in = new_inputs();
    for (int sign = SIGN_KEEP; sign <= SIGN_ABS; sign++)
        for (int reduce = REDUCE_MEAN; reduce <= REDUCE_PRODUCT; reduce++) {
            check_matrix(*state, &in, (enum sign_rule)sign, (enum reduction)reduce, 0, 0);
            check_matrix(*state, &in, (enum sign_rule)sign, (enum reduction)reduce, 1, 2);
        }
    free_inputs(&in);
}

/* ---- against convolution and scan -------------------------------------------------------- */

struct layer {
    double *x, *z, *zero, *w[2], *u[2], *pre[2], *xdbl[2], *w_dt[2], *b_dt[2], *a[2], *d[2];
    double *delta[2], *y[2], *out;
};

static struct scan_dir scan_dir(const struct layer *l, int dir)
{
    return (struct scan_dir){ R(l->u[dir]),    R(l->xdbl[dir]), R(l->w_dt[dir]),
                              R(l->b_dt[dir]), R(l->a[dir]),    R(l->d[dir]) };
}

/* A convolution without bias, so that everything is linear in x but for its own gates. */
static struct layer run_layer(struct backend *be)
{
    struct layer l = { .x = randoms(30, DENSE, -2, 2), .z = randoms(31, DENSE, -2, 2) };
    l.zero = zeros(E);
    l.out = zeros(DENSE);
    for (int dir = 0; dir < 2; dir++) {
        uint64_t seed = 40 + (uint64_t)dir;
        l.w[dir] = randoms(seed, K * E, -1, 1);
        l.xdbl[dir] = randoms(seed + 10, XDBL, -1, 1);
        l.w_dt[dir] = randoms(seed + 20, RANK * E, -1, 1);
        l.b_dt[dir] = randoms(seed + 30, E, -2, 1);
        l.a[dir] = randoms(seed + 40, S * E, -3, -0.05);
        l.d[dir] = randoms(seed + 50, E, -1, 1);
        l.u[dir] = zeros(DENSE), l.pre[dir] = zeros(DENSE);
        l.delta[dir] = zeros(DENSE), l.y[dir] = zeros(DENSE);
    }
    CALL(be, conv_silu, .n = N, .len = L, .chan = E, .taps = K, .x = R(l.x), .ldx = E,
         .dir = { { R(l.w[0]), R(l.zero), R(l.u[0]), R(l.pre[0]) },
                  { R(l.w[1]), R(l.zero), R(l.u[1]), R(l.pre[1]) } });
    CALL(be, scan, .n = N, .len = L, .chan = E, .state = S, .rank = RANK,
         .dir = { scan_dir(&l, 0), scan_dir(&l, 1) }, .z = R(l.z), .ldz = E, .out = R(l.out),
         .delta = { R(l.delta[0]), R(l.delta[1]) }, .y = { R(l.y[0]), R(l.y[1]) });
    return l;
}

static void free_layer(struct layer *l)
{
    for (int dir = 0; dir < 2; dir++) {
        free(l->w[dir]), free(l->xdbl[dir]), free(l->w_dt[dir]), free(l->b_dt[dir]);
        free(l->a[dir]), free(l->d[dir]), free(l->u[dir]), free(l->pre[dir]);
        free(l->delta[dir]), free(l->y[dir]);
    }
    free(l->x), free(l->z), free(l->zero), free(l->out);
}

static void row_of(struct backend *be, const struct layer *l, int dir, int row, double *v)
{
    struct hidden_row_args a = { .n = N,
                                 .len = L,
                                 .chan = E,
                                 .state = S,
                                 .rank = RANK,
                                 .row = row,
                                 .own_decay = true,
                                 .diagonal = true,
                                 .out = R(v) };
    a.dir[dir] = (struct attn_dir){ R(l->delta[dir]), R(l->xdbl[dir]), R(l->a[dir]) };
    be->op.hidden_row(be, &a);
}

/* Σ_t v[t] x[t] of one image and channel. */
static double along_tokens(const double *v, const double *x, int image, int c)
{
    double sum = 0;
    for (int t = 0; t < L; t++)
        sum += v[(image * L + t) * E + c] * x[(image * L + t) * E + c];
    return sum;
}

/* SPEC 4: Σ_j α[i,j] u_j = y_i - D u_i; and through the convolution, the operator from x to the
 * gated output gives SiLU(z_i) times the same (SPEC 5.3). */
static void test_identities(void **state)
{
    struct backend *be = *state;
    struct layer l = run_layer(be);
    double *v = zeros(DENSE), *r = zeros(DENSE), *pair = zeros(2 * N);
    for (int dir = 0; dir < 2; dir++)
        for (int row = 0; row < L; row++) {
            row_of(be, &l, dir, row, v);
            CALL(be, unified_row, .n = N, .len = L, .chan = E, .taps = K, .row = row,
                 .direction = dir, .v = R(v), .pre = R(l.pre[dir]), .w = R(l.w[dir]), .z = R(l.z),
                 .ldz = E, .out = R(r));
            CALL(be, hidden_identity, .n = N, .len = L, .chan = E, .row = row, .v = R(v),
                 .u = R(l.u[dir]), .y = R(l.y[dir]), .d = R(l.d[dir]), .out = R(pair));
            for (int i = 0; i < N * E; i++) {
                int image = i / E, c = i % E, at = (image * L + row) * E + c;
                double want = l.y[dir][at] - l.d[dir][c] * l.u[dir][at];
                double gate = l.z[at] / (1 + exp(-l.z[at]));
                assert_true(fabs(along_tokens(v, l.u[dir], image, c) - want) < 1e-12);
                assert_true(fabs(along_tokens(r, l.x, image, c) - gate * want) < 1e-12);
                assert_true(pair[2 * image] < 1e-12 && pair[2 * image + 1] > 1e-3);
            }
        }
    free(v), free(r), free(pair);
    free_layer(&l);
}

/* Direction 1 is direction 0 on the reversed tokens: the forward direction's inputs, mirrored, give
 * its mirrored output when run as the backward direction. */
static void test_mirror(void **state)
{
    struct backend *be = *state;
    struct layer l = run_layer(be);
    double *mirror = zeros(DENSE), *y0 = zeros(DENSE), *y1 = zeros(DENSE), *xdbl = zeros(XDBL);
    double *u = zeros(DENSE);
    for (int t = 0; t < N * L; t++) {
        int m = t / L * L + (L - 1 - t % L);
        memcpy(u + m * E, l.u[0] + t * E, E * sizeof *u);
        memcpy(xdbl + m * COLS, l.xdbl[0] + t * COLS, COLS * sizeof *xdbl);
        memcpy(mirror + m * E, l.y[0] + t * E, E * sizeof *mirror);
    }
    struct scan_dir d = scan_dir(&l, 0);
    d.u = R(u), d.xdbl = R(xdbl);
    CALL(be, scan, .n = N, .len = L, .chan = E, .state = S, .rank = RANK, .dir = { d, d },
         .z = R(l.z), .ldz = E, .out = R(l.out), .y = { R(y0), R(y1) });
    assert_close("mirrored y", y1, mirror, DENSE, 1e-14);
    free(mirror), free(y0), free(y1), free(xdbl), free(u);
    free_layer(&l);
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_row), TEST(test_matrix),
                     TEST(test_identities), TEST(test_mirror));
}
