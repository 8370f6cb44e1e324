/* The operations of further explanation methods on ref64, held to what they are by definition: the
 * transpose of patchify, derivatives of functions with parts held constant, rules written out with
 * W⁺ and W⁻, draws of the right distribution. */
#include "draw.h"
#include "host.h"

/* ---- fold ---- */

enum { SIDE = 11, PATCH = 4, STRIDE = 3, GRID = (SIDE - PATCH) / STRIDE + 1 };
enum { PIXELS = SIDE * SIDE * 3, PATCHES = GRID * GRID * 3 * PATCH * PATCH };

/* <fold(p), image> = <p, patchify(image)> for every p: the transpose. */
static void test_fold_is_patchify_transposed(void **state)
{
    struct backend *be = *state;
    double *p = randoms(1, PATCHES, -1, 1), *folded = zeros(PIXELS), *patches = zeros(PATCHES);
    double image[PIXELS];
    uint8_t rgb[PIXELS];
    uint64_t seed = 2;
    for (int i = 0; i < PIXELS; i++) {
        rgb[i] = (uint8_t)next_uniform(&seed, 0, 256);
        image[i] = (double)((float)rgb[i] / 255.0F);
    }
    const struct view view = { .rgb = rgb };
    CALL(be, patchify, .n = 1, .side = SIDE, .patch = PATCH, .stride = STRIDE, .grid = GRID,
         .views = &view, .std = { 1, 1, 1 }, .out = R(patches));
    CALL(be, fold, .n = 1, .side = SIDE, .patch = PATCH, .stride = STRIDE, .grid = GRID,
         .patches = R(p), .out = R(folded));
    double left = dot(folded, image, PIXELS), right = dot(p, patches, PATCHES);
    assert_close("transpose", &left, &right, 1, 1e-12);
    free(p), free(folded), free(patches);
}

/* ---- noise ---- */

static void test_noise_is_one_draw_a_pixel(void **state)
{
    struct backend *be = *state;
    double *a = zeros(PATCHES), *b = zeros(PATCHES), two = 2, one = 1;
    uint64_t stream = draw_stream(7, 8, 9);
    struct noise_args n = { .n = 1,
                            .side = SIDE,
                            .patch = PATCH,
                            .stride = STRIDE,
                            .grid = GRID,
                            .stream = &stream,
                            .sigma = &one,
                            .patches = R(a) };
    be->op.noise(be, &n);
    n.sigma = &two;
    n.patches = R(b);
    be->op.noise(be, &n);
    for (int i = 0; i < PATCHES; i++)
        assert_true(b[i] == 2 * a[i]);
    /* pixel (3, 3) is (3, 3) of the first patch and (0, 0) of the one a step down and right */
    for (int c = 0; c < 3; c++)
        assert_true(a[(c * PATCH + 3) * PATCH + 3] == a[((GRID + 1) * 3 + c) * PATCH * PATCH]);
    assert_true(a[0] == draw_normal(stream, 0));
    assert_true(a[2 * PATCH * PATCH + 1] == draw_normal(stream, 2 * SIDE * SIDE + 1));
    free(a), free(b);
}

static void test_draws(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    uint64_t stream = draw_stream(1, 2, 3);
    double sum = 0, square = 0, fourth = 0, uniform = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double x = draw_normal(stream, i), u = draw_uniform(stream, i);
        sum += x / COUNT;
        square += x * x / COUNT;
        fourth += x * x * x * x / COUNT;
        uniform += u / COUNT;
        assert_true(isfinite(x) && u >= 0 && u < 1);
    }
    /* five standard errors: sqrt(1, 2, 96, 1/12 over COUNT) */
    assert_true(fabs(sum) < 5 * sqrt(1.0 / COUNT));
    assert_true(fabs(square - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(fourth - 3) < 5 * sqrt(96.0 / COUNT));
    assert_true(fabs(uniform - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(draw_stream(1, 2, 4) != stream && draw_stream(1, 3, 3) != stream &&
                draw_stream(2, 2, 3) != stream);
    /* splitmix64's first output from state 0, as published */
    assert_true(draw_bits(0, 0) == 0xe220a8397b1dcdafu);
}

/* ---- derivatives with parts held constant ---- */

enum { ROWS = 3, WIDTH = 6, COUNT = ROWS * WIDTH };

struct frozen {
    double *x, *w, *g;
    double scale[COUNT]; /* what is held constant */
};

/* Σ g (x - mean x) w / s with s as it was. */
static double norm_loss(void *context)
{
    struct frozen *f = context;
    double sum = 0;
    for (int r = 0; r < ROWS; r++) {
        double mean = 0;
        for (int i = 0; i < WIDTH; i++)
            mean += f->x[r * WIDTH + i] / WIDTH;
        for (int i = 0; i < WIDTH; i++)
            sum += f->g[r * WIDTH + i] * (f->x[r * WIDTH + i] - mean) * f->w[i] * f->scale[r];
    }
    return sum;
}

static void test_layernorm_back_detached(void **state)
{
    struct backend *be = *state;
    struct frozen f = {
        randoms(3, COUNT, -1, 2), randoms(4, WIDTH, 0.5, 1.5), randoms(5, COUNT, -1, 1), { 0 }
    };
    double *gx = zeros(COUNT);
    for (int r = 0; r < ROWS; r++) {
        double mean = 0, square = 0;
        for (int i = 0; i < WIDTH; i++) {
            mean += f.x[r * WIDTH + i] / WIDTH;
            square += f.x[r * WIDTH + i] * f.x[r * WIDTH + i] / WIDTH;
        }
        f.scale[r] = 1 / sqrt(square - mean * mean + 1e-3);
    }
    CALL(be, layernorm_back, .rows = ROWS, .width = WIDTH, .x = R(f.x), .w = R(f.w), .gy = R(f.g),
         .eps = 1e-3, .detach = true, .gx = R(gx));
    check_gradient("gx", f.x, COUNT, gx, norm_loss, &f);
    free(f.x), free(f.w), free(f.g), free(gx);
}

static double gate_loss(void *context)
{
    const struct frozen *f = context;
    double sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += f->g[i] * f->x[i] * f->scale[i];
    return sum;
}

static void check_gelu_gate(struct backend *be, enum map2 act, enum map2 gate)
{
    struct frozen f = { randoms(6, COUNT, -4, 4), NULL, randoms(7, COUNT, -1, 1), { 0 } };
    double *gx = zeros(COUNT), *y = zeros(COUNT);
    struct map2_args gelu = { .f = act, .count = COUNT, .a = R(f.x), .scale = 1, .out = R(y) };
    be->op.map2(be, &gelu);
    for (int i = 0; i < COUNT; i++)
        f.scale[i] = y[i] / f.x[i];
    CALL(be, map2, .f = gate, .count = COUNT, .a = R(f.x), .b = R(f.g), .scale = 1, .out = R(gx));
    check_gradient("gx", f.x, COUNT, gx, gate_loss, &f);
    free(f.x), free(f.g), free(gx), free(y);
}

static void test_gelu_gate(void **state)
{
    check_gelu_gate(*state, MAP_GELU, MAP_GELU_GATE);
    check_gelu_gate(*state, MAP_TANH_GELU, MAP_TANH_GELU_GATE);
    check_gelu_gate(*state, MAP_QUICK_GELU, MAP_QUICK_GELU_GATE);
}

/* Two approximations as other code writes them: GELU by its tanh (Hendrycks and Gimpel), CLIP's x
 * σ(1.702 x). */
static void test_other_gelus(void **state)
{
    struct backend *be = *state;
    double *x = randoms(8, COUNT, -4, 4), *tanh_gelu = zeros(COUNT), *quick = zeros(COUNT);
    CALL(be, map2, .f = MAP_TANH_GELU, .count = COUNT, .a = R(x), .scale = 1, .out = R(tanh_gelu));
    CALL(be, map2, .f = MAP_QUICK_GELU, .count = COUNT, .a = R(x), .scale = 1, .out = R(quick));
    for (int i = 0; i < COUNT; i++) {
        double inner = sqrt(2 / M_PI) * (x[i] + 0.044715 * x[i] * x[i] * x[i]);
        assert_true(fabs(tanh_gelu[i] - 0.5 * x[i] * (1 + tanh(inner))) < 1e-14);
        assert_true(fabs(quick[i] - x[i] / (1 + exp(-1.702 * x[i]))) < 1e-14);
    }
    free(x), free(tanh_gelu), free(quick);
}

/* ---- the gamma rule, with W⁺, W⁻, x⁺, x⁻ written out ---- */

enum { IN = 5, OUT = 4 };

struct rule {
    double w[OUT * IN], b[OUT], x[ROWS * IN], g[ROWS * OUT], gamma;
};

static double part(double a, int sign)
{
    return sign > 0 ? fmax(a, 0) : fmin(a, 0);
}

/* s of row r, output o: g y / d. */
static double explicit_share(const struct rule *u, int r, int o, double *y)
{
    double more;
    *y = u->b[o];
    for (int i = 0; i < IN; i++)
        *y += u->w[o * IN + i] * u->x[r * IN + i];
    int sign = *y > 0 ? 1 : -1;
    more = part(u->b[o], sign);
    for (int i = 0; i < IN; i++) {
        double w = u->w[o * IN + i], x = u->x[r * IN + i];
        more += part(w, sign) * part(x, 1) + part(w, -sign) * part(x, -1);
    }
    double d = *y + u->gamma * more;
    return u->g[r * OUT + o] * *y / (d + (d < 0 ? -1e-6 : 1e-6));
}

static double explicit_gradient(const struct rule *u, int r, int i)
{
    double sum = 0, y;
    for (int o = 0; o < OUT; o++) {
        double s = explicit_share(u, r, o, &y), w = u->w[o * IN + i];
        int sign = (y > 0) == (u->x[r * IN + i] > 0) ? 1 : -1;
        sum += s * (w + u->gamma * part(w, sign));
    }
    return sum;
}

static void run_gamma(struct backend *be, const struct rule *u, double *gx)
{
    float host[OUT * IN], absolute[OUT * IN];
    double x_abs[ROWS * IN], y[ROWS * OUT], t[ROWS * OUT], s[ROWS * OUT], s_abs[ROWS * OUT];
    double a[ROWS * IN], b[ROWS * IN], bias[OUT], x[ROWS * IN], g[ROWS * OUT];
    memcpy(bias, u->b, sizeof bias), memcpy(x, u->x, sizeof x), memcpy(g, u->g, sizeof g);
    for (int i = 0; i < OUT * IN; i++)
        absolute[i] = fabsf(host[i] = (float)u->w[i]);
    for (int i = 0; i < ROWS * IN; i++)
        x_abs[i] = fabs(x[i]);
    struct weight *w = be->op.weight_new(be, host, OUT, IN, WEIGHT_FORWARD | WEIGHT_BACK);
    struct weight *v = be->op.weight_new(be, absolute, OUT, IN, WEIGHT_FORWARD | WEIGHT_BACK);
    CALL(be, linear, .rows = ROWS, .w = w, .x = R(x), .ldx = IN, .bias = R(bias), .y = R(y),
         .ldy = OUT);
    CALL(be, linear, .rows = ROWS, .w = v, .x = R(x_abs), .ldx = IN, .y = R(t), .ldy = OUT);
    CALL(be, gamma_split, .rows = ROWS, .cols = OUT, .gamma = u->gamma, .y = R(y), .t = R(t),
         .g = R(g), .b = R(bias), .s = R(s), .s_abs = R(s_abs));
    CALL(be, linear_back, .rows = ROWS, .w = w, .gy = R(s), .ldgy = OUT, .gx = R(a), .ldgx = IN);
    CALL(be, linear_back, .rows = ROWS, .w = v, .gy = R(s_abs), .ldgy = OUT, .gx = R(b),
         .ldgx = IN);
    CALL(be, gamma_join, .count = ROWS * IN, .gamma = u->gamma, .x = R(x), .a = R(a), .b = R(b),
         .gx = R(gx));
    be->op.weight_free(be, w);
    be->op.weight_free(be, v);
}

static void test_gamma_rule(void **state)
{
    static const double gammas[] = { 0, 0.05, 1, 100 };
    struct rule u;
    uint64_t seed = 8;
    for (int i = 0; i < OUT * IN; i++)
        u.w[i] = (float)next_uniform(&seed, -1, 1);
    for (int i = 0; i < OUT; i++)
        u.b[i] = next_uniform(&seed, -1, 1);
    for (int i = 0; i < ROWS * IN; i++)
        u.x[i] = i == 3 ? 0 : next_uniform(&seed, -1, 1);
    for (int i = 0; i < ROWS * OUT; i++)
        u.g[i] = next_uniform(&seed, -1, 1);
    for (size_t k = 0; k < sizeof gammas / sizeof *gammas; k++) {
        double want[ROWS * IN], got[ROWS * IN];
        u.gamma = gammas[k];
        for (int i = 0; i < ROWS * IN; i++)
            want[i] = explicit_gradient(&u, i / IN, i % IN);
        run_gamma(*state, &u, got);
        assert_close("gx", got, want, ROWS * IN, 1e-12);
    }
}

/* ---- influence: sums over all later tokens written out ---- */

enum { N = 2, L = 6, E = 3, S = 4, RANK = 2, COLS = RANK + 2 * S };

/* Of one direction: Σ_n |Δ_t B_t| Σ_{k >= t} |C_k| exp(A Σ_{t < i <= k} Δ_i), or the Gramian's. */
static double explicit_influence(const double *delta, const double *xdbl, const double *a, int dir,
                                 int t, bool gramian)
{
    int step = dir == 0 ? 1 : -1;
    double sum = 0;
    for (int e = 0; e < E; e++)
        for (int n = 0; n < S; n++) {
            double rate = a[n * E + e], passed = 0, later = 0;
            double push = delta[t * E + e] * xdbl[t * COLS + RANK + n];
            double c = xdbl[t * COLS + RANK + S + n];
            for (int k = t; k >= 0 && k < L; k += step) {
                passed += k == t ? 0 : delta[k * E + e];
                later += fabs(xdbl[k * COLS + RANK + S + n]) * exp(rate * passed);
            }
            sum += gramian ? c * c * push * push / (1 - exp(2 * delta[t * E + e] * rate) + 1e-8)
                           : fabs(push) * later;
        }
    return sum / E;
}

static void test_influence(void **state)
{
    struct backend *be = *state;
    double *delta[2], *xdbl[2], *a[2], *got = zeros(N * L), *want = zeros(N * L);
    for (int i = 0; i < 2; i++) {
        uint64_t seed = 20 + (uint64_t)i;
        delta[i] = randoms(seed, N * L * E, 0.01, 0.8);
        xdbl[i] = randoms(seed + 10, N * L * COLS, -1, 1);
        a[i] = randoms(seed + 20, S * E, -3, -0.05);
    }
    for (int gramian = 0; gramian < 2; gramian++) {
        struct scan_influence_args args = {
            .n = N, .len = L, .chan = E, .state = S, .rank = RANK, .gramian = gramian, .out = R(got)
        };
        for (int i = 0; i < 2; i++) {
            args.dir[i].delta = R(delta[i]);
            args.dir[i].xdbl = R(xdbl[i]);
            args.dir[i].a = R(a[i]);
        }
        be->op.scan_influence(be, &args);
        for (int i = 0; i < N * L; i++) {
            int image = i / L;
            want[i] = 0;
            for (int dir = 0; dir < 2; dir++)
                want[i] +=
                    explicit_influence(delta[dir] + image * L * E, xdbl[dir] + image * L * COLS,
                                       a[dir], dir, i % L, gramian) /
                    2;
        }
        assert_close("influence", got, want, N * L, 1e-12);
    }
    for (int i = 0; i < 2; i++)
        free(delta[i]), free(xdbl[i]), free(a[i]);
    free(got), free(want);
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_fold_is_patchify_transposed),
                     TEST(test_noise_is_one_draw_a_pixel), TEST(test_draws),
                     TEST(test_layernorm_back_detached), TEST(test_gelu_gate),
                     TEST(test_other_gelus), TEST(test_gamma_rule), TEST(test_influence));
}
