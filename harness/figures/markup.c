#include "markup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

const char *markup_next(const char **text, char quoted[MARKUP_QUOTED])
{
    const char *from = *text;
    size_t length = 1;
    unsigned char first = (unsigned char)*from;
    if (first >= 0xc0) /* continuation bytes of a sequence; none is longer than four bytes */
        while (length < 4 && ((unsigned char)from[length] & 0xc0) == 0x80)
            length++;
    *text += length;
    if (first == '\n' || first == '\t' || (first >= ' ' && first < 0x7f))
        snprintf(quoted, MARKUP_QUOTED, "%c", first);
    else
        quote_bytes(quoted, MARKUP_QUOTED, from, length);
    return quoted;
}

void html_text(FILE *f, const char *text)
{
    static const struct {
        char of;
        const char *as;
    } escapes[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" } };
    char quoted[MARKUP_QUOTED];
    while (*text) {
        const char *next = markup_next(&text, quoted);
        for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
            if (*next == escapes[i].of)
                next = escapes[i].as;
        fputs(next, f);
    }
}

static void escaped(FILE *f, const char *format, va_list arguments)
{
    char *text;
    if (vasprintf(&text, format, arguments) < 0) {
        fputs("(no memory for this text)", f);
        return;
    }
    html_text(f, text);
    free(text);
}

void html_format(FILE *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    escaped(f, format, arguments);
    va_end(arguments);
}

void html_element(FILE *f, const char *begin, const char *end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs(begin, f);
    escaped(f, format, arguments);
    fputs(end, f);
    va_end(arguments);
}

void html_base64(FILE *f, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        unsigned long three = (unsigned long)bytes[i] << 16;
        three |= i + 1 < size ? (unsigned long)bytes[i + 1] << 8 : 0;
        three |= i + 2 < size ? bytes[i + 2] : 0;
        fputc(digits[three >> 18 & 63], f);
        fputc(digits[three >> 12 & 63], f);
        fputc(i + 1 < size ? digits[three >> 6 & 63] : '=', f);
        fputc(i + 2 < size ? digits[three & 63] : '=', f);
    }
}

void html_data(FILE *f, const char *type, const unsigned char *bytes, size_t size)
{
    fprintf(f, "data:%s;base64,", type);
    html_base64(f, bytes, size);
}
