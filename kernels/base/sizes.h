/* Sizes that are checked before memory is allocated: every count that comes from a file goes
 * through these functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b, or false (and *out untouched) where it does not fit. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* Makes room for an item behind the first `count` of the array [*room] that the pointer at `array`
 * points to; each item has `size` bytes. False: memory ran out, and the array is as it was. */
bool grow_array(void *array, size_t *room, size_t count, size_t size);

static inline size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}
