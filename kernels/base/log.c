#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "quote.h"

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_at(enum log_level level, const char *format, ...)
{
    static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
    if (level > threshold)
        return;
    char *line;
    va_list args;
    va_start(args, format);
    bool made = vasprintf(&line, format, args) >= 0;
    va_end(args);
    if (!made)
        return;
    char *safe = quote_copy(line);
    if (safe != NULL)
        fprintf(stderr, "evalh: %s%s\n", prefix[level], safe);
    free(safe);
    free(line);
}
