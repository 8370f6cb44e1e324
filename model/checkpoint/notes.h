/* Notes: lines for people about what a reader assumed or left out, printed with the plan of a
 * run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct notes {
    char **line; /* owned */
    size_t count;
    bool out_of_memory; /* a line is missing */
};

/* Appends a line. */
void note(struct notes *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends the lines of `from`. */
void notes_copy(struct notes *, const struct notes *from);
void notes_free(struct notes *);
