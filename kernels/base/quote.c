#include "quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The length of the valid UTF-8 character at s (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), its code point in *code; 0 where there is none. */
static size_t character(const uint8_t *s, size_t left, uint32_t *code)
{
    size_t n = s[0] < 0x80             ? 1
               : (s[0] & 0xe0) == 0xc0 ? 2
               : (s[0] & 0xf0) == 0xe0 ? 3
               : (s[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (n == 0 || n > left)
        return 0;
    *code = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    bool valid = *code >= least[n] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return valid ? n : 0;
}

static bool shows(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool hides = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                 (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
    return !control && !hides;
}

/* `whole`: a finished message, whose backslashes and line ends are its own. */
static char *put_quoted(char *out, size_t size, const void *bytes, size_t length, bool whole)
{
    static const char end[] = "...";
    const uint8_t *s = bytes;
    size_t used = 0, fits = 0; /* where "..." can still follow */
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        size_t n = character(s + at, length - at, &code);
        char piece[5 * 4];
        size_t have = 0;
        if (n == 0) {
            n = 1;
            have = (size_t)snprintf(piece, sizeof piece, "\\x%02X", s[at]);
        } else if (!shows(code) && !(whole && (code == '\n' || code == '\t'))) {
            for (size_t i = 0; i < n; i++)
                have += (size_t)snprintf(piece + have, sizeof piece - have, "\\x%02X", s[at + i]);
        } else if (code == '\\' && !whole) {
            have = 2;
            memcpy(piece, "\\\\", have);
        } else {
            have = n;
            memcpy(piece, s + at, n);
        }
        if (used + have + 1 > size) {
            memcpy(out + fits, end, sizeof end);
            return out;
        }
        memcpy(out + used, piece, have);
        used += have;
        if (used + sizeof end <= size)
            fits = used;
        at += n;
    }
    out[used] = '\0';
    return out;
}

char *quote_bytes(char *out, size_t size, const void *bytes, size_t length)
{
    return put_quoted(out, size, bytes, length, false);
}

char *quote_message(char *out, size_t size, const char *message)
{
    return put_quoted(out, size, message, strlen(message), true);
}

struct quoted quote_n(const void *bytes, size_t length)
{
    struct quoted q;
    quote_bytes(q.text, sizeof q.text, bytes, length);
    return q;
}

struct quoted quote(const char *text)
{
    return quote_n(text, text != NULL ? strlen(text) : 0);
}
