#include "precision_recall.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_PIXELS = 4096, MOST_PATCHES = 512 }; /* a side */

struct counter {
    const struct result_map *map;
    float *maps;                      /* [images, g, g] */
    uint64_t count[2][RECALL_LEVELS]; /* pixels of background, foreground by level of heat */
};

struct scratch {
    uint8_t *rgb;   /* [S, S, 3] */
    int8_t *labels; /* [S, S] */
    float *heat;    /* [S, S] */
};

static void count_pixels(struct counter *c, const float *heat, const int8_t *labels, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0) {
            /* a NaN, which only a damaged file has, counts as cold */
            size_t level = heat[i] > 0 ? (size_t)((double)heat[i] * RECALL_LEVELS) : 0;
            level = level < RECALL_LEVELS ? level : RECALL_LEVELS - 1;
            c->count[labels[i] != 0][level]++;
        }
}

/* From the hottest level downwards: foreground is heat >= level. */
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

static enum status count_images(const struct run *run, const struct pictures *pictures,
                                struct counter *c, size_t counters, const struct scratch *s,
                                struct recall *out, struct error *err)
{
    size_t pixels = (size_t)out->side * (size_t)out->side;
    for (size_t i = 0; i < run->result->images; i++) {
        if (run->result->status[i] != 0)
            continue;
        TRY(pictures_load(pictures, i, out->side, s->rgb, s->labels, err));
        for (size_t k = 0; k < counters; k++) {
            int g = c[k].map->grid;
            TRY(pictures_heat(c[k].maps + i * (size_t)g * (size_t)g, g, out->side, s->heat, err));
            count_pixels(&c[k], s->heat, s->labels, pixels);
        }
        out->images++;
    }
    return OK;
}

static enum status read_counters(const struct run *run, struct counter *c, size_t *counters,
                                 struct error *err)
{
    for (size_t i = 0; i < run->result->maps; i++) {
        const struct result_map *map = &run->result->map[i];
        if ((map->agnostic && map->explained == EXPLAINED_TARGET) ||
            !result_find_segmentation(run->result, map->method, map->explained))
            continue;
        c[*counters].map = map;
        TRY(result_read_maps(run->result, map, &c[*counters].maps, err));
        (*counters)++;
    }
    return OK;
}

/* S of the run: most pixels that any image has a label for; all of them, but for those left out. */
static int scored_side(const struct result *r)
{
    int32_t most = 0;
    for (size_t k = 0; k < r->segmentations; k++)
        for (size_t i = 0; i < r->images; i++)
            if (r->status[i] == 0 && r->segmentation[k].score[i].labelled > most)
                most = r->segmentation[k].score[i].labelled;
    return (int)ceil(sqrt((double)most));
}

enum status recall_build(const struct run *run, const struct pictures *pictures, struct recall *out,
                         struct error *err)
{
    size_t counters = 0, maps = run->result->maps;
    struct counter *c = calloc(maps ? maps : 1, sizeof *c);
    struct scratch s = { 0 };

    *out = (struct recall){ 0 };
    enum status status = c ? OK : fail(err, E_NOMEM, "no memory for precision and recall");
    if (status == OK)
        status = read_counters(run, c, &counters, err);
    for (size_t k = 0; status == OK && k < counters; k++)
        if (c[k].map->grid < 1 || c[k].map->grid > MOST_PATCHES)
            status = fail(err, E_DATA, "%s: maps of %d patches a side: 1 to %d can be drawn",
                          run->result->path, c[k].map->grid, MOST_PATCHES);
    out->side = scored_side(run->result);
    if (status == OK && (out->side < 1 || out->side > MOST_PIXELS))
        status = fail(err, E_DATA, "%s: images of %d pixels a side: 1 to %d can be drawn",
                      run->result->path, out->side, MOST_PIXELS);
    if (status == OK && counters > 0) {
        size_t pixels = (size_t)out->side * (size_t)out->side;
        s = (struct scratch){ malloc(3 * pixels), malloc(pixels), malloc(pixels * sizeof *s.heat) };
        out->curve = calloc(counters, sizeof *out->curve);
        status = s.rgb && s.labels && s.heat && out->curve
                     ? count_images(run, pictures, c, counters, &s, out, err)
                     : fail(err, E_NOMEM, "no memory for precision and recall");
    }
    for (size_t k = 0; k < counters; k++) {
        if (status == OK)
            finish_curve(&c[k], &out->curve[out->curves++]);
        free(c[k].maps);
    }
    free(c);
    free(s.rgb);
    free(s.labels);
    free(s.heat);
    if (status != OK)
        recall_free(out);
    return status;
}

bool recall_shown(const struct recall_curve *c, enum explained explained)
{
    return c->levels > 0 && (c->explained == explained || c->agnostic);
}

bool recall_has(const struct recall *r, enum explained explained)
{
    for (size_t k = 0; k < r->curves; k++)
        if (r->curve[k].levels > 0 && r->curve[k].explained == explained)
            return true;
    return false;
}

void recall_free(struct recall *r)
{
    free(r->curve);
    *r = (struct recall){ 0 };
}
