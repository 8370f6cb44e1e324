/* Where paths lead, whatever their spelling, and whether or not anything is there yet. */
#pragma once

#include <stdbool.h>

/* The absolute path without links, ".", ".." and doubled slashes, of which the last parts may be
 * missing; malloc'ed. NULL: no memory, or links in a circle. */
char *place_of(const char *path);
/* Whether two paths lead to one file or folder: hard links do, too. */
bool same_place(const char *a, const char *b);
/* Whether `path` leads to `folder`, or to something in it. */
bool lies_in(const char *path, const char *folder);
