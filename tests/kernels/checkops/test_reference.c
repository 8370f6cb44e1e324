/* The rest of ref64 against values worked out by hand or by brute force: input, norms, attention,
 * LRP, reductions. Heat maps and ranks: test_heat.c. */
#include "host.h"

static void test_patchify(void **state)
{
    struct backend *be = *state;
    /* 3x3 pixels, patch 2, stride 1: 2x2 patches */
    uint8_t rgb[27], fill[27];
    uint32_t rank[9];
    for (int i = 0; i < 27; i++) {
        rgb[i] = (uint8_t)(i * 9);
        fill[i] = (uint8_t)(250 - i);
    }
    for (uint32_t i = 0; i < 9; i++)
        rank[i] = 8 - i; /* the last pixels go first */
    const struct view views[3] = { { .rgb = rgb, .removed = 9 },
                                   { .rgb = rgb, .rank = rank, .removed = 4 },
                                   { .rgb = rgb, .rank = rank, .removed = 9, .fill = fill } };
    double out[3 * 4 * 12];
    const struct patchify_args a = { .n = 3,
                                     .side = 3,
                                     .patch = 2,
                                     .stride = 1,
                                     .grid = 2,
                                     .views = views,
                                     .fill_rgb = { 0.5f, 0.25f, 0.125f },
                                     .mean = { 0.5f, 0.25f, 0.0f },
                                     .std = { 0.5f, 2.0f, 1.0f },
                                     .out = R(out) };
    be->op.patchify(be, &a);
    for (int i = 0; i < 3 * 4 * 12; i++) {
        int image = i / 48, patch = i / 12 % 4, c = i / 4 % 3, y = i / 2 % 2, x = i % 2;
        int pixel = (patch / 2 + y) * 3 + patch % 2 + x;
        float v = rgb[pixel * 3 + c] / 255.0f;
        if (image == 1 && pixel >= 5)
            v = a.fill_rgb[c];
        if (image == 2)
            v = fill[pixel * 3 + c] / 255.0f;
        assert_true(fabs(out[i] - ((double)v - a.mean[c]) / a.std[c]) < 1e-15);
    }
}

static void test_embed(void **state)
{
    struct backend *be = *state;
    double patches[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, cls[] = { 100, 200 };
    double pos[] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6 }, out[12];
    const double want[] = { 1.1, 2.2, 100.3, 200.4, 3.5, 4.6, 5.1, 6.2, 100.3, 200.4, 7.5, 8.6 };
    CALL(be, embed, .n = 2, .len = 3, .width = 2, .others = 1, .other_at = { 1 },
         .patches = R(patches), .other = R(cls), .pos = R(pos), .out = R(out));
    assert_close("tokens", out, want, 12, 1e-15);
    double two[] = { 100, 200, 300, 400 };
    const double around[] = { 100.1, 200.2, 1.3, 2.4, 300.5, 400.6 }; /* one at each end */
    CALL(be, embed, .n = 1, .len = 3, .width = 2, .others = 2, .other_at = { 0, 2 },
         .patches = R(patches), .other = R(two), .pos = R(pos), .out = R(out));
    assert_close("two others", out, around, 6, 1e-12);
}

static void test_linear(void **state)
{
    struct backend *be = *state;
    const float host[] = { 1, -2, 3, 0, 4, -1 }; /* [2, 3] */
    double x[] = { 1, 2, 3, -1, 0, 1 }, bias[] = { 0.5, -0.5 }, y[4];
    struct weight *w = be->op.weight_new(be, host, 2, 3, WEIGHT_FORWARD);
    assert_non_null(w);
    struct linear_args a = {
        .rows = 2, .w = w, .x = R(x), .ldx = 3, .bias = R(bias), .y = R(y), .ldy = 2
    };
    be->op.linear(be, &a);
    assert_close("y", y, (double[]){ 6.5, 4.5, 2.5, -1.5 }, 4, 1e-15);
    a.accumulate = true;
    be->op.linear(be, &a);
    assert_close("y twice", y, (double[]){ 13, 9, 5, -3 }, 4, 1e-15);
    a = (struct linear_args){
        .rows = 1, .w = w, .x = R(x), .ldx = 3, .act = ACT_GELU, .y = R(y), .ldy = 2
    };
    x[0] = -1, x[1] = x[2] = 0;
    be->op.linear(be, &a);
    /* GELU(-1) = -Φ(-1), from tables of the normal distribution; GELU(0) = 0 */
    assert_close("gelu", y, (double[]){ -0.158655253931457, 0 }, 2, 1e-12);
    be->op.weight_free(be, w);
    be->op.weight_free(be, NULL);
}

static void test_matmul(void **state)
{
    struct backend *be = *state;
    double a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 1, 0, -1, 2, 1, 1 }, c[4] = { 1, 1, 1, 1 };
    struct matmul_args m = { .b0 = 1,
                             .b1 = 1,
                             .m = 2,
                             .n = 2,
                             .k = 3,
                             .a = { R(a), 3, 0, 0 },
                             .b = { R(b), 2, 0, 0 },
                             .c = { R(c), 2, 0, 0 },
                             .alpha = 1,
                             .beta = 1 };
    be->op.matmul(be, &m); /* [1 2 3; 4 5 6] [1 0; -1 2; 1 1] + 1 */
    assert_close("a b", c, (double[]){ 3, 8, 6, 17 }, 4, 0);
    m.ta = true, m.tb = true; /* a stored [3, 2], b stored [2, 3] */
    m.a.ld = 2, m.b.ld = 3, m.alpha = 2, m.beta = 0;
    c[0] = c[1] = c[2] = c[3] = NAN; /* beta = 0 does not read C */
    be->op.matmul(be, &m);           /* [1 3 5; 2 4 6] [1 2; 0 1; -1 1] * 2 */
    assert_close("aT bT", c, (double[]){ -8, 20, -8, 28 }, 4, 0);
}

static void test_norms(void **state)
{
    struct backend *be = *state;
    double x[] = { 1, 2, 3, 4 }, h[] = { 2, 2, 2, 0 }, w[] = { 1, 2, 1, 1 }, b[] = { 0, 0, 1, 0 };
    double y[4], r[4];
    CALL(be, rmsnorm, .rows = 1, .width = 4, .x = R(x), .h = R(h), .w = R(w), .eps = 1.5, .r = R(r),
         .y = R(y));
    /* r = 3 4 5 4: mean r² = 66/4 = 16.5, and 16.5 + 1.5 = 18 */
    const double s = sqrt(18);
    assert_close("r", r, (double[]){ 3, 4, 5, 4 }, 4, 0);
    assert_close("rms", y, (double[]){ 3 / s, 8 / s, 5 / s, 4 / s }, 4, 1e-15);
    CALL(be, layernorm, .rows = 1, .width = 4, .x = R(x), .w = R(w), .b = R(b), .eps = 0.75,
         .r = R(x), .y = R(y));
    /* mean 2.5, variance 1.25, and 1.25 + 0.75 = 2 */
    const double t = sqrt(2);
    assert_close("layer", y, (double[]){ -1.5 / t, -1 / t, 0.5 / t + 1, 1.5 / t }, 4, 1e-15);
    assert_close("in place", x, (double[]){ 1, 2, 3, 4 }, 4, 0);
}

static void test_map2(void **state)
{
    struct backend *be = *state;
    double a[] = { 1, -2, 3, 4 }, b[] = { 2, -4, 0, -1e-9 }, out[4];
    const double want[][4] = {
        [MAP_ADD] = { 3, -6, 3, 4 - 1e-9 },
        [MAP_MUL] = { 2, 8, 0, -4e-9 },
        /* the last: b + 1e-9 is 0, and 1e-9 takes its place */
        [MAP_RATIO] = { 1 / (2 + 1e-9), -2 / (-4 + 1e-9), 0, 4e9 },
        [MAP_ABS] = { 1, 2, 3, 4 },
        [MAP_COPY] = { 1, -2, 3, 4 },
    };
    static const enum map2 tried[] = { MAP_ADD, MAP_MUL, MAP_RATIO, MAP_ABS, MAP_COPY };
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        CALL(be, map2, .f = tried[i], .count = 4, .a = R(a), .b = R(b), .scale = 1, .out = R(out));
        for (int k = 0; k < 4; k++)
            assert_true(fabs(out[k] - want[tried[i]][k]) <= 1e-15 * fabs(want[tried[i]][k]));
    }
}

/* Softmax by its definition, without the shift by the maximum. */
static void test_attention(void **state)
{
    enum { N = 2, L = 5, H = 2, DIM = 3, WIDTH = H * DIM };
    struct backend *be = *state;
    double *qkv = randoms(1, N * L * 3 * WIDTH, -1, 1), out[N * L * WIDTH], probs[N * H * L * L];
    CALL(be, attention, .n = N, .len = L, .heads = H, .dim = DIM, .qkv = R(qkv), .scale = 0.6,
         .out = R(out), .probs = R(probs));
    for (int i = 0; i < N * H * L; i++) {
        int image = i / (H * L), head = i / L % H, row = i % L;
        const double *base = qkv + image * L * 3 * WIDTH + head * DIM;
        double p[L], sum = 0, want[DIM] = { 0 };
        for (int j = 0; j < L; j++)
            sum += p[j] = exp(0.6 * dot(base + row * 3 * WIDTH, base + j * 3 * WIDTH + WIDTH, DIM));
        for (int j = 0; j < L; j++) {
            p[j] /= sum;
            for (int c = 0; c < DIM; c++)
                want[c] += p[j] * base[j * 3 * WIDTH + 2 * WIDTH + c];
        }
        assert_close("probs", probs + i * L, p, L, 1e-14);
        assert_close("out", out + (image * L + row) * WIDTH + head * DIM, want, DIM, 1e-14);
    }
    free(qkv);
}

static void test_head_mean(void **state)
{
    struct backend *be = *state;
    double a[] = { 1, -2, 3, 4, 5, 6, -7, 8 }, b[] = { 1, 1, -1, 2, 1, 2, -1, -1 }, out[4];
    CALL(be, head_mean, .n = 1, .heads = 2, .len = 2, .a = R(a), .out = R(out));
    assert_close("mean", out, (double[]){ 3, 2, -2, 6 }, 4, 0);
    CALL(be, head_mean, .n = 1, .heads = 2, .len = 2, .a = R(a), .b = R(b), .out = R(out));
    assert_close("clamped", out, (double[]){ 3, 6, 3.5, 4 }, 4, 0);
}

static void test_rollout(void **state)
{
    struct backend *be = *state;
    /* I + K = [2 0.5; 1 3] with sums 2.5 and 4; then [0 0; 0.5 0.5] with sums 0 and 1 */
    double k[] = { 1, 0.5, 1, 2, -1, 0, 0.5, -0.5 }, v[] = { 5, 8, 3, 4 };
    uint8_t zero[] = { 0, 0 };
    struct rollout_args a = { .n = 2, .len = 2, .k = R(k), .v = v, .zero = zero };
    be->op.rollout(be, &a);
    assert_close("plain", v, (double[]){ 18, 26.5, 2, 2 }, 4, 0);
    assert_true(zero[0] == 0 && zero[1] == 0);
    double again[] = { 5, 8, 3, 4 };
    a.v = again;
    a.row_norm = true;
    be->op.rollout(be, &a);
    assert_close("row norm", again, (double[]){ 6, 7, 2, 2 }, 4, 1e-15);
    assert_true(zero[0] == 0 && zero[1] == 1);
}

static void test_lrp_add(void **state)
{
    struct backend *be = *state;
    /* Q = 1, 2: shares 1 4 and 3 4, which sum to 5 and 7 and to R's 12 as they are.
     * Second image: Q = 2, -2: shares 6 2 and -2 -6, sums 8 and -8; R sums to 0: all is scaled
     * away. */
    double a[] = { 1, 2, 3, -1 }, b[] = { 3, 2, -1, 3 }, r[] = { 4, 8, 4, -4 }, ra[4], rb[4];
    struct lrp_add_args args = {
        .n = 2, .count = 2, .a = R(a), .b = R(b), .r = R(r), .ra = R(ra), .rb = R(rb)
    };
    be->op.lrp_add(be, &args);
    assert_close("ra", ra, (double[]){ 1, 4, 0, 0 }, 4, 1e-8);
    assert_close("rb", rb, (double[]){ 3, 4, 0, 0 }, 4, 1e-8);
    /* R = 8, 4: Q = 4, 2 gives 12 -2 and -4 6; sums 10 and 2, scaled to 12 * 10/12 = 10 and 2.
     * R = 8, -1: Q = 4, -0.5 gives 12 0.5 and -4 -1.5; sums 12.5 and -5.5 become
     * 7 * 12.5/18 and 7 * 5.5/18: both positive. */
    double r2[] = { 8, 4, 8, -1 }, a2[] = { 3, -1, 3, -1 }, b2[] = { -1, 3, -1, 3 };
    args.a = R(a2), args.b = R(b2), args.r = R(r2), args.rb = R(r2);
    be->op.lrp_add(be, &args);
    assert_close("ra", ra, (double[]){ 12, -2, 12 * 7 / 18.0, 0.5 * 7 / 18 }, 4, 1e-8);
    assert_close("rb = r", r2, (double[]){ -4, 6, 4 * 7 / 18.0, 1.5 * 7 / 18 }, 4, 1e-8);
    /* the operands exchanged: so are the shares */
    double r3[] = { 8, 4, 8, -1 };
    args.a = R(b2), args.b = R(a2), args.r = R(r3), args.ra = R(r3), args.rb = R(rb);
    be->op.lrp_add(be, &args);
    assert_close("ra = r", r3, r2, 4, 1e-8);
    assert_close("rb", rb, ra, 4, 1e-8);
}

static void test_lrp_linear(void **state)
{
    struct backend *be = *state;
    const float host[] = { 1, -2, 3, 0, 4, -1 }; /* [2, 3] */
    struct weight *w = be->op.weight_new(be, host, 2, 3, WEIGHT_FORWARD | WEIGHT_LRP);
    assert_non_null(w);
    /* Z = (2 + 6, 8), (2 + 3, 1), and (0, 0), for which S is 0 */
    double x[] = { 2, 2, 2, -1, -1, 1, 0, 0, -0.0 }, b[] = { 0.5, -1 };
    double y[] = { 2 - 4 + 6 + 0.5, 8 - 2 - 1, -1 + 2 + 3 + 0.5, -4 - 1 - 1, 0.5, -1 };
    double r[] = { 16, 8, 10, 2, 1, 1 }, rx[9], scratch[3 * 5];
    /* Q = (2, 1), (2, 0) where the second's Z = 0; x⁺ meets W⁺, x⁻ meets W⁻ */
    CALL(be, linear_lrp, .rows = 3, .w = w, .x = R(x), .y = R(y), .b = R(b), .r = R(r), .rx = R(rx),
         .scratch = R(scratch));
    assert_close("rx", rx, (double[]){ 4, 8, 12, 0, 4, 6, 0, 0, 0 }, 9, 1e-8);
    be->op.weight_free(be, w);
    /* rx may be r: y = -2 x, Z = 2 and so on */
    const float turn[] = { 0, -2, 1, 0 };
    double x2[] = { 3, -1 }, zero[] = { 0, 0 }, y2[] = { 2, 3 }, r2[] = { 4, 6 };
    w = be->op.weight_new(be, turn, 2, 2, WEIGHT_FORWARD | WEIGHT_LRP);
    assert_non_null(w);
    CALL(be, linear_lrp, .rows = 1, .w = w, .x = R(x2), .y = R(y2), .b = R(zero), .r = R(r2),
         .rx = R(r2), .scratch = R(scratch));
    assert_close("rx = r", r2, (double[]){ 6, 4 }, 2, 1e-8);
    be->op.weight_free(be, w);
    /* all of r1 and r2, but where x is 0 */
    double twice[] = { 2, -2, 0, 1 }, ra[] = { 3, -5, 7, 1 }, rb[] = { 1, 2, 9, 0 };
    CALL(be, lrp_join, .count = 4, .x = R(twice), .r1 = R(ra), .r2 = R(rb), .r = R(ra));
    assert_close("join", ra, (double[]){ 4, -3, 0, 1 }, 4, 1e-8);
}

static void test_reductions(void **state)
{
    struct backend *be = *state;
    double x[] = { -1, -2, -3, 1, 5, 3 }, y[] = { 1, 1, 1, 2, 0, 1 }, out[2];
    const double want[][2] = { [ROW_MAX_POS] = { 0, 5 },
                               [ROW_MEAN] = { -2, 3 },
                               [ROW_SUM] = { -6, 9 },
                               [ROW_DOT] = { -6, 5 } };
    for (int stat = ROW_MAX_POS; stat <= ROW_DOT; stat++) {
        CALL(be, row_reduce, .stat = (enum row_stat)stat, .rows = 2, .cols = 3, .x = R(x),
             .y = R(y), .out = R(out));
        assert_close("row", out, want[stat], 2, 0);
    }
    double v[] = { -1, 2, -3, 0.5, 0.5, 4 }, range[2];
    const double reduced[][2] = { [REDUCE_MEAN] = { 2, 5 / 3.0 },
                                  [REDUCE_MAX] = { 3, 4 },
                                  [REDUCE_MIN] = { 1, 0.5 },
                                  [REDUCE_PRODUCT] = { 6, 1 } };
    for (int reduce = REDUCE_MEAN; reduce <= REDUCE_PRODUCT; reduce++) {
        CALL(be, channel_reduce, .n = 1, .len = 2, .chan = 3, .v = R(v), .sign = SIGN_ABS,
             .reduce = (enum reduction)reduce, .out = R(out), .range = R(range));
        assert_close("channels", out, reduced[reduce], 2, 1e-15);
        assert_close("range", range, (double[]){ 0.5, 4 }, 2, 0);
    }
}

/* PyTorch's threshold: x itself beyond 20, log1p(exp(x)) up to it. */
static void test_softplus(void **state)
{
    struct backend *be = *state;
    const double steps[] = { 20.0, 20.5, 0.0, -30.0 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        double zero = 0, one = 1, b_dt = steps[i], a = -1, xdbl[3] = { 0, 0, 0 }, delta[2], out;
        const struct scan_dir d = { R(&one), R(xdbl), R(&zero), R(&b_dt), R(&a), R(&zero) };
        CALL(be, scan, .n = 1, .len = 1, .chan = 1, .state = 1, .rank = 1, .dir = { d, d },
             .z = R(&one), .ldz = 1, .out = R(&out), .delta = { R(&delta[0]), R(&delta[1]) });
        double want = steps[i] > 20 ? steps[i] : log1p(exp(steps[i]));
        assert_true(delta[0] == want && delta[1] == want);
    }
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_patchify), TEST(test_embed),
                     TEST(test_linear), TEST(test_matmul), TEST(test_norms), TEST(test_map2),
                     TEST(test_attention), TEST(test_head_mean), TEST(test_rollout),
                     TEST(test_lrp_add), TEST(test_lrp_linear), TEST(test_reductions),
                     TEST(test_softplus));
}
