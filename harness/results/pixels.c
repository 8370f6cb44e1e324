#include "pixels.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "free_all.h"

static enum status read_maps(struct pixels *p, struct error *err)
{
    const struct result *r = p->result;
    for (size_t i = 0; i < r->maps; i++) {
        const struct result_map *map = &r->map[i];
        const struct result_segmentation *records =
            result_find_segmentation(r, map->method, map->explained);
        if ((map->agnostic && map->explained == EXPLAINED_TARGET) || !records)
            continue;
        if (map->grid < 1 || map->grid > RESULT_MAX_SIDE)
            return fail(err, E_DATA, "%s: maps of %d patches a side: 1 to %d can be looked at",
                        r->path, map->grid, RESULT_MAX_SIDE);
        p->map[p->maps].map = map;
        p->map[p->maps].records = records;
        TRY(result_read_maps(r, map, &p->map[p->maps].values, err));
        p->maps++;
    }
    return OK;
}

/* The side S of the run's images. Files from before version 0.2 do not store it; then it follows
 * from an image all of whose S x S pixels have a label. Where every image leaves pixels out, S is
 * unknown and is not guessed. */
static enum status find_side(const struct result *r, int *side, struct error *err)
{
    int32_t most = 0;
    for (size_t k = 0; k < r->segmentations; k++)
        for (size_t i = 0; i < r->images; i++)
            if (r->status[i] == 0 && r->segmentation[k].score[i].labelled > most)
                most = r->segmentation[k].score[i].labelled;
    *side = r->image_size > 0 ? r->image_size : (int)lround(sqrt((double)most));
    if (*side < 1 || *side > RESULT_MAX_SIDE)
        return fail(err, E_DATA, "%s: images of %d pixels a side: 1 to %d can be looked at",
                    r->path, *side, RESULT_MAX_SIDE);
    if (r->image_size == 0 && (int64_t)*side * *side != most)
        return fail(err, E_DATA,
                    "%s: has no attribute image_size, and at most %d pixels of an "
                    "image are labelled, which is no square: run again with this version",
                    r->path, (int)most);
    return OK;
}

enum status pixels_open(const struct result *r, struct pixels *out, struct error *err)
{
    *out = (struct pixels){ .result = r };
    TRY(find_side(r, &out->side, err));
    out->map = calloc(r->maps ? r->maps : 1, sizeof *out->map);
    enum status status =
        out->map ? read_maps(out, err) : fail(err, E_NOMEM, "%s: no memory for its maps", r->path);
    if (status != OK)
        pixels_close(out);
    return status;
}

void pixels_close(struct pixels *p)
{
    for (size_t k = 0; k < p->maps; k++)
        free(p->map[k].values);
    free(p->map);
    *p = (struct pixels){ 0 };
}

/* The larger of `most` and how far two counts are apart. */
static int64_t apart(int64_t most, int32_t a, int32_t b)
{
    int64_t by = llabs((int64_t)a - b);
    return by > most ? by : most;
}

struct scratch {
    uint8_t *rgb;   /* [S, S, 3] */
    int8_t *labels; /* [S, S] */
    float *heat;    /* [S, S] */
};

/* How far heat here may be from heat in the run, which was computed in float: a rounding of the
 * map's largest value, in parts of its range. */
static double heat_error(const float *map, int grid)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < grid * grid; i++) {
        low = fmin(low, (double)map[i]);
        high = fmax(high, (double)map[i]);
    }
    double rounding = 4 * (double)FLT_EPSILON * fmax(fabs(low), fabs(high));
    return 1e-5 + (high > low ? rounding / (high - low) : 0);
}

/* Counts at the published threshold are those of the records, but for pixels at the threshold. */
static enum status check_mask(const struct pixels *p, size_t k, size_t image, const float *map,
                              const struct scratch *s, struct error *err)
{
    const struct segmentation_score *had = &p->map[k].records->score[image];
    struct segmentation_score has;
    size_t pixels = (size_t)p->side * (size_t)p->side;
    double sum = 0, error = heat_error(map, p->map[k].map->grid);
    int64_t near = 0, off;
    for (size_t i = 0; i < pixels; i++)
        sum += (double)s->heat[i];
    segmentation_counts(s->heat, s->labels, pixels, sum / (double)pixels, &has);
    for (size_t i = 0; i < pixels; i++)
        near += fabs((double)s->heat[i] - sum / (double)pixels) <= error;
    off = apart(0, has.correct, had->correct);
    for (int c = 0; c < 2; c++) {
        off = apart(off, has.intersection[c], had->intersection[c]);
        off = apart(off, has.united[c], had->united[c]);
    }
    if (has.labelled == had->labelled && off <= near)
        return OK;
    return fail(err, E_DATA,
                "%s: image %s: its mask, or its records, have changed since the run: the counts of "
                "%s by the mask and those of the records are up to %lld pixels apart",
                p->result->path, p->result->id[image], p->map[k].map->method,
                (long long)apart(off, has.labelled, had->labelled));
}

static enum status walk_image(const struct pixels *p, const struct pictures *pictures, size_t image,
                              const struct scratch *s, pixel_visit *visit, void *context,
                              struct error *err)
{
    size_t pixels = (size_t)p->side * (size_t)p->side;
    TRY(pictures_load(pictures, image, p->side, s->rgb, s->labels, err));
    for (size_t k = 0; k < p->maps; k++) {
        int g = p->map[k].map->grid;
        const float *map = p->map[k].values + image * (size_t)g * (size_t)g;
        TRY(pictures_heat(map, g, p->side, s->heat, err));
        TRY(check_mask(p, k, image, map, s, err));
        TRY(visit(context, k, s->heat, s->labels, pixels, err));
    }
    return OK;
}

enum status pixels_walk(const struct pixels *p, const struct pictures *pictures, pixel_visit *visit,
                        void *context, size_t *images, struct error *err)
{
    size_t pixels = (size_t)p->side * (size_t)p->side;
    struct scratch s = { malloc(3 * pixels), malloc(pixels), malloc(pixels * sizeof *s.heat) };
    enum status status = s.rgb && s.labels && s.heat
                             ? OK
                             : fail(err, E_NOMEM, "%s: no memory for its pixels", p->result->path);
    *images = 0;
    for (size_t i = 0; status == OK && p->maps > 0 && i < p->result->images; i++) {
        if (p->result->status[i] != 0)
            continue;
        status = walk_image(p, pictures, i, &s, visit, context, err);
        *images += status == OK;
    }
    FREE_ALL(s.rgb, s.labels, s.heat);
    return status;
}
