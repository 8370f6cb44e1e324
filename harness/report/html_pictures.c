#include "html_pictures.h"

#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "image_scores.h"

enum {
    MOST_PICTURES = 400, /* per page, which with ImageNet's stays below 10 MB */
    ENDS = 8,            /* of the best and of the worst by each measure, embedded in any case */
    MOST_ROWS = 6000     /* records, summed over all runs of a page */
};

/* --- the choice ------------------------------------------------------------------------------ */

static bool same_pictures(const struct result *a, const struct result *b)
{
    static const enum result_attribute same[] = { ATTR_DATASET, ATTR_DATASET_FINGERPRINT,
                                                  ATTR_PREPROCESS };
    return results_agree(a, b, same, sizeof same / sizeof *same) && a->images == b->images;
}

/* The best and the worst images of one run. */
static enum status mark_ends(const struct run *run, uint8_t *wanted, struct error *err)
{
    struct image_place *ranked = calloc(run->result->images + 1, sizeof *ranked);
    if (!ranked)
        return fail(err, E_NOMEM, "no memory to rank %zu images", run->result->images);
    for (int m = 0; m < IMAGE_MEASURES; m++) {
        size_t count = image_rank(run, &image_measures[m], ranked);
        for (size_t k = 0; k < count; k++)
            if (k < ENDS || k + ENDS >= count)
                wanted[ranked[k].image] = 1;
    }
    free(ranked);
    return OK;
}

/* Adds every n-th image, up to `most` in all. */
static void mark_spread(const struct result *r, size_t most, uint8_t *wanted)
{
    size_t marked = 0, free_ones = 0, taken = 0, seen = 0;
    for (size_t i = 0; i < r->images; i++) {
        marked += wanted[i];
        free_ones += !wanted[i] && r->status[i] == 0;
    }
    size_t take = most > marked ? most - marked : 0;
    take = take < free_ones ? take : free_ones;
    for (size_t i = 0; i < r->images && taken < take; i++) {
        if (wanted[i] || r->status[i] != 0)
            continue;
        seen++;
        if (seen * take >= (taken + 1) * free_ones) {
            wanted[i] = 1;
            taken++;
        }
    }
}

static size_t count_sets(const struct report *report)
{
    size_t sets = 0;
    for (size_t i = 0; i < report->runs; i++) {
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known = known || same_pictures(report->run[k].result, report->run[i].result);
        sets += !known;
    }
    return sets;
}

/* Returns the indices of the wanted images, ascending, malloc'ed; NULL: out of memory. */
static size_t *list_wanted(const uint8_t *wanted, size_t images, size_t *count)
{
    size_t *list = calloc(images + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; list && i < images; i++)
        if (wanted[i])
            list[(*count)++] = i;
    return list;
}

/* Images that could not be read get a row too, where there is room. */
static void mark_rows(const struct result *r, size_t most, uint8_t *wanted)
{
    if (r->images <= most)
        memset(wanted, 1, r->images);
    else
        mark_spread(r, most, wanted);
}

enum status carried_choose(const struct report *report, size_t index, struct carried *out,
                           struct error *err)
{
    const struct result *r = report->run[index].result;
    uint8_t *wanted = calloc(r->images + 1, 1);
    enum status status = wanted ? OK : fail(err, E_NOMEM, "%s: no memory for a page", r->path);
    *out = (struct carried){ .leader = index };
    for (size_t i = report->runs; status == OK && i-- > 0;)
        if (same_pictures(report->run[i].result, r)) {
            out->leader = i;
            status = mark_ends(&report->run[i], wanted, err);
        }
    if (status == OK) {
        mark_spread(r, MOST_PICTURES / count_sets(report), wanted);
        out->image = list_wanted(wanted, r->images, &out->count);
        mark_rows(r, MOST_ROWS / report->runs, wanted);
        out->row = list_wanted(wanted, r->images, &out->rows);
        if (!out->image || !out->row)
            status = fail(err, E_NOMEM, "%s: no memory for a page", r->path);
    }
    if (status != OK)
        carried_free(out);
    free(wanted);
    return status;
}

void carried_free(struct carried *c)
{
    FREE_ALL(c->image, c->row);
    *c = (struct carried){ 0 };
}

/* --- maps ------------------------------------------------------------------------------------ */

static enum explained main_class(const struct result *r)
{
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == EXPLAINED_PREDICTED)
            return EXPLAINED_PREDICTED;
    return EXPLAINED_TARGET;
}

static enum status read_one(const struct result *r, size_t map, struct shown_maps *out,
                            struct error *err)
{
    int grid = r->map[map].grid;
    if (grid < 1 || grid > RESULT_MAX_SIDE)
        return fail(err, E_DATA, "%s: maps of %d patches a side: 1 to %d can be shown", r->path,
                    grid, RESULT_MAX_SIDE);
    TRY(result_read_maps(r, &r->map[map], &out->values[out->count], err));
    out->map[out->count++] = map;
    return OK;
}

enum status shown_maps_read(const struct result *r, struct shown_maps *out, struct error *err)
{
    *out = (struct shown_maps){ .explained = main_class(r),
                                .map = calloc(r->maps + 1, sizeof *out->map),
                                .values = calloc(r->maps + 1, sizeof *out->values) };
    enum status status = out->map && out->values
                             ? OK
                             : fail(err, E_NOMEM, "%s: no memory for the heat maps", r->path);
    for (size_t i = 0; status == OK && r->images > 0 && i < r->maps; i++)
        if (r->map[i].explained == out->explained)
            status = read_one(r, i, out, err);
    if (status != OK)
        shown_maps_free(out);
    return status;
}

void shown_maps_free(struct shown_maps *m)
{
    for (size_t i = 0; m->values && i < m->count; i++)
        free(m->values[i]);
    FREE_ALL(m->values, m->map);
    *m = (struct shown_maps){ 0 };
}
