#include <stdbool.h>
#include <stdint.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "check_page.h"

#include "run_tests.h"

size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        count++;
    return count;
}

enum { DEEPEST = 64 };

/* Past one tag; keeps the stack of open elements. */
static const char *check_tag(const char *p, char open[DEEPEST][16], int *depth)
{
    char name[16] = "";
    bool closing = *p == '/', quoted = false;
    p += closing;
    size_t length = strcspn(p, " \t\n/>");
    assert_in_range(length, 1, sizeof name - 1);
    memcpy(name, p, length);
    for (p += length; *p && (quoted || *p != '>'); p++) {
        quoted = quoted != (*p == '"');
        if (*p == '<')
            fail_msg("'<' within <%s>: %.60s", name, p);
    }
    assert_int_equal(*p, '>');
    if (!closing && strcmp(name, "script") == 0) { /* not markup until its end */
        p = strstr(p, "</script>");
        assert_non_null(p);
        return p + strlen("</script>");
    }
    if (closing) {
        if (*depth == 0 || strcmp(open[*depth - 1], name) != 0)
            fail_msg("</%s> where </%s> is expected", name, *depth ? open[*depth - 1] : "nothing");
        (*depth)--;
    } else if (p[-1] != '/' && strcmp(name, "meta") != 0 && strcmp(name, "img") != 0 &&
               name[0] != '!') {
        assert_in_range(*depth, 0, DEEPEST - 1);
        snprintf(open[(*depth)++], sizeof open[0], "%s", name);
    }
    return p + 1;
}

void check_page(const char *page)
{
    char open[DEEPEST][16];
    int depth = 0;
    assert_int_equal(strncmp(page, "<!DOCTYPE html>\n<html lang=\"en\">", 31), 0);
    for (const char *p = page; *p;) {
        if (*p == '<') {
            p = check_tag(p + 1, open, &depth);
            continue;
        }
        if (*p == '&' && strncmp(p, "&amp;", 5) != 0 && strncmp(p, "&lt;", 4) != 0 &&
            strncmp(p, "&gt;", 4) != 0 && strncmp(p, "&quot;", 6) != 0)
            fail_msg("a bare &: %.40s", p);
        p++;
    }
    assert_int_equal(depth, 0);
    for (const char *p = page; (p = strstr(p, " id=\"")); p++) {
        char id[128];
        snprintf(id, sizeof id, "%.*s", 5 + (int)strcspn(p + 5, "\"") + 1, p);
        assert_int_equal(count_of(page, id), 1);
    }
}

/* Whatever follows `what` anywhere begins with `begin`. */
static void check_begins(const char *page, const char *what, const char *begin)
{
    for (const char *p = page; (p = strstr(p, what)); p++)
        if (strncmp(p + strlen(what), begin, strlen(begin)) != 0)
            fail_msg("%.60s", p);
}

void check_sealed(const char *page)
{
    static const char *const never[] = { "http:",      "https:", "<link",          "<iframe",
                                         "@import",    "fetch(", "javascript:",    "WebSocket",
                                         "import(",    "eval(",  "XMLHttpRequest", "innerHTML",
                                         "<script src" };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(page, never[i]))
            fail_msg("the page has %s", never[i]);
    check_begins(page, "url(", "#");
    check_begins(page, " src=\"", "data:image/");
    assert_int_equal(count_of(page, "<script>"), 1);
    assert_int_equal(count_of(page, "<script"),
                     1 + count_of(page, "<script type=\"application/json\""));
    /* before anything that could load something */
    assert_true(
        strstr(page, "Content-Security-Policy\" content=\"default-src 'none'; img-src data:;") <
        strstr(page, "<style>"));
    for (const char *p = page; (p = strstr(p, " href=\"")); p++) {
        char id[128];
        p += 7;
        if (strncmp(p, "data:image/", 11) == 0)
            continue;
        assert_int_equal(*p, '#');
        snprintf(id, sizeof id, " id=\"%.*s\"", (int)strcspn(p + 1, "\""), p + 1);
        if (!strstr(page, id))
            fail_msg("a link to nothing: %s", id);
    }
}

void check_values(const char *page, char *md)
{
    size_t numbers = 0;
    char cell[256];
    for (char *line = strtok(md, "\n"); line; line = strtok(NULL, "\n"))
        for (char *p = line; *p == '|' && p[1]; p = strchr(p + 1, '|')) {
            char *from = p + 1 + strspn(p + 1, " "), *to = strchr(from, '|');
            while (to > from && to[-1] == ' ')
                to--;
            if (!isdigit((unsigned char)*from) && *from != '[' && *from != '+' && *from != '-')
                continue;
            if (from[0] == '-' && from[1] == '-') /* the rule below the header */
                break;
            snprintf(cell, sizeof cell, ">%.*s</t", (int)(to - from), from);
            if (!strstr(page, cell))
                fail_msg("no %s in the page", cell);
            numbers++;
        }
    assert_true(numbers > 50);
}
