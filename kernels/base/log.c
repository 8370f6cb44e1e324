#include "log.h"

#include <stdarg.h>
#include <stdio.h>

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
    char line[1400], safe[2 * sizeof line];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "evalh: %s%s\n", prefix[level], quote_message(safe, sizeof safe, line));
}
