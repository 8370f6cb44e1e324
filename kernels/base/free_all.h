/* Frees all that an object owns, in one statement. */
#pragma once

#include <stddef.h>

/* free() for each of [count] pointers, some of which may be NULL. */
void free_pointers(void *const *pointer, size_t count);

#define FREE_ALL(...)                                                                              \
    free_pointers((void *const[]){ __VA_ARGS__ },                                                  \
                  sizeof((void *const[]){ __VA_ARGS__ }) / sizeof(void *))
