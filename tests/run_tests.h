/* What every test program with cmocka includes. It comes last among the includes: cmocka's macro
 * fail() hides the function of status.h. */
#ifndef RUN_TESTS_H
#define RUN_TESTS_H

/* cmocka.h needs these three before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A case of a test: what is given, and what must be said of it. The second is for texts that hold
 * bytes of any value, { BYTES("a\0b"), "..." }. */
struct given {
    const char *text, *says;
};
struct given_bytes {
    const char *bytes;
    size_t size;
    const char *says;
};
#define BYTES(literal) literal, sizeof(literal) - 1

/* return RUN_TESTS(setup, teardown, TEST(a), TEST(b)): runs the functions a and b, with setup
 * before the first and teardown after the last of them (NULL for none), and gives the exit code of
 * main. */
#define TEST(function) cmocka_unit_test(function)
#define RUN_TESTS(setup, teardown, ...)                                                            \
    cmocka_run_group_tests_name("tests", ((const struct CMUnitTest[]){ __VA_ARGS__ }), setup,      \
                                teardown)

#endif
