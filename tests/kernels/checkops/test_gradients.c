/* Every backward of ref64 against central differences of a forward. Where a backward is not that
 * of its forward (SPEC 5.5: detached factors, ratios, half gates), the difference is taken of the
 * function that it is the gradient of, written out here. */
#include "host.h"

/* ---- linear, norms, elementwise ---------------------------------------------------------- */

struct linear_loss {
    struct backend *be;
    struct linear_args args;
    double *y, *g;
    size_t count;
};

static double linear_loss(void *context)
{
    struct linear_loss *l = context;
    l->be->op.linear(l->be, &l->args);
    return dot(l->y, l->g, l->count);
}

static void test_linear_back(void **state)
{
    enum { ROWS = 3, IN = 5, OUT = 4 };
    struct backend *be = *state;
    float host[OUT * IN];
    uint64_t seed = 1;
    for (int i = 0; i < OUT * IN; i++)
        host[i] = (float)next_uniform(&seed, -1, 1);
    struct weight *w = be->op.weight_new(be, host, OUT, IN, WEIGHT_FORWARD | WEIGHT_BACK);
    assert_non_null(w);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        double *x = randoms(2, ROWS * IN, -1, 1), *gx = zeros(ROWS * IN);
        struct linear_loss l = { .be = be, .y = zeros(ROWS * OUT), .count = ROWS * OUT };
        l.g = randoms(3, l.count, -1, 1);
        l.args = (struct linear_args){
            .rows = ROWS, .w = w, .x = R(x), .ldx = IN, .y = R(l.y), .ldy = OUT
        };
        for (int i = 0; i < ROWS * IN; i++)
            gx[i] = 10;
        CALL(be, linear_back, .rows = ROWS, .w = w, .gy = R(l.g), .ldgy = OUT,
             .accumulate = accumulate, .gx = R(gx), .ldgx = IN);
        for (int i = 0; i < ROWS * IN && accumulate; i++)
            gx[i] -= 10;
        check_gradient("gx", x, ROWS * IN, gx, linear_loss, &l);
        free(x), free(gx), free(l.y), free(l.g);
    }
    be->op.weight_free(be, w);
}

enum { NORM_ROWS = 3, NORM_WIDTH = 6, NORM_COUNT = NORM_ROWS * NORM_WIDTH };

struct norm_loss {
    struct backend *be;
    bool layer;
    double *x, *w, *b, *y, *g;
    double frozen[NORM_ROWS]; /* 1/sqrt(.) of the detached function */
};

static double norm_loss(void *context)
{
    struct norm_loss *l = context;
    struct backend *be = l->be;
    if (l->layer)
        CALL(be, layernorm, .rows = NORM_ROWS, .width = NORM_WIDTH, .x = R(l->x), .w = R(l->w),
             .b = R(l->b), .eps = 1e-3, .y = R(l->y));
    else
        CALL(be, rmsnorm, .rows = NORM_ROWS, .width = NORM_WIDTH, .x = R(l->x), .w = R(l->w),
             .eps = 1e-3, .y = R(l->y));
    return dot(l->y, l->g, NORM_COUNT);
}

static double frozen_norm_loss(void *context)
{
    struct norm_loss *l = context;
    double sum = 0;
    for (int i = 0; i < NORM_COUNT; i++)
        sum += l->g[i] * l->x[i] * l->frozen[i / NORM_WIDTH] * l->w[i % NORM_WIDTH];
    return sum;
}

static void check_norm(struct backend *be, bool layer, bool detach, bool accumulate)
{
    struct norm_loss l = { .be = be, .layer = layer };
    l.x = randoms(4, NORM_COUNT, -1, 2);
    l.w = randoms(5, NORM_WIDTH, 0.5, 1.5);
    l.b = randoms(6, NORM_WIDTH, -1, 1);
    l.g = randoms(7, NORM_COUNT, -1, 1);
    l.y = zeros(NORM_COUNT);
    double *gx = randoms(8, NORM_COUNT, 0, 0);
    for (int i = 0; i < NORM_COUNT; i++)
        gx[i] = 10;
    for (int r = 0; r < NORM_ROWS; r++) {
        const double *row = l.x + r * NORM_WIDTH;
        l.frozen[r] = 1 / sqrt(dot(row, row, NORM_WIDTH) / NORM_WIDTH + 1e-3);
    }
    if (layer)
        CALL(be, layernorm_back, .rows = NORM_ROWS, .width = NORM_WIDTH, .x = R(l.x), .w = R(l.w),
             .gy = R(l.g), .eps = 1e-3, .accumulate = accumulate, .gx = R(gx));
    else
        CALL(be, rmsnorm_back, .rows = NORM_ROWS, .width = NORM_WIDTH, .x = R(l.x), .w = R(l.w),
             .gy = R(l.g), .eps = 1e-3, .detach = detach, .accumulate = accumulate, .gx = R(gx));
    for (int i = 0; i < NORM_COUNT && accumulate; i++)
        gx[i] -= 10;
    check_gradient("gx", l.x, NORM_COUNT, gx, detach ? frozen_norm_loss : norm_loss, &l);
    free(l.x), free(l.w), free(l.b), free(l.g), free(l.y), free(gx);
}

static void test_norms_back(void **state)
{
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        check_norm(*state, false, false, accumulate);
        check_norm(*state, false, true, accumulate);
        check_norm(*state, true, false, accumulate);
    }
}

enum { ELEMENTS = 24 };

struct gelu_loss {
    struct backend *be;
    enum map2 f;
    double *x, *y, *g;
};

static double gelu_loss(void *context)
{
    struct gelu_loss *l = context;
    CALL(l->be, map2, .f = l->f, .count = ELEMENTS, .a = R(l->x), .scale = 1, .out = R(l->y));
    return dot(l->y, l->g, ELEMENTS);
}

static void check_gelu_back(struct backend *be, enum map2 f, enum map2 back)
{
    struct gelu_loss l = { be, f, randoms(9, ELEMENTS, -4, 4), zeros(ELEMENTS),
                           randoms(10, ELEMENTS, -1, 1) };
    double *gx = zeros(ELEMENTS);
    CALL(l.be, map2, .f = back, .count = ELEMENTS, .a = R(l.x), .b = R(l.g), .scale = 1,
         .out = R(gx));
    check_gradient("gx", l.x, ELEMENTS, gx, gelu_loss, &l);
    free(l.x), free(l.y), free(l.g), free(gx);
}

static void test_gelu_back(void **state)
{
    check_gelu_back(*state, MAP_GELU, MAP_GELU_BACK);
    check_gelu_back(*state, MAP_TANH_GELU, MAP_TANH_GELU_BACK);
    check_gelu_back(*state, MAP_QUICK_GELU, MAP_QUICK_GELU_BACK);
}

enum { SOFT_ROWS = 3, SOFT_COLS = 7, SOFT_COUNT = SOFT_ROWS * SOFT_COLS };
static const double soft_scale = 0.7;

struct softmax_loss {
    double *s, *p, *g;
};

static double softmax_loss(void *context)
{
    struct softmax_loss *l = context;
    for (int r = 0; r < SOFT_ROWS; r++) {
        double sum = 0;
        for (int j = 0; j < SOFT_COLS; j++)
            sum += l->p[r * SOFT_COLS + j] = exp(soft_scale * l->s[r * SOFT_COLS + j]);
        for (int j = 0; j < SOFT_COLS; j++)
            l->p[r * SOFT_COLS + j] /= sum;
    }
    return dot(l->p, l->g, SOFT_COUNT);
}

static void test_softmax_back(void **state)
{
    struct backend *be = *state;
    struct softmax_loss l = { randoms(11, SOFT_COUNT, -2, 2), zeros(SOFT_COUNT),
                              randoms(12, SOFT_COUNT, -1, 1) };
    double *gs = zeros(SOFT_COUNT);
    softmax_loss(&l);
    CALL(be, softmax_back, .rows = SOFT_ROWS, .cols = SOFT_COLS, .p = R(l.p), .gp = R(l.g),
         .scale = soft_scale, .gs = R(gs));
    check_gradient("gs", l.s, SOFT_COUNT, gs, softmax_loss, &l);
    free(l.s), free(l.p), free(l.g), free(gs);
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_linear_back), TEST(test_norms_back),
                     TEST(test_gelu_back), TEST(test_softmax_back));
}
