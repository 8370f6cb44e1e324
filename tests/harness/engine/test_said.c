/* How a message shows bytes that a worker wrote: as text where they are text, else by their
 * numbers. */
#include <stdint.h>

#include "process.h"

#include "run_tests.h"

static void test_show(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *shown;
    } cases[] = {
        { "plain", 5, "plain" },
        { "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80", 14,
          "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80" },
        { "a\x1b[0m\n\0b", 8, "a\\x1b[0m\\x0a\\x00b" },
        { "\xc3", 1, "\\xc3" },                   /* cut short */
        { "\xc0\xaf", 2, "\\xc0\\xaf" },          /* overlong */
        { "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" }, /* half of a surrogate pair */
        { "\xf5\x80\x80\x80", 4, "\\xf5\\x80\\x80\\x80" },
        { "\xc2\x9b", 2, "\\xc2\\x9b" }, /* a control character */
        { "0123456789012345678901234567890123456789", 40, "0123456789012345678901234567..." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[32];
        assert_string_equal(worker_show(cases[i].bytes, cases[i].count, out, sizeof out),
                            cases[i].shown);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_show));
}
