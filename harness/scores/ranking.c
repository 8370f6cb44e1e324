#include "ranking.h"

#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

ranked rank_of(float score, uint32_t payload)
{
    uint32_t bits;
    score += 0.0f; /* -0 becomes 0, so that equal values have equal keys */
    memcpy(&bits, &score, sizeof bits);
    return (ranked)(bits & 0x80000000u ? ~bits : bits | 0x80000000u) << 32 | payload;
}

/* One pass of a radix sort: stable, by the digit at `shift`. */
static void sort_digit(const ranked *from, ranked *to, size_t n, int shift)
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

void rank_sort(ranked *items, ranked *spare, size_t n)
{
    ranked *from = items, *to = spare;
    for (int pass = 0; pass < PASSES; pass++) { /* least significant digit first */
        sort_digit(from, to, n, 32 + pass * DIGIT_BITS);
        ranked *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) /* an odd number of passes */
        memcpy(items, from, n * sizeof *items);
}

enum status heat_order(const float *heat, size_t n, bool descending, uint32_t *order,
                       struct error *err)
{
    ranked *items = n < UINT32_MAX ? calloc(2 * (n + 1), sizeof *items) : NULL;
    if (items == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu pixels", n);
    for (size_t i = 0; i < n; i++) {
        ranked r = rank_of(heat[i], (uint32_t)i);
        items[i] = descending ? r ^ (ranked)UINT32_MAX << 32 : r;
    }
    rank_sort(items, items + n, n);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)items[i];
    free(items);
    return OK;
}
