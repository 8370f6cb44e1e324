#include "ranking.h"

#include <stdlib.h>
#include <string.h>

/* A key and an index in one word, so that sorting moves only one array. */
typedef uint64_t keyed;

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

/* Order-preserving bits of a float. */
static uint32_t float_key(float x)
{
    uint32_t bits;
    x += 0.0f; /* -0 becomes 0, so that equal values have equal keys */
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* One pass of a radix sort: stable, by the digit at `shift`. */
static void sort_digit(const keyed *from, keyed *to, size_t n, int shift)
{
    size_t count[DIGITS] = { 0 }, at = 0;
    for (size_t i = 0; i < n; i++)
        count[from[i] >> shift & (DIGITS - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
        size_t here = count[d];
        count[d] = at;
        at += here;
    }
    for (size_t i = 0; i < n; i++)
        to[count[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

enum status heat_order(const float *heat, size_t n, bool descending, uint32_t *order,
                       struct error *err)
{
    keyed *items = n < UINT32_MAX ? calloc(2 * (n + 1), sizeof *items) : NULL, *spare = items;
    if (items == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu pixels", n);
    spare += n;
    for (size_t i = 0; i < n; i++) {
        uint32_t key = float_key(heat[i]);
        items[i] = (keyed)(descending ? ~key : key) << 32 | (uint32_t)i;
    }
    keyed *from = items, *to = spare;
    for (int pass = 0; pass < PASSES; pass++) {
        sort_digit(from, to, n, 32 + pass * DIGIT_BITS);
        keyed *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)from[i];
    free(items);
    return OK;
}
