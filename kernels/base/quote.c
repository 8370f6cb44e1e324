#include "quote.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

char *quote_copy(const char *message)
{
    size_t size = 4 * strlen(message) + 8; /* every byte as \\xNN */
    char *copy = malloc(size);
    return copy != NULL ? quote_message(copy, size, message) : NULL;
}

/* ---- a stream -------------------------------------------------------------------------------- */

struct quote_input {
    int fd;
    char begun[3]; /* a character that came in two pieces */
    size_t begun_length;
};

/* How many of the last bytes begin a character that is not all there; 0 to 3. */
static size_t open_end(const uint8_t *s, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        uint8_t first = s[length - back];
        if ((first & 0xc0) == 0x80)
            continue;
        size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
        return n > back ? back : 0;
    }
    return 0;
}

static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        length -= (size_t)n;
    }
    return true;
}

/* 0 tells stdio of an error. */
static ssize_t put_stream(void *cookie, const char *bytes, size_t size)
{
    struct quote_input *s = cookie;
    size_t length = s->begun_length + size, room = 4 * length + 8;
    char *all = malloc(length + room);
    if (all == NULL)
        return 0;
    memcpy(all, s->begun, s->begun_length);
    memcpy(all + s->begun_length, bytes, size);
    size_t open = open_end((const uint8_t *)all, length);
    s->begun_length = open;
    memcpy(s->begun, all + length - open, open);
    put_quoted(all + length, room, all, length - open, true);
    bool good = write_all(s->fd, all + length, strlen(all + length));
    free(all);
    return good ? (ssize_t)size : 0;
}

static int close_stream(void *cookie)
{
    struct quote_input *s = cookie;
    char end[4 * sizeof s->begun + 4];
    put_quoted(end, sizeof end, s->begun, s->begun_length, true);
    bool good = write_all(s->fd, end, strlen(end));
    free(s);
    return good ? 0 : -1;
}

FILE *quote_stream(int fd)
{
    struct quote_input *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->fd = fd;
    FILE *f =
        fopencookie(s, "w", (cookie_io_functions_t){ .write = put_stream, .close = close_stream });
    if (f == NULL)
        free(s);
    else
        setvbuf(f, NULL, isatty(fd) == 1 ? _IOLBF : _IOFBF, BUFSIZ);
    return f;
}

/* ---- arguments of messages ------------------------------------------------------------------- */

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
