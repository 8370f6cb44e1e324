/* How a message shows bytes that a worker wrote: as text where they are text, else by their
 * numbers. */
#include <stdint.h>

#include "process.h"

#include "run_tests.h"

static void test_show(void **state)
{
    (void)state;
    static const struct given_bytes cases[] = {
        { BYTES("plain"), "plain" },
        { BYTES("gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80"),
          "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80" },
        { BYTES("a\x1b[0m\n\0b"), "a\\x1b[0m\\x0a\\x00b" },
        { BYTES("\xc3"), "\\xc3" },                   /* cut short */
        { BYTES("\xc0\xaf"), "\\xc0\\xaf" },          /* overlong */
        { BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80" }, /* half of a surrogate pair */
        { BYTES("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80" },
        { BYTES("\xc2\x9b"), "\\xc2\\x9b" }, /* a control character */
        { BYTES("0123456789012345678901234567890123456789"), "0123456789012345678901234567..." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[32];
        assert_string_equal(worker_show(cases[i].bytes, cases[i].size, out, sizeof out),
                            cases[i].says);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_show));
}
