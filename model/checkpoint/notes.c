#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void note(struct notes *n, const char *format, ...)
{
    char **grown = realloc(n->line, (n->count + 1) * sizeof *grown), *text;
    va_list args;
    if (grown == NULL) {
        n->out_of_memory = true;
        return;
    }
    n->line = grown;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        n->out_of_memory = true;
    else
        n->line[n->count++] = text;
}

void notes_copy(struct notes *n, const struct notes *from)
{
    for (size_t i = 0; i < from->count; i++)
        note(n, "%s", from->line[i]);
    n->out_of_memory |= from->out_of_memory;
}

void notes_free(struct notes *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->line[i]);
    free(n->line);
    *n = (struct notes){ 0 };
}
