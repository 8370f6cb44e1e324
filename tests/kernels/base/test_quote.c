/* What comes from outside, quoted for messages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

#include "run_tests.h"

static void expect_quoted(const char *bytes, size_t length, const char *want)
{
    assert_string_equal(quote_n(bytes, length).text, want);
}

#define QUOTED(bytes, want) expect_quoted(bytes, sizeof bytes - 1, want)

static void test_plain(void **state)
{
    (void)state;
    QUOTED("layers.0.mixer.A_log", "layers.0.mixer.A_log");
    QUOTED("", "");
    QUOTED("Bär, 猫, 😀", "Bär, 猫, 😀");
    QUOTED("a\\b", "a\\\\b");
    assert_string_equal(quote(NULL).text, "");
    assert_string_equal(quote("head.bias").text, "head.bias");
}

static void test_control(void **state)
{
    (void)state;
    QUOTED("a\0b", "a\\x00b");
    QUOTED("\x1b[2Jgone", "\\x1B[2Jgone");
    QUOTED("two\nlines\r\t", "two\\x0Alines\\x0D\\x09");
    QUOTED("\x7f", "\\x7F");
    QUOTED("\xc2\x9b", "\\xC2\\x9B");          /* U+009B, a terminal's CSI */
    QUOTED("\xe2\x80\xae", "\\xE2\\x80\\xAE"); /* U+202E turns the line round */
    QUOTED("\xef\xbb\xbf", "\\xEF\\xBB\\xBF"); /* U+FEFF */
}

static void test_not_utf8(void **state)
{
    (void)state;
    QUOTED("\x80", "\\x80");
    QUOTED("\xff\xfe", "\\xFF\\xFE");
    QUOTED("\xc3", "\\xC3");                            /* cut off */
    QUOTED("\xe2\x82z", "\\xE2\\x82z");                 /* cut off */
    QUOTED("\xc0\xaf", "\\xC0\\xAF");                   /* not the shortest form */
    QUOTED("\xed\xa0\x80", "\\xED\\xA0\\x80");          /* a surrogate */
    QUOTED("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"); /* past U+10FFFF */
}

/* Whatever comes in, what comes out fits, ends, and is printable. */
static void test_bounded(void **state)
{
    uint64_t random = 1;
    char in[64], out[24];
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        size_t length = (size_t)turn % sizeof in, size = 8 + (size_t)turn % (sizeof out - 7);
        for (size_t i = 0; i < length; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            in[i] = (char)(random >> 56);
        }
        memset(out, 1, sizeof out);
        assert_ptr_equal(quote_bytes(out, size, in, length), out);
        size_t used = strnlen(out, size);
        assert_true(used < size);
        for (size_t i = 0; i < used; i++)
            assert_true((uint8_t)out[i] >= 0x20 && (uint8_t)out[i] != 0x7f);
    }
    assert_string_equal(quote_bytes(out, 8, "abcdefg", 7), "abcdefg");
    assert_string_equal(quote_bytes(out, 8, "abcdefgh", 8), "abcd...");
    assert_string_equal(quote_bytes(out, 8, "ab\x1b\x1b", 4), "ab...");
    assert_string_equal(quote_bytes(out, 8, "abc猫猫", 9), "abc...");
}

/* A finished message keeps what it says; raw bytes from elsewhere in it do not pass. */
static void messages_are_safe(void **state)
{
    (void)state;
    static const struct given cases[] = {
        { "list.txt:3: '\\x1B' is quoted", "list.txt:3: '\\x1B' is quoted" },
        { "\x1b[31mred\x07", "\\x1B[31mred\\x07" },
        { "one\n  two\tthree", "one\n  two\tthree" },
        { "caf\xc3\xa9 \xff\xfe", "caf\xc3\xa9 \\xFF\\xFE" },
        { "a\rb", "a\\x0Db" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[200];
        assert_string_equal(quote_message(out, sizeof out, cases[i].text), cases[i].says);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_plain), TEST(test_control), TEST(test_not_utf8),
                     TEST(messages_are_safe), TEST(test_bounded));
}
