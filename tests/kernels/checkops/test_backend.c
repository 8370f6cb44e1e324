/* Opening backends, and moving numbers in and out of all of them. */
#include "host.h"

static void test_unknown_name(void **state)
{
    (void)state;
    struct error err = { .code = OK };
    struct backend *be = (struct backend *)1;
    assert_int_equal(backend_open("gpu", NULL, &be, &err), E_CONFIG);
    assert_null(be);
    assert_non_null(strstr(err.text, "'gpu'"));
    assert_non_null(strstr(err.text, "ref, ref64")); /* what there is instead */
}

static void test_wrong_precision(void **state)
{
    (void)state;
    struct error err = { .code = OK };
    struct backend *be;
    const struct backend_options bf16 = { .precision = PRECISION_BF16, .simd = "" };
    assert_int_equal(backend_open("ref", &bf16, &be, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "fp32"));
    const struct backend_options twice = { .precision = PRECISION_DOUBLE, .simd = "" };
    assert_int_equal(backend_open("ref64", &twice, &be, &err), OK);
    assert_int_equal(be->real_size, 8);
    backend_close(be);
    backend_close(NULL);
}

/* More than one conversion block, and not a multiple of it. */
static void check_transfers(struct backend *be)
{
    enum { COUNT = 2500 };
    float host[COUNT], floats[COUNT];
    double doubles[COUNT];
    for (int i = 0; i < COUNT; i++)
        host[i] = (float)(i - 1000) / 3;
    real *p = be_upload_floats(be, host, COUNT);
    assert_non_null(p);
    be_read_floats(be, floats, p, COUNT);
    be_read_doubles(be, doubles, p, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(floats[i] == host[i] && doubles[i] == host[i]);
    be_write_floats(be, be_at(be, p, 7), host, 3);
    be_read_floats(be, floats, be_at(be, p, 6), 5);
    const float want[] = { host[6], host[0], host[1], host[2], host[10] };
    assert_memory_equal(floats, want, sizeof want);
    be->free(be, p);
    be->free(be, NULL);
    /* a request that no memory can hold is refused, not tried */
    assert_null(be_upload_floats(be, host, SIZE_MAX / 2));
}

/* An error stays until sync collects it, once; reading in between does not lose it. */
static void check_sticky_error(struct backend *be)
{
    float x = 1;
    struct error err = { .code = OK };
    real *p = be_upload_floats(be, &x, 1);
    be->failed.code = E_DEVICE;
    strcpy(be->failed.text, "made up");
    be_read_floats(be, &x, p, 1);
    assert_int_equal(be->sync(be, &err), E_DEVICE);
    assert_string_equal(err.text, "made up");
    assert_int_equal(be->sync(be, &err), OK);
    be->free(be, p);
}

/* The sister of a backend with double arrays: the same memory, work in one order, one sync. */
static void check_sister(struct backend *be)
{
    enum { COUNT = 5 };
    const float host[COUNT] = { 1, -2, 3, -4, 5 };
    float got[COUNT];
    struct error err = { .code = OK };
    if (be->real_size == sizeof(float)) {
        assert_int_equal(backend_single(be, &err), E_CONFIG);
        return;
    }
    assert_int_equal(backend_single(be, &err), OK);
    struct backend *single = be->single;
    assert_int_equal(backend_single(be, &err), OK);
    assert_ptr_equal(single, be->single); /* once */
    assert_string_equal(backend_double_name(single->name), be->name);
    assert_string_not_equal(single->name, be->name);
    assert_true(single->real_size == sizeof(float) && single->precision == PRECISION_FP32);
    assert_true(single->lanes == be->lanes && single->lane_images == be->lane_images &&
                single->threads == be->threads);
    size_t held = be->held;
    real *x = be_upload_floats(be, host, COUNT), *y = be_upload_floats(single, host, COUNT);
    if (be->memory != NULL)
        assert_true(be->held == held + sizeof(double) * COUNT && single->held == sizeof host);
    const struct map2_args third = {
        .f = MAP_COPY, .count = COUNT, .a = x, .scale = 1 / 3.0, .out = x
    };
    const struct map2_args triple = { .f = MAP_COPY, .count = COUNT, .a = y, .scale = 3, .out = y };
    be->op.map2(be, &third);
    be->op.to_single(be, &(struct to_single_args){ .count = COUNT, .x = x, .out = y });
    single->op.map2(single, &triple);
    be_read_floats(single, got, y, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(got[i] == 3 * (float)(host[i] / 3.0));
    single->failed.code = E_DEVICE;
    strcpy(single->failed.text, "made up");
    assert_int_equal(be_sync(be, &err), E_DEVICE);
    assert_string_equal(err.text, "made up");
    assert_int_equal(be_sync(be, &err), OK);
    be->free(be, x);
    single->free(single, y);
    assert_true(be->held == held && single->held == 0);
}

static void test_all_backends(void **state)
{
    (void)state;
    for (const char *const *name = backend_names(); *name != NULL; name++) {
        struct backend *be;
        struct error err;
        if (backend_open(*name, NULL, &be, &err) != OK) {
            printf("SKIPPED %s: %s\n", *name, err.text); /* no such device here */
            continue;
        }
        assert_string_equal(be->name, *name);
        assert_true(be->real_size == 4 || be->real_size == 8);
        assert_true(be->lanes >= 1 && be->threads >= 1);
        check_transfers(be);
        check_sticky_error(be);
        check_sister(be);
        backend_close(be);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_unknown_name), TEST(test_wrong_precision),
                     TEST(test_all_backends));
}
