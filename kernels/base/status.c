#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status fail(struct error *err, enum status code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        err->code = code;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
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
        if (len >= room)
            len = room - 1;
        memcpy(err->text + n, old, len);
        err->text[(size_t)n + len] = '\0';
    }
    return err->code;
}
