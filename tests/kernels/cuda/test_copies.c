/* Copies to and from the device: many at once, small and larger than a pinned buffer, in any
 * mixture, and nothing is lost. On a GPU, and on the emulated one, which runs nothing before it is
 * waited for. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

#include "run_tests.h"

enum { COPIES = 23, MIB = 1 << 20 };

static struct backend *be;

static size_t size_of(int i)
{
    static const size_t sizes[] = { 1, 4000, 4 * MIB, 4 * MIB + 1, 9 * MIB + 5, 64 };
    return sizes[(size_t)i % (sizeof sizes / sizeof sizes[0])];
}

static uint8_t value_of(int copy, size_t at)
{
    return (uint8_t)(at * 131 + at / 4093 + (size_t)copy * 17);
}

static uint8_t *numbers(int copy)
{
    uint8_t *p = malloc(size_of(copy));
    assert_non_null(p);
    for (size_t i = 0; i < size_of(copy); i++)
        p[i] = value_of(copy, i);
    return p;
}

static void synced(void)
{
    struct error err;
    if (be->sync(be, &err) != OK)
        fail_msg("%s", err.text);
}

/* An uploaded array may be changed at once; a download is whole after the next sync. */
static void test_mixture(void **state)
{
    void *device[COPIES];
    uint8_t *down[COPIES];
    (void)state;
    for (int i = 0; i < COPIES; i++) {
        uint8_t *up = numbers(i);
        device[i] = be->alloc(be, size_of(i));
        down[i] = calloc(1, size_of(i));
        assert_non_null(device[i]);
        assert_non_null(down[i]);
        be->upload(be, device[i], up, size_of(i));
        memset(up, 0xee, size_of(i));
        if (i % 3 != 0) /* some of them between the uploads */
            be->download(be, down[i], device[i], size_of(i));
        free(up);
    }
    for (int i = 0; i < COPIES; i += 3)
        be->download(be, down[i], device[i], size_of(i));
    synced();
    for (int i = 0; i < COPIES; i++) {
        for (size_t k = 0; k < size_of(i); k++)
            if (down[i][k] != value_of(i, k))
                fail_msg("copy %d, byte %zu: %d, not %d", i, k, down[i][k], value_of(i, k));
        be->free(be, device[i]);
        free(down[i]);
    }
}

/* The last of several downloads to one place wins, whichever pinned buffers they went through. */
static void test_order(void **state)
{
    enum { TIMES = 7 };
    uint32_t down = 0, *device = be->alloc(be, TIMES * sizeof *device), up[TIMES];
    (void)state;
    for (uint32_t i = 0; i < TIMES; i++)
        up[i] = 100 + i;
    be->upload(be, device, up, sizeof up);
    for (int last = 1; last < TIMES; last++) {
        for (int i = 0; i <= last; i++)
            be->download(be, &down, device + i, sizeof down);
        synced();
        assert_int_equal(down, 100 + last);
    }
    be->free(be, device);
}

/* What was read is converted: everything in one piece, in place. */
static void test_reads(void **state)
{
    enum { COUNT = 5000 };
    float up[COUNT], floats[COUNT];
    double doubles[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++)
        up[i] = (float)i / 3 - 700;
    for (size_t n = 0; n <= COUNT; n = n * 2 + 1) {
        real *device = be_upload_floats(be, up, n);
        assert_non_null(device);
        memset(doubles, 0, sizeof doubles);
        be_read_doubles(be, doubles, device, n);
        be_read_floats(be, floats, device, n);
        synced();
        for (size_t i = 0; i < COUNT; i++)
            assert_true(doubles[i] == (i < n ? (double)up[i] : 0) &&
                        (i >= n || floats[i] == up[i]));
        be->free(be, device);
    }
}

/* test_copies BACKEND... */
int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct error err = { 0 };
        enum status s = backend_open(argv[i], NULL, &be, &err);
        if (s == E_ABSENT) {
            fprintf(stderr, "SKIPPED: %s\n", err.text);
            return 77;
        }
        printf("%s: %s\n", argv[i], s == OK ? "open" : err.text);
        failed += s != OK || RUN_TESTS(NULL, NULL, TEST(test_mixture), TEST(test_order),
                                       TEST(test_reads)) != 0;
        if (s == OK)
            backend_close(be);
    }
    return failed != 0;
}
