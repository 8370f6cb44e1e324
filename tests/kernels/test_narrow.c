/* Operations on narrow arrays (ops.h: bf16) beside the same operations on float arrays that hold
 * the same numbers, under PRECISION_BF16: on the backend that is named, which may take them in a
 * ViT's operations alone. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

#include "run_tests.h"

static struct backend *be;
static uint64_t state = 1;

static uint16_t to_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t b)
{
    uint32_t u = (uint32_t)b << 16;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* An array of the same numbers, exact in bf16, in both widths. */
struct both {
    real *wide, *narrow;
    size_t count;
};

static struct both both(size_t count, float low, float high)
{
    struct both b = { be->alloc(be, count * sizeof(float)), be->alloc(be, count * 2), count };
    float *x = malloc(count * sizeof *x);
    uint16_t *y = malloc(count * sizeof *y);
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        y[i] = to_bf16(low + (high - low) * (float)(state >> 40) * 0x1p-24f);
        x[i] = from_bf16(y[i]);
    }
    be->upload(be, b.wide, x, count * sizeof *x);
    be->upload(be, b.narrow, y, count * sizeof *y);
    free(x);
    free(y);
    return b;
}

static void drop(struct both b)
{
    be->free(be, b.wide);
    be->free(be, b.narrow);
}

/* The narrow result is the wide one but for a few roundings to 8 bits, relative to the largest. */
static void compare(const struct both *b, double roundings, const char *what)
{
    float *x = malloc(b->count * sizeof *x);
    uint16_t *y = malloc(b->count * sizeof *y);
    struct error err = { 0 };
    be->download(be, x, b->wide, b->count * sizeof *x);
    be->download(be, y, b->narrow, b->count * sizeof *y);
    if (be->sync(be, &err) != OK)
        fail_msg("%s: %s", what, err.text);
    double most = 0;
    for (size_t i = 0; i < b->count; i++)
        most = fmax(most, fabs((double)x[i]));
    for (size_t i = 0; i < b->count; i++) {
        double apart = fabs((double)x[i] - (double)from_bf16(y[i]));
        if (!(apart <= roundings * 0x1p-8 * most)) /* NaN fails, too */
            fail_msg("%s: %g beside %g at %zu of %zu", what, (double)from_bf16(y[i]), (double)x[i],
                     i, b->count);
    }
    free(x);
    free(y);
}

static void norm_case(int rows, int width)
{
    size_t count = (size_t)(rows * width), cols = (size_t)width;
    struct both x = both(count, -2, 2), w = both(cols, 0, 2), b = both(cols, -1, 1),
                y = both(count, 0, 0);
    struct rmsnorm_args r = { .rows = rows, .width = width, .x = x.wide, .w = w.wide, .eps = 1e-5 };
    struct layernorm_args l = {
        .rows = rows, .width = width, .x = x.wide, .w = w.wide, .b = b.wide, .eps = 1e-6
    };
    for (int narrow = 0; be->narrow && narrow < 2; narrow++) {
        r.y = narrow ? y.narrow : y.wide;
        r.narrow_y = narrow;
        be->op.rmsnorm(be, &r);
    }
    if (be->narrow)
        compare(&y, 1, "rmsnorm");
    for (int narrow = 0; narrow < 2; narrow++) {
        l.y = narrow ? y.narrow : y.wide;
        l.narrow_y = narrow;
        be->op.layernorm(be, &l);
    }
    compare(&y, 1, "layernorm");
    drop(x), drop(w), drop(b), drop(y);
}

static void test_norm(void **unused)
{
    (void)unused;
    norm_case(7, 43);
    norm_case(5, 384); /* in registers */
    norm_case(6, 100);
}

static void linear_case(int rows, int in, int out, bool bias, enum activation act)
{
    size_t count = (size_t)out * (size_t)in;
    float *host = malloc(count * sizeof *host);
    for (size_t i = 0; i < count; i++)
        host[i] = (float)((double)(i * 2654435761u % 1000) / 1000 - 0.5);
    struct weight *w = be->op.weight_new(be, host, out, in, WEIGHT_FORWARD);
    struct both x = both((size_t)(rows * in), -1, 1), b = both((size_t)out, -1, 1);
    struct both y = both((size_t)(rows * out), 0, 0);
    for (int narrow = 0; narrow < 2; narrow++) {
        const struct linear_args a = { .rows = rows,
                                       .w = w,
                                       .x = narrow ? x.narrow : x.wide,
                                       .ldx = (size_t)in,
                                       .bias = bias ? b.wide : NULL,
                                       .act = act,
                                       .y = narrow ? y.narrow : y.wide,
                                       .ldy = (size_t)out,
                                       .narrow_x = narrow,
                                       .narrow_y = narrow };
        be->op.linear(be, &a);
    }
    compare(&y, 3, "linear");
    struct both s = both((size_t)(rows * out), -1, 1), t = s; /* a narrow x to a wide y, added to */
    t.narrow = be->alloc(be, s.count * sizeof(float));
    float *same = malloc(s.count * sizeof *same), *other = malloc(s.count * sizeof *other);
    be_read_floats(be, same, s.wide, s.count);
    be->upload(be, t.narrow, same, s.count * sizeof *same);
    for (int narrow = 0; narrow < 2; narrow++) {
        const struct linear_args a = { .rows = rows,
                                       .w = w,
                                       .x = narrow ? x.narrow : x.wide,
                                       .ldx = (size_t)in,
                                       .accumulate = true,
                                       .y = narrow ? t.narrow : t.wide,
                                       .ldy = (size_t)out,
                                       .narrow_x = narrow };
        be->op.linear(be, &a);
    }
    be_read_floats(be, same, t.wide, s.count);
    be_read_floats(be, other, t.narrow, s.count);
    for (size_t i = 0; i < s.count; i++)
        if (!(fabsf(same[i] - other[i]) <= 1e-5f * (float)in))
            fail_msg("linear, added: %g beside %g", (double)other[i], (double)same[i]);
    be->free(be, t.narrow);
    be->op.weight_free(be, w);
    drop(x), drop(b), drop(y), drop(s);
    free(host), free(same), free(other);
}

static void test_linear(void **unused)
{
    (void)unused;
    linear_case(37, 24, 40, true, ACT_NONE);
    linear_case(37, 24, 40, true, ACT_GELU);
    linear_case(5, 16, 8, false, ACT_GELU);
    linear_case(5, 13, 7, true, ACT_NONE);
    linear_case(5, 13, 7, true, ACT_GELU);
    linear_case(3, 8, 16, false, ACT_NONE);
}

static void conv_case(int n, int len, int chan, int taps)
{
    size_t rows = (size_t)(n * len), e = (size_t)chan;
    struct both x = both(rows * 2 * e, -1, 1), u[2], w[2], b[2];
    for (int k = 0; k < 2; k++) {
        u[k] = both(rows * e, 0, 0);
        w[k] = both((size_t)taps * e, -1, 1);
        b[k] = both(e, -1, 1);
    }
    for (int narrow = 0; narrow < 2; narrow++) {
        struct conv_silu_args a = { .n = n,
                                    .len = len,
                                    .chan = chan,
                                    .taps = taps,
                                    .x = narrow ? x.narrow : x.wide,
                                    .ldx = 2 * e,
                                    .narrow = narrow };
        for (int k = 0; k < 2; k++)
            a.dir[k] =
                (struct conv_dir){ w[k].wide, b[k].wide, narrow ? u[k].narrow : u[k].wide, NULL };
        be->op.conv_silu(be, &a);
    }
    for (int k = 0; k < 2; k++) {
        compare(&u[k], 1, "conv_silu");
        drop(u[k]), drop(w[k]), drop(b[k]);
    }
    drop(x);
}

static void test_conv(void **unused)
{
    (void)unused;
    conv_case(2, 19, 40, 4);
    conv_case(1, 7, 5, 3);
    conv_case(2, 9, 33, 6);
}

static void scan_case(int n, int len, int chan, int states, int rank)
{
    size_t rows = (size_t)(n * len), e = (size_t)chan, cols = (size_t)(rank + 2 * states);
    struct both z = both(rows * 2 * e, -2, 2), out = both(rows * e, 0, 0);
    struct both u[2], xdbl[2], w[2], b[2], a[2], d[2];
    for (int k = 0; k < 2; k++) {
        u[k] = both(rows * e, -1, 1);
        xdbl[k] = both(rows * cols, -1, 1);
        w[k] = both((size_t)rank * e, -0.5f, 0.5f);
        b[k] = both(e, -3, 0);
        a[k] = both((size_t)states * e, -4, -0.1f);
        d[k] = both(e, -1, 1);
    }
    for (int narrow = 0; narrow < 2; narrow++) {
        struct scan_args s = { .n = n,
                               .len = len,
                               .chan = chan,
                               .state = states,
                               .rank = rank,
                               .z = be_at_narrow(be, narrow, narrow ? z.narrow : z.wide, e),
                               .ldz = 2 * e,
                               .out = narrow ? out.narrow : out.wide,
                               .narrow = narrow };
        for (int k = 0; k < 2; k++)
            s.dir[k] = (struct scan_dir){ narrow ? u[k].narrow : u[k].wide,
                                          xdbl[k].wide,
                                          w[k].wide,
                                          b[k].wide,
                                          a[k].wide,
                                          d[k].wide };
        be->op.scan(be, &s);
    }
    compare(&out, 3, "scan"); /* the first direction's y is rounded on the way */
    for (int k = 0; k < 2; k++)
        drop(u[k]), drop(xdbl[k]), drop(w[k]), drop(b[k]), drop(a[k]), drop(d[k]);
    drop(z), drop(out);
}

static void test_scan(void **unused)
{
    (void)unused;
    scan_case(2, 19, 70, 16, 5);
    scan_case(1, 8, 3, 5, 2);
    scan_case(2, 35, 134, 16, 12); /* two channels a thread */
    scan_case(1, 1, 2, 16, 4);
}

static void attention_case(int n, int len, int heads, int dim)
{
    size_t rows = (size_t)(n * len), width = (size_t)(heads * dim);
    struct both qkv = both(rows * 3 * width, -2, 2), out = both(rows * width, 0, 0);
    for (int narrow = 0; narrow < 2; narrow++) {
        const struct attention_args a = { .n = n,
                                          .len = len,
                                          .heads = heads,
                                          .dim = dim,
                                          .qkv = narrow ? qkv.narrow : qkv.wide,
                                          .scale = 1 / sqrt((double)dim),
                                          .out = narrow ? out.narrow : out.wide,
                                          .narrow = narrow };
        be->op.attention(be, &a);
    }
    compare(&out, 3, "attention"); /* the maps are rounded, too */
    drop(qkv), drop(out);
}

static void test_attention(void **unused)
{
    (void)unused;
    static const int dims[] = { 16, 32, 64, 10, 7 }, lens[] = { 1, 5, 64, 65, 130, 197 };
    for (int i = 0; i < (be->narrow ? 4 : 5); i++) /* GPUs want pairs */
        for (int k = 0; k < 6; k++)
            attention_case(2, lens[k], 3, dims[i]);
}

int main(int argc, char **argv)
{
    enum { SKIPPED = 77 };
    const struct backend_options options = { .precision = PRECISION_BF16, .simd = "" };
    struct error err;
    if (argc != 2 || backend_open(argv[1], &options, &be, &err) != OK) {
        print_error("no backend: %s\n", argc == 2 ? err.text : "which?");
        return 1;
    }
    if (!be->narrow && !be->narrow_vit) {
        print_message("SKIPPED: %s has no narrow arrays here\n", be->name);
        backend_close(be);
        return SKIPPED;
    }
    int failed = RUN_TESTS(NULL, NULL, TEST(test_norm), TEST(test_linear), TEST(test_attention));
    if (be->narrow)
        failed += RUN_TESTS(NULL, NULL, TEST(test_conv), TEST(test_scan));
    backend_close(be);
    return failed;
}
