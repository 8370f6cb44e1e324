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
        backend_close(be);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_unknown_name), TEST(test_wrong_precision),
                     TEST(test_all_backends));
}
