#include "status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A text that was cut at the end of the array does not end within a character. */
static void trim(char *text, size_t length)
{
    size_t at = length;
    while (at > 0 && length - at < 4 && ((unsigned char)text[at - 1] & 0xc0) == 0x80)
        at--;
    unsigned char lead = at > 0 ? (unsigned char)text[at - 1] : 0;
    size_t due = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead >= 0xc0 && length - (at - 1) < due)
        text[at - 1] = '\0';
}

static void fill(struct error *err, enum status code, const char *key, const char *format,
                 va_list args)
{
    if (err == NULL)
        return;
    err->code = code;
    snprintf(err->key, sizeof err->key, "%s", key);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    if (n >= (int)sizeof err->text)
        trim(err->text, sizeof err->text - 1);
}

enum status fail(struct error *err, enum status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, code, "", format, args);
    va_end(args);
    return code;
}

enum status fail_key(struct error *err, enum status code, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, code, key, format, args);
    va_end(args);
    return code;
}

enum status fail_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return E_DATA;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text) {
        size_t room = sizeof err->text - (size_t)n;
        size_t len = strnlen(old, sizeof old);
        bool cut = len >= room;
        if (cut)
            len = room - 1;
        memcpy(err->text + n, old, len);
        err->text[(size_t)n + len] = '\0';
        if (cut)
            trim(err->text, (size_t)n + len);
    }
    return err->code;
}
