#include "markup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void html_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default: /* control characters are not of HTML */
            if ((unsigned char)*text >= ' ' || strchr("\t\n", *text))
                fputc(*text, f);
            break;
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

void html_data(FILE *f, const char *type, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fprintf(f, "data:%s;base64,", type);
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
