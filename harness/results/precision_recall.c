#include "precision_recall.h"

#include <stdlib.h>
#include <string.h>

#include "pixels.h"

struct counter {
    const struct result_map *map;
    uint64_t count[2][RECALL_LEVELS]; /* pixels of background and of foreground, by level of heat */
};

static enum status count_pixels(void *context, size_t map, const float *heat, const int8_t *labels,
                                size_t pixels, struct error *err)
{
    struct counter *c = (struct counter *)context + map;
    (void)err;
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0) {
            /* a NaN, which only a damaged file has, counts as cold */
            size_t level = heat[i] > 0 ? (size_t)((double)heat[i] * RECALL_LEVELS) : 0;
            level = level < RECALL_LEVELS ? level : RECALL_LEVELS - 1;
            c->count[labels[i] != 0][level]++;
        }
    return OK;
}

/* Sums from the hottest level downwards: foreground is heat >= level. */
static void finish_curve(const struct counter *c, struct recall_curve *out)
{
    uint64_t all = 0, hit = 0, taken = 0;
    double before = 0;
    out->method = c->map->method;
    out->explained = c->map->explained;
    out->agnostic = c->map->agnostic;
    for (size_t k = 0; k < RECALL_LEVELS; k++)
        all += c->count[1][k];
    for (size_t k = RECALL_LEVELS; k-- > 0;) {
        if (c->count[0][k] + c->count[1][k] == 0 || all == 0)
            continue;
        hit += c->count[1][k];
        taken += c->count[0][k] + c->count[1][k];
        out->recall[out->levels] = (double)hit / (double)all;
        out->precision[out->levels] = (double)hit / (double)taken;
        out->area += (out->recall[out->levels] - before) * out->precision[out->levels];
        before = out->recall[out->levels++];
    }
}

/* The masks are the same for every map. */
static double foreground_share(const struct counter *c)
{
    uint64_t all[2] = { 0, 0 };
    for (int of = 0; of < 2; of++)
        for (size_t k = 0; k < RECALL_LEVELS; k++)
            all[of] += c->count[of][k];
    return (double)all[1] / (double)(all[0] + all[1]);
}

enum status recall_build(const struct run *run, const struct pictures *pictures, struct recall *out,
                         struct error *err)
{
    struct pixels p;

    *out = (struct recall){ 0 };
    TRY(pixels_open(run->result, &p, err));
    struct counter *c = calloc(p.maps ? p.maps : 1, sizeof *c);
    out->side = p.side;
    out->curve = calloc(p.maps ? p.maps : 1, sizeof *out->curve);
    enum status status = c && out->curve
                             ? pixels_walk(&p, pictures, count_pixels, c, &out->images, err)
                             : fail(err, E_NOMEM, "no memory for precision and recall");
    for (size_t k = 0; status == OK && k < p.maps; k++) {
        c[k].map = p.map[k].map;
        finish_curve(&c[k], &out->curve[out->curves++]);
    }
    if (status == OK && p.maps > 0)
        out->foreground = foreground_share(&c[0]);
    free(c);
    pixels_close(&p);
    if (status != OK)
        recall_free(out);
    return status;
}

bool recall_shown(const struct recall_curve *c, enum explained explained)
{
    return c->levels > 0 && (c->explained == explained || c->agnostic);
}

static bool same_curve(const struct recall_curve *a, const struct recall_curve *b)
{
    size_t bytes = a->levels * sizeof *a->precision;
    return a->levels == b->levels && memcmp(a->precision, b->precision, bytes) == 0 &&
           memcmp(a->recall, b->recall, bytes) == 0;
}

/* Where every prediction is right, the curves of both classes are the same. */
static bool repeats(const struct recall *r, const struct recall_curve *c)
{
    for (size_t k = 0; c->explained == EXPLAINED_TARGET && k < r->curves; k++)
        if (r->curve[k].explained == EXPLAINED_PREDICTED &&
            strcmp(r->curve[k].method, c->method) == 0 && same_curve(&r->curve[k], c))
            return true;
    return false;
}

bool recall_has(const struct recall *r, enum explained explained)
{
    for (size_t k = 0; k < r->curves; k++)
        if (r->curve[k].levels > 0 && r->curve[k].explained == explained &&
            !repeats(r, &r->curve[k]))
            return true;
    return false;
}

void recall_free(struct recall *r)
{
    free(r->curve);
    *r = (struct recall){ 0 };
}
