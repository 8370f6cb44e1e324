/* Removed pixels that are filled in: the solution, the noise, and the rounding. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkops.h"

enum { MAX_VIEWS = 70 }; /* more than travel in one launch */

/* Pixels of one hole, from the corner on, or of many, by a step that visits all. */
static struct pair *order(struct check *c, size_t pixels, bool scattered)
{
    uint32_t *host = calloc(pixels, sizeof *host);
    if (host == NULL)
        abort();
    for (size_t i = 0; i < pixels; i++) {
        size_t other = scattered ? (size_t)draw(c, 0, (double)(i + 1)) : i;
        host[i] = host[other];
        host[other] = (uint32_t)i;
    }
    struct pair *p = from_bytes(c, ELEMENT_U32, host, pixels);
    free(host);
    return p;
}

static struct pair *image(struct check *c, size_t bytes)
{
    unsigned char *host = calloc(bytes, 1);
    if (host == NULL)
        abort();
    for (size_t i = 0; i < bytes; i++)
        host[i] = (unsigned char)draw(c, 0, 256);
    struct pair *p = from_bytes(c, ELEMENT_BYTE, host, bytes);
    free(host);
    return p;
}

/* Both solutions are within 1e-4 of the exact one (a residual of 1e-6; docs/scores.md), and so may
 * lie on two sides of a half: by one level, in few pixels. */
static void compare_levels(struct check *c, const struct pair *out)
{
    size_t apart = 0, far = 0;
    unsigned char *host[SIDES];
    if (c->bench)
        return;
    for (int s = 0; s < SIDES; s++) {
        host[s] = malloc(out->count + 1);
        if (host[s] == NULL)
            abort();
        c->be[s]->download(c->be[s], host[s], out->side[s], out->count);
        c->be[s]->sync(c->be[s], NULL);
    }
    for (size_t i = 0; i < out->count; i++) {
        int d = abs((int)host[REF][i] - (int)host[OWN][i]);
        apart += d > 0;
        far += d > 1;
    }
    char why[80];
    snprintf(why, sizeof why, "%zu levels of %zu are apart, %zu by more than one", apart,
             out->count, far);
    verdict(c, "levels", far == 0 && apart <= out->count / 20, why);
    free(host[REF]);
    free(host[OWN]);
}

/* share: of the pixels that go. */
static void check_one(struct check *c, int n, int side, double share, bool scattered, double noise)
{
    CASE(c, "n %d side %d share %g%s noise %g", n, side, share, scattered ? " scattered" : "",
         noise);
    size_t pixels = (size_t)side * (size_t)side;
    struct pair *rgb[2], *rank[2];
    uint64_t seeds[MAX_VIEWS];
    for (int i = 0; i < 2; i++) {
        rgb[i] = image(c, 3 * pixels);
        rank[i] = order(c, pixels, scattered);
    }
    struct view views[SIDES][MAX_VIEWS];
    for (int i = 0; i < n; i++)
        seeds[i] = (uint64_t)draw(c, 0, 1e15);
    for (c->side = REF; c->side < SIDES; c->side++)
        for (int i = 0; i < n; i++) /* one of them loses nothing */
            views[c->side][i] =
                (struct view){ .rgb = raw(c, rgb[i % 2]),
                               .rank = raw(c, rank[i / 2 % 2]),
                               .removed = i == 3 ? 0 : (uint32_t)((double)pixels * share) };
    struct pair *out = output_of(c, ELEMENT_BYTE, 3 * pixels * (size_t)n);
    struct pair *exact = output_of(c, ELEMENT_FLOAT, 3 * pixels * (size_t)n);
    RUN(c, impute, .n = n, .side = side, .views = views[c->side], .seeds = noise > 0 ? seeds : NULL,
        .noise = noise, .tolerance = 1e-6, .out = raw(c, out), .exact = raw(c, exact));
    double eps = c->eps;
    c->eps = 1e-4;
    compare(c, "solution", exact, 2);
    c->eps = eps;
    compare_levels(c, out);
}

void check_impute(struct check *c)
{
    if (c->bench) {
        check_one(c, 8, 224, 0.5, false, 0.01);
        return;
    }
    check_one(c, 4, 9, 0.5, true, 0);
    check_one(c, 5, 14, 0.3, false, 0.01);
    check_one(c, 2, 33, 0.9, false, 0);
    check_one(c, 3, 24, 0.95, true, 0.01);
    check_one(c, MAX_VIEWS, 8, 0.4, false, 0.01);
    check_one(c, 1, 2, 0.75, false, 0);
}
