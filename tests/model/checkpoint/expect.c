#include <stdio.h>
#include <string.h>

#include "quote.h"

#include "fixtures.h"

#include "run_tests.h"

struct checkpoint *expect_loads(const struct buffer *b)
{
    struct checkpoint *c = NULL;
    struct error err = { 0 };
    if (checkpoint_parse("memory", b->at, b->size, NULL, &c, &err) != OK)
        fail_msg("%s", err.text);
    return c;
}

void expect_printable(const char *name, const char *text)
{
    struct quoted q;
    for (const char *at = text; *at != '\0';) {
        size_t n = 1; /* a character of UTF-8 */
        while (((unsigned char)at[n] & 0xc0) == 0x80)
            n++;
        q = quote_n(at, n);
        if (strncmp(q.text, at, n) != 0 || (q.text[n] != '\0' && *at != '\\'))
            fail_msg("%s: %s in a message", name, q.text);
        at += n;
    }
}

void expect_refused(const char *name, const struct buffer *b, enum status expected,
                    const char *needles)
{
    struct checkpoint *c = NULL;
    struct error err = { 0 };
    const char *path = folder_write(name, b);
    enum status s = checkpoint_open(path, &c, &err);
    if (s == OK)
        fail_msg("%s: loaded, but should be refused (%s)", name, needles);
    assert_null(c);
    if (s != expected || err.code != expected || strstr(err.text, path) != err.text)
        fail_msg("%s: status %d, want %d: %s", name, s, expected, err.text);
    expect_printable(name, err.text);
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", needles);
    for (char *needle; (needle = strsep(&rest, "|")) != NULL;) {
        if (strstr(err.text, needle) == NULL)
            fail_msg("%s: no \"%s\" in: %s", name, needle, err.text);
    }
}
