#include "subset.h"

#include <stdlib.h>
#include <string.h>

#include "free_all.h"

const char *const subset_names[] = { "even", "random", "first", NULL };

/* ---- even ------------------------------------------------------------------------------------ */

static size_t reverse_bits(size_t x, int bits)
{
    size_t out = 0;
    for (int b = 0; b < bits; b++)
        out |= (x >> b & 1) << (bits - 1 - b);
    return out;
}

/* ranks [n]: when each of 0 to n - 1 is visited, in bit-reversed order. */
static void visit_ranks(size_t n, uint32_t *ranks)
{
    int bits = 0;
    uint32_t next = 0;
    while (((size_t)1 << bits) < n)
        bits++;
    for (size_t k = 0; k < (size_t)1 << bits; k++) {
        size_t at = reverse_bits(k, bits);
        if (at < n)
            ranks[at] = next++;
    }
}

struct place {
    size_t image;
    int32_t label;
    uint32_t rank, size; /* when its class comes to it; images of the class */
    uint32_t class_rank;
};

static int by_label(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->image > y->image) - (x->image < y->image);
}

static int by_share(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    uint64_t left = (2 * (uint64_t)x->rank + 1) * y->size;
    uint64_t right = (2 * (uint64_t)y->rank + 1) * x->size;
    if (left != right)
        return left < right ? -1 : 1;
    return (x->class_rank > y->class_rank) - (x->class_rank < y->class_rank);
}

/* Fills rank, size and class_rank of places that are sorted by label. ranks: [count] scratch. */
static void rank_places(struct place *places, size_t count, uint32_t *ranks)
{
    size_t classes = 0;
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && places[to].label == places[from].label; to++)
            ;
        visit_ranks(to - from, ranks);
        for (size_t i = from; i < to; i++) {
            places[i].rank = ranks[i - from];
            places[i].size = (uint32_t)(to - from);
            places[i].class_rank = (uint32_t)classes;
        }
        classes++;
    }
    visit_ranks(classes, ranks);
    for (size_t i = 0; i < count; i++)
        places[i].class_rank = ranks[places[i].class_rank];
}

/* ---- random ---------------------------------------------------------------------------------- */

struct draw {
    uint64_t key;
    size_t image;
};

/* FNV-1a of the name, then splitmix64 over that and the seed, so that the order of names has no
 * influence. */
static uint64_t draw_key(const char *id, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *id != '\0'; id++)
        h = (h ^ (uint8_t)*id) * 0x100000001b3u;
    uint64_t x = h + seed * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int by_key(const void *a, const void *b)
{
    const struct draw *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->image > y->image) - (x->image < y->image);
}

/* ---- all ------------------------------------------------------------------------------------- */

static enum status order_evenly(const struct dataset *d, size_t *out, struct error *err)
{
    struct place *places = calloc(d->count + 1, sizeof *places);
    uint32_t *ranks = calloc(d->count + 1, sizeof *ranks);
    enum status status = OK;
    if (places == NULL || ranks == NULL) {
        status = fail(err, E_NOMEM, "no memory for the order of %zu images", d->count);
    } else {
        for (size_t i = 0; i < d->count; i++)
            places[i] = (struct place){ .image = i, .label = d->has_labels ? d->labels[i] : -1 };
        qsort(places, d->count, sizeof *places, by_label);
        rank_places(places, d->count, ranks);
        qsort(places, d->count, sizeof *places, by_share);
        for (size_t i = 0; i < d->count; i++)
            out[i] = places[i].image;
    }
    FREE_ALL(places, ranks);
    return status;
}

static enum status order_at_random(const struct dataset *d, uint64_t seed, size_t *out,
                                   struct error *err)
{
    struct draw *draws = calloc(d->count + 1, sizeof *draws);
    if (draws == NULL)
        return fail(err, E_NOMEM, "no memory for the order of %zu images", d->count);
    for (size_t i = 0; i < d->count; i++)
        draws[i] = (struct draw){ draw_key(d->ids[i], seed), i };
    qsort(draws, d->count, sizeof *draws, by_key);
    for (size_t i = 0; i < d->count; i++)
        out[i] = draws[i].image;
    free(draws);
    return OK;
}

enum status subset_order(const struct dataset *d, enum subset subset, uint64_t seed, size_t *out,
                         struct error *err)
{
    if (subset == SUBSET_EVEN)
        return order_evenly(d, out, err);
    if (subset == SUBSET_RANDOM)
        return order_at_random(d, seed, out, err);
    for (size_t i = 0; i < d->count; i++)
        out[i] = i;
    return OK;
}
