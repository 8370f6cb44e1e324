/* kernels/base: bump allocation, checked sizes, errors, hashes, log levels. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the macro fail() of cmocka would hide stands before it. */
#include "bump.h"
#include "log.h"
#include "place.h"
#include "sha256.h"
#include "sizes.h"
#include "status.h"

static enum status set_error(struct error *err, enum status code, const char *text)
{
    return fail(err, code, "%s", text);
}

#include "run_tests.h"

/* The measuring pass and the real one agree, and arrays do not overlap. */
static void test_bump(void **state)
{
    (void)state;
    struct bump measure = { .base = NULL };
    assert_null(bump_take(&measure, 3, sizeof(double)));
    assert_null(bump_take(&measure, 257, 1));
    assert_int_equal(measure.used, 256 + 512);

    char *memory = aligned_alloc(256, measure.used);
    assert_non_null(memory);
    struct bump real_pass = { .base = memory };
    assert_ptr_equal(bump_take(&real_pass, 3, sizeof(double)), memory);
    assert_ptr_equal(bump_take(&real_pass, 257, 1), memory + 256);
    assert_int_equal(real_pass.used, measure.used);
    free(memory);
}

static void test_bump_overflow(void **state)
{
    (void)state;
    struct bump b = { .base = NULL };
    assert_null(bump_take(&b, SIZE_MAX / 4, 8));
    assert_true(b.used == SIZE_MAX);
    assert_null(bump_take(&b, 1, 1)); /* it stays saturated */
    assert_true(b.used == SIZE_MAX);
    b.used = SIZE_MAX - 300;
    assert_null(bump_take(&b, 512, 1));
    assert_true(b.used == SIZE_MAX);
}

static void test_sizes(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(size_mul(6, 7, &out));
    assert_int_equal(out, 42);
    assert_true(size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_false(size_mul(SIZE_MAX / 2, 3, &out));
    assert_int_equal(round_up(0, 64), 0);
    assert_int_equal(round_up(1, 64), 64);
    assert_int_equal(round_up(64, 64), 64);
}

static void test_status(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(set_error(&err, E_DATA, "tensor 'x' has 3 rows; should be 4"), E_DATA);
    assert_int_equal(fail_prefix(&err, "%s: ", "file.pth"), E_DATA);
    assert_int_equal(err.code, E_DATA);
    assert_string_equal(err.text, "file.pth: tensor 'x' has 3 rows; should be 4");
    assert_int_equal(set_error(NULL, E_IO, "nobody listens"), E_IO);
    assert_string_equal(err.key, "");
    assert_int_equal(fail_key(&err, E_CONFIG, "model.heads", "%d do not fit", 3), E_CONFIG);
    fail_prefix(&err, "%s: ", "file.pth");
    assert_string_equal(err.key, "model.heads");
    assert_string_equal(err.text, "file.pth: 3 do not fit");
    set_error(&err, E_IO, "of no key");
    assert_string_equal(err.key, "");
}

/* Messages longer than the buffer are cut, and stay terminated. */
static void test_status_long(void **state)
{
    (void)state;
    struct error err;
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    set_error(&err, E_IO, text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    fail_prefix(&err, "%s", "prefix ");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "prefix aaa", 10);
    fail_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void check_sha256(const char *text, size_t pieces, const char *want)
{
    struct sha256 s;
    char hex[65];
    size_t size = strlen(text);
    sha256_begin(&s);
    for (size_t i = 0; i < pieces; i++) {
        size_t from = size * i / pieces, to = size * (i + 1) / pieces;
        sha256_add(&s, text + from, to - from);
    }
    sha256_end(&s, hex);
    assert_string_equal(hex, want);
}

/* FIPS 180-4's own examples. */
static void test_sha256(void **state)
{
    (void)state;
    check_sha256("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    check_sha256("abc", 1, abc);
    check_sha256("abc", 3, abc);
    check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 2,
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_log_levels(void **state)
{
    (void)state;
    char path[] = "/tmp/evalh-test-log-XXXXXX", got[200] = "";
    int file = mkstemp(path), keep = dup(STDERR_FILENO);
    assert_true(file >= 0 && keep >= 0);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    log_debug("hidden %d", 1);
    log_info("shown %d", 2);
    log_set_level(LOG_ERROR);
    log_warn("hidden %d", 3);
    log_error("shown %d", 4);
    log_set_level(LOG_INFO);
    fflush(stderr);
    dup2(keep, STDERR_FILENO);
    close(keep);
    ssize_t size = pread(file, got, sizeof got - 1, 0);
    close(file);
    unlink(path);
    assert_true(size > 0);
    assert_string_equal(got, "evalh: shown 2\nevalh: error: shown 4\n");
}

/* Within a folder of our own: a/ and a file a/f; l leads to a, n to a/none, o in a circle. */
static void test_places(void **state)
{
    (void)state;
    char folder[] = "/tmp/evalh-place-XXXXXX", command[400];
    static const char *const same[][2] = {
        { "a/f", "a/f" },         { "a//./f", "a/../a/f" },        { "l/f", "a/f" },
        { "h", "a/f" },           { "a/new", "l/./new" },          { "n", "a/none" },
        { "x/../a/f", "a/f" },    { "x/y/../../a/g", "l/../a/g" }, { "a/", "l" },
        { "x/y/", "x/./z/../y" },
    };
    static const char *const other[][2] = {
        { "a/f", "a/g" }, { "a/f", "f" }, { "o", "a/f" }, { "x", "x/y" }, { "a", "a/f" },
    };
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command,
             "cd %s && mkdir a && : >a/f && ln a/f h && ln -s a l && ln -s a/none n && ln -s o o",
             folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(chdir(folder), 0);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!same_place(same[i][0], same[i][1]))
            fail_msg("%s and %s are two places", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (same_place(other[i][0], other[i][1]))
            fail_msg("%s and %s are one place", other[i][0], other[i][1]);
    assert_true(lies_in("l/f", "a"));
    assert_true(lies_in("x/y/z", "x/y/"));
    assert_true(lies_in("a", "l"));
    assert_false(lies_in("ab", "a"));
    assert_false(lies_in("a/../h", "a"));
    assert_int_equal(chdir("/"), 0);
    assert_true(same_place("no-such/../tmp", "tmp"));
    assert_true(lies_in("tmp", "/"));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_bump), TEST(test_bump_overflow), TEST(test_sizes),
                     TEST(test_status), TEST(test_status_long), TEST(test_sha256),
                     TEST(test_log_levels), TEST(test_places));
}
