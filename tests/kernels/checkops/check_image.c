/* What is made from images and maps: patches, tokens, heat maps, ranks. */
#include <stdio.h>
#include <stdlib.h>

#include "checkops.h"

struct image_shape {
    int n, side, patch, stride;
};

static void *bytes_of(size_t size)
{
    void *p = calloc(size + 1, 1);
    if (p == NULL)
        abort();
    return p;
}

static struct pair *random_image(struct check *c, size_t bytes)
{
    unsigned char *host = bytes_of(bytes);
    for (size_t i = 0; i < bytes; i++)
        host[i] = (unsigned char)draw(c, 0, 256);
    struct pair *p = from_bytes(c, ELEMENT_BYTE, host, bytes);
    free(host);
    return p;
}

/* A permutation. */
static struct pair *random_rank(struct check *c, size_t pixels)
{
    uint32_t *host = bytes_of(pixels * sizeof *host);
    for (size_t i = 0; i < pixels; i++) {
        size_t other = (size_t)draw(c, 0, (double)(i + 1));
        host[i] = host[other];
        host[other] = (uint32_t)i;
    }
    struct pair *p = from_bytes(c, ELEMENT_U32, host, pixels);
    free(host);
    return p;
}

enum { MAX_IMAGES = 8 };

static void check_one_patchify(struct check *c, const struct image_shape *s, unsigned seed)
{
    CASE(c, "n %d side %d patch %d stride %d #%u", s->n, s->side, s->patch, s->stride, seed);
    int grid = (s->side - s->patch) / s->stride + 1;
    size_t pixels = (size_t)s->side * (size_t)s->side;
    struct pair *rgb[MAX_IMAGES], *rank[MAX_IMAGES], *fill[MAX_IMAGES];
    uint32_t removed[MAX_IMAGES];
    for (int i = 0; i < s->n; i++) { /* every kind of view within one batch */
        rgb[i] = random_image(c, 3 * pixels);
        rank[i] = (i + (int)seed) % 3 == 0 ? NULL : random_rank(c, pixels);
        fill[i] = (i + (int)seed) % 3 == 1 ? random_image(c, 3 * pixels) : NULL;
        removed[i] = (uint32_t)draw(c, 0, (double)pixels + 1);
    }
    struct view views[SIDES][MAX_IMAGES];
    for (c->side = REF; c->side < SIDES; c->side++)
        for (int i = 0; i < s->n; i++)
            views[c->side][i] =
                (struct view){ raw(c, rgb[i]), raw(c, rank[i]), removed[i], raw(c, fill[i]) };
    struct pair *out = output(c, (size_t)(s->n * grid * grid) * 3 * (size_t)(s->patch * s->patch));
    RUN(c, patchify, .n = s->n, .side = s->side, .patch = s->patch, .stride = s->stride,
        .grid = grid, .views = views[c->side], .fill_rgb = { 0.0f, 0.25f, 1.0f },
        .mean = { 0.485f, 0.456f, 0.406f }, .std = { 0.229f, 0.224f, 0.225f }, .out = at(c, out));
    compare(c, "patches", out, 3); /* a quotient, a difference, a quotient */
}

void check_patchify(struct check *c)
{
    static const struct image_shape shapes[] = {
        { 1, 3, 3, 3 }, { 3, 20, 5, 5 }, { 4, 33, 8, 4 }, { 2, 64, 16, 16 }, { 1, 70, 16, 16 },
    };
    if (c->bench) {
        check_one_patchify(c, &(struct image_shape){ 8, 224, 16, 16 }, 1);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (unsigned seed = 0; seed < 3; seed++)
            check_one_patchify(c, &shapes[i], seed);
}

static void check_one_embed(struct check *c, int n, int len, int width, int others, int first,
                            int apart)
{
    CASE(c, "n %d L %d D %d, %d others from %d on, %d apart", n, len, width, others, first, apart);
    size_t d = (size_t)width, images = (size_t)n, tokens = (size_t)len;
    struct pair *patches = uniform(c, images * (tokens - (size_t)others) * d + 1, -1, 1);
    struct pair *other = uniform(c, (size_t)others * d + 1, -1, 1);
    struct pair *pos = uniform(c, tokens * d, -1, 1);
    struct pair *out = output(c, images * tokens * d);
#define AT(i) first + (i)*apart
#define AT6(i) AT(i), AT(i + 1), AT(i + 2), AT(i + 3), AT(i + 4), AT(i + 5)
    RUN(c, embed, .n = n, .len = len, .width = width, .others = others,
        .other_at = { AT6(0), AT6(6), AT6(12), AT6(18) }, .patches = at(c, patches),
        .other = at(c, other), .pos = at(c, pos), .out = at(c, out));
#undef AT6
#undef AT
    compare(c, "tokens", out, 1); /* one sum */
}

void check_embed(struct check *c)
{
    static const int lens[] = { 1, 2, 17, 26, 197 };
    if (c->bench) {
        check_one_embed(c, 16, 197, 384, 1, 98, 1);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(lens); i++)
        for (int where = 0; where < 3; where++)
            check_one_embed(c, 1 + where, lens[i], where == 1 ? 48 : 33, 1,
                            (lens[i] - 1) * where / 2, 1);
    check_one_embed(c, 2, 16, 33, 0, 0, 1);
    check_one_embed(c, 2, 18, 48, 2, 0, 1);
    check_one_embed(c, 2, 18, 33, 2, 0, 17);
    check_one_embed(c, 1, 49, 20, 12, 3, 4);
    check_one_embed(c, 2, 120, 8, EMBED_OTHERS, 0, 5);
}

/* ---- heat maps --------------------------------------------------------------------------- */

enum map_kind { MAP_RANDOM, MAP_CONSTANT, MAP_PLATEAU, MAP_TINY, MAP_KINDS };

static struct pair *random_maps(struct check *c, int n, int grid, enum map_kind kind)
{
    size_t count = (size_t)(n * grid * grid);
    float *host = bytes_of(count * sizeof *host);
    for (size_t i = 0; i < count; i++) {
        double x = draw(c, -1, 2);
        if (kind == MAP_CONSTANT)
            x = 0.3;
        if (kind == MAP_PLATEAU && x < 1.2) /* as where negative scores were clamped */
            x = 0;
        host[i] = (float)(kind == MAP_TINY ? x * 1e-12 : x);
    }
    struct pair *p = from_bytes(c, ELEMENT_FLOAT, host, count);
    free(host);
    return p;
}

/* Neighbours that tie in the reference must tie here: the order of removal depends on it. */
static void compare_ties(struct check *c, const struct pair *heat, int side)
{
    if (c->bench)
        return;
    float *host[SIDES];
    for (int s = 0; s < SIDES; s++) {
        host[s] = bytes_of(heat->count * sizeof(float));
        c->be[s]->download(c->be[s], host[s], heat->side[s], heat->count * sizeof(float));
        c->be[s]->sync(c->be[s], NULL);
    }
    size_t broken = 0;
    for (size_t i = 0; i + (size_t)side < heat->count; i++)
        for (size_t step = 1; step <= (size_t)side; step += (size_t)side - 1)
            broken += host[REF][i] == host[REF][i + step] && host[OWN][i] != host[OWN][i + step];
    char why[60];
    snprintf(why, sizeof why, "%zu ties of the reference are broken", broken);
    verdict(c, "ties", broken == 0, why);
    free(host[REF]);
    free(host[OWN]);
}

static void check_one_heat(struct check *c, int n, int grid, int side, enum map_kind kind)
{
    CASE(c, "n %d grid %d side %d kind %d", n, grid, side, (int)kind);
    struct pair *maps = random_maps(c, n, grid, kind);
    struct pair *heat = output_of(c, ELEMENT_FLOAT, (size_t)(n * side * side));
    RUN(c, heat, .n = n, .grid = grid, .side = side, .maps = raw(c, maps), .heat = raw(c, heat));
    /* Float in every backend, made in double: at most the last bit may differ. */
    double eps = c->eps;
    c->eps = 0x1p-24;
    compare(c, "heat", heat, 2);
    c->eps = eps;
    compare_ties(c, heat, side);
}

void check_heat(struct check *c)
{
    static const int sizes[][2] = { { 1, 5 },  { 2, 8 },    { 4, 64 }, { 5, 80 },
                                    { 7, 64 }, { 14, 224 }, { 27, 97 } };
    if (c->bench) {
        check_one_heat(c, 8, 14, 224, MAP_RANDOM);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int kind = 0; kind < MAP_KINDS; kind++)
            check_one_heat(c, 2, sizes[i][0], sizes[i][1], (enum map_kind)kind);
}

/* levels: how many different values there are; few make long ties. */
static void check_one_rank(struct check *c, int n, int pixels, int levels, bool ascending,
                           enum ties ties, bool tied)
{
    CASE(c, "n %d pixels %d levels %d%s ties %d%s", n, pixels, levels,
         ascending ? " ascending" : "", (int)ties, tied ? " counted" : "");
    size_t count = (size_t)n * (size_t)pixels;
    float *host = bytes_of(count * sizeof *host);
    for (size_t i = 0; i < count; i++) {
        int level = (int)draw(c, 0, levels);
        host[i] = (float)level / (float)levels;
        if (level == 0 && i % 2 == 0)
            host[i] = -0.0f; /* ties with 0 */
    }
    uint64_t seeds[MAX_IMAGES];
    for (int i = 0; i < MAX_IMAGES; i++)
        seeds[i] = (uint64_t)draw(c, 0, 1e15);
    struct pair *heat = from_bytes(c, ELEMENT_FLOAT, host, count);
    struct pair *rank = output_of(c, ELEMENT_U32, count);
    struct pair *largest = tied ? output_of(c, ELEMENT_U32, (size_t)n) : NULL;
    RUN(c, rank, .n = n, .pixels = pixels, .heat = raw(c, heat), .ascending = ascending,
        .ties = ties, .seeds = ties == TIES_RANDOM ? seeds : NULL, .rank = raw(c, rank),
        .largest_tie = raw(c, largest));
    compare_exact(c, "rank", rank);
    if (tied)
        compare_exact(c, "largest tie", largest);
    free(host);
}

void check_rank(struct check *c)
{
    static const int sizes[] = { 1, 2, 100, 4097, 64 * 64, 224 * 224 };
    if (c->bench) {
        check_one_rank(c, 8, 224 * 224, 100000, false, TIES_INDEX, true);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int flags = 0; flags < 6; flags++)
            check_one_rank(c, 2, sizes[i], flags % 2 ? 5 : 1000000, flags % 2,
                           (enum ties)(flags / 2), flags != 2);
    check_one_rank(c, 3, 4097, 1, false, TIES_INDEX, true); /* all of them tie */
}
