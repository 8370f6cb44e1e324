/* conv_silu_back and scan_back of ref64 against central differences (see test_gradients.c), plain
 * and with MambaLRP's changed rules (SPEC 5.5). */
#include "host.h"

enum { N = 2, L = 6, E = 3, K = 4, S = 2, RANK = 2, LD = E + 2, COLS = RANK + 2 * S };
enum { DENSE = N * L * E, STRIDED = N * L * LD, XDBL = N * L * COLS };

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* p~ of SPEC 5.5. */
static double nudged(double x)
{
    return x + (x >= 0 ? 1e-6 : -1e-6);
}

/* ---- convolution ------------------------------------------------------------------------- */

struct conv_loss {
    struct backend *be;
    double *x, *w[2], *b[2], *u[2], *pre[2], *gu[2];
    double *frozen[2]; /* SiLU(p) / p~, the constant of the ratio rule; NULL for the plain one */
};

static double conv_loss(void *context)
{
    struct conv_loss *l = context;
    CALL(l->be, conv_silu, .n = N, .len = L, .chan = E, .taps = K, .x = R(l->x), .ldx = LD,
         .dir = { { R(l->w[0]), R(l->b[0]), R(l->u[0]), R(l->pre[0]) },
                  { R(l->w[1]), R(l->b[1]), R(l->u[1]), R(l->pre[1]) } });
    double sum = 0;
    for (int dir = 0; dir < 2; dir++)
        for (int i = 0; i < DENSE; i++)
            sum += l->gu[dir][i] * (l->frozen[dir] == NULL
                                        ? l->u[dir][i]
                                        : nudged(l->pre[dir][i]) * l->frozen[dir][i]);
    return sum;
}

static void check_conv(struct backend *be, bool ratio)
{
    struct conv_loss l = { .be = be, .x = randoms(1, STRIDED, -2, 2) };
    for (int dir = 0; dir < 2; dir++) {
        l.w[dir] = randoms(2 + (uint64_t)dir, K * E, -1, 1);
        l.b[dir] = randoms(4 + (uint64_t)dir, E, -1, 1);
        l.gu[dir] = randoms(6 + (uint64_t)dir, DENSE, -1, 1);
        l.u[dir] = zeros(DENSE);
        l.pre[dir] = zeros(DENSE);
    }
    conv_loss(&l);
    for (int dir = 0; dir < 2 && ratio; dir++) {
        l.frozen[dir] = zeros(DENSE);
        for (int i = 0; i < DENSE; i++)
            l.frozen[dir][i] = silu(l.pre[dir][i]) / nudged(l.pre[dir][i]);
    }
    double *gx = zeros(STRIDED);
    CALL(be, conv_silu_back, .n = N, .len = L, .chan = E, .taps = K, .x = R(l.x), .ldx = LD,
         .dir = { { R(l.w[0]), R(l.b[0]), R(l.gu[0]) }, { R(l.w[1]), R(l.b[1]), R(l.gu[1]) } },
         .silu_ratio = ratio, .gx = R(gx), .ldgx = LD);
    /* the padding of x has gradient 0, and gx keeps its zeros there */
    check_gradient("gx", l.x, STRIDED, gx, conv_loss, &l);
    for (int dir = 0; dir < 2; dir++) {
        free(l.w[dir]), free(l.b[dir]), free(l.gu[dir]), free(l.u[dir]), free(l.pre[dir]);
        free(l.frozen[dir]);
    }
    free(l.x), free(gx);
}

static void test_conv_back(void **state)
{
    check_conv(*state, false);
}

static void test_conv_back_ratio(void **state)
{
    check_conv(*state, true);
}

/* ---- scan -------------------------------------------------------------------------------- */

struct scan_loss {
    struct backend *be;
    double *u[2], *xdbl[2], *w_dt[2], *b_dt[2], *a[2], *d[2], *z, *out, *y[2], *gout;
    double *frozen; /* SiLU(z) / z~ [STRIDED], the ratio rule at the gate; or NULL */
    double share;   /* 1/2: the gate's product is y/2 + const */
};

static struct scan_dir scan_dir(const struct scan_loss *l, int dir)
{
    return (struct scan_dir){ R(l->u[dir]),    R(l->xdbl[dir]), R(l->w_dt[dir]),
                              R(l->b_dt[dir]), R(l->a[dir]),    R(l->d[dir]) };
}

static double scan_loss(void *context)
{
    struct scan_loss *l = context;
    CALL(l->be, scan, .n = N, .len = L, .chan = E, .state = S, .rank = RANK,
         .dir = { scan_dir(l, 0), scan_dir(l, 1) }, .z = R(l->z), .ldz = LD, .out = R(l->out),
         .y = { R(l->y[0]), R(l->y[1]) });
    double sum = 0;
    for (int t = 0; t < N * L; t++)
        for (int c = 0; c < E; c++) {
            int i = t * E + c, z = t * LD + c;
            double gated = l->out[i];
            if (l->frozen != NULL)
                gated = (l->y[0][i] + l->y[1][i]) / 2 * nudged(l->z[z]) * l->frozen[z];
            sum += l->share * l->gout[i] * gated;
        }
    return sum;
}

static struct scan_loss new_scan_loss(struct backend *be, bool half, bool ratio, bool high_step)
{
    struct scan_loss l = { .be = be, .share = half ? 0.5 : 1 };
    for (int dir = 0; dir < 2; dir++) {
        uint64_t seed = 100 + (uint64_t)dir;
        l.u[dir] = randoms(seed, DENSE, -1, 1);
        l.xdbl[dir] = randoms(seed + 10, XDBL, -1, 1);
        l.w_dt[dir] = randoms(seed + 20, RANK * E, -1, 1);
        /* some Δ beyond 20, where softplus is the identity */
        l.b_dt[dir] = randoms(seed + 30, E, high_step ? 25 : -2, high_step ? 30 : 1);
        l.a[dir] = randoms(seed + 40, S * E, high_step ? -0.05 : -2, -0.01);
        l.d[dir] = randoms(seed + 50, E, -1, 1);
        l.y[dir] = zeros(DENSE);
    }
    l.z = randoms(200, STRIDED, -2, 2);
    l.gout = randoms(201, DENSE, -1, 1);
    l.out = zeros(DENSE);
    if (ratio) {
        l.frozen = zeros(STRIDED);
        for (int i = 0; i < STRIDED; i++)
            l.frozen[i] = silu(l.z[i]) / nudged(l.z[i]);
    }
    return l;
}

static void free_scan_loss(struct scan_loss *l)
{
    for (int dir = 0; dir < 2; dir++) {
        free(l->u[dir]), free(l->xdbl[dir]), free(l->w_dt[dir]), free(l->b_dt[dir]);
        free(l->a[dir]), free(l->d[dir]), free(l->y[dir]);
    }
    free(l->z), free(l->gout), free(l->out), free(l->frozen);
}

/* u enters the scan of given Δ, B and C linearly, so gu is the same with and without `detach`. */
static void check_scan(struct backend *be, bool detach, bool half, bool ratio, bool high_step)
{
    struct scan_loss l = new_scan_loss(be, half, ratio, high_step);
    double *gu[2] = { zeros(DENSE), zeros(DENSE) }, *gxdbl[2] = { zeros(XDBL), zeros(XDBL) };
    double *gz = zeros(STRIDED);
    CALL(be, scan_back, .n = N, .len = L, .chan = E, .state = S, .rank = RANK,
         .dir = { scan_dir(&l, 0), scan_dir(&l, 1) }, .z = R(l.z), .ldz = LD, .gout = R(l.gout),
         .detach = detach, .half_gate = half, .silu_ratio = ratio, .gu = { R(gu[0]), R(gu[1]) },
         .gxdbl = { detach ? NULL : R(gxdbl[0]), detach ? NULL : R(gxdbl[1]) }, .gz = R(gz),
         .ldgz = LD);
    check_gradient("gz", l.z, STRIDED, gz, scan_loss, &l);
    for (int dir = 0; dir < 2; dir++) {
        check_gradient("gu", l.u[dir], DENSE, gu[dir], scan_loss, &l);
        if (!detach)
            check_gradient("gxdbl", l.xdbl[dir], XDBL, gxdbl[dir], scan_loss, &l);
        free(gu[dir]), free(gxdbl[dir]);
    }
    free(gz);
    free_scan_loss(&l);
}

static void test_scan_back(void **state)
{
    check_scan(*state, false, false, false, false);
    check_scan(*state, false, false, false, true);
}

static void test_scan_back_rules(void **state)
{
    for (int flags = 1; flags < 8; flags++)
        check_scan(*state, flags & 1, flags & 2, flags & 4, false);
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_conv_back), TEST(test_conv_back_ratio),
                     TEST(test_scan_back), TEST(test_scan_back_rules));
}
