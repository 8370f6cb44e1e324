#include "located.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "localisation.h"
#include "pixels.h"
#include "sparsity.h"

const char *const located_names[LOCATED_SCORES] = { "pointing0", "pointing15", "top_k", "mass",
                                                    "rank",      "auc",        "gini",  "entropy" };

struct walk {
    const struct pixels *pixels;
    struct located_table *table;
    size_t *next;    /* [maps] the next image of each map */
    float *positive; /* [side, side] */
};

/* Images come in their order, and each comes with every map. */
static size_t take_image(struct walk *w, size_t map)
{
    while (w->pixels->result->status[w->next[map]] != 0)
        w->next[map]++;
    return w->next[map]++;
}

static enum status score_image(struct walk *w, size_t k, size_t image, const float *heat,
                               const int8_t *labels, double score[LOCATED_SCORES],
                               struct error *err)
{
    int grid = w->pixels->map[k].map->grid, side = w->pixels->side;
    size_t cells = (size_t)grid * (size_t)grid, pixels = (size_t)side * (size_t)side;
    const float *map = w->pixels->map[k].values + image * cells;
    struct localisation s;
    TRY(localisation_scores(heat, labels, side, &s, err));
    positive_heat(map, grid, side, w->positive);
    score[LOCATED_POINTING0] = s.pointing0;
    score[LOCATED_POINTING15] = s.pointing15;
    score[LOCATED_TOP_K] = s.top_k;
    score[LOCATED_MASS] = mass_accuracy(w->positive, labels, pixels);
    score[LOCATED_RANK] = s.rank;
    score[LOCATED_AUC] = s.auc;
    score[LOCATED_ENTROPY] = map_entropy_share(map, cells);
    return gini(map, cells, &score[LOCATED_GINI], err);
}

static enum status visit(void *context, size_t map, const float *heat, const int8_t *labels,
                         size_t pixels, struct error *err)
{
    struct walk *w = context;
    struct located_row *row = &w->table->row[map];
    double score[LOCATED_SCORES];
    (void)pixels;
    TRY(score_image(w, map, take_image(w, map), heat, labels, score, err));
    for (int s = 0; s < LOCATED_SCORES; s++) {
        if (isnan(score[s]))
            continue;
        row->mean[s] += score[s]; /* a sum, so far */
        row->defined[s]++;
    }
    return OK;
}

static enum status walk_all(const struct pixels *p, struct located_table *out, struct error *err)
{
    struct pictures pictures;
    size_t pixels = (size_t)p->side * (size_t)p->side;
    struct walk w = { .pixels = p,
                      .table = out,
                      .next = calloc(p->maps + 1, sizeof *w.next),
                      .positive = malloc(pixels * sizeof *w.positive) };
    enum status status = w.next && w.positive
                             ? OK
                             : fail(err, E_NOMEM, "%s: no memory to score it", p->result->path);
    pictures_open(p->result, &pictures);
    if (status == OK && !pictures.data)
        status =
            fail(err, E_DATA, "%s: its masks cannot be had: %s", p->result->path, pictures.why);
    if (status == OK)
        status = pixels_walk(p, &pictures, visit, &w, &out->images, err);
    pictures_close(&pictures);
    FREE_ALL(w.next, w.positive);
    return status;
}

enum status located_build(const struct result *r, struct located_table *out, struct error *err)
{
    struct pixels p;
    *out = (struct located_table){ 0 };
    TRY(pixels_open(r, &p, err));
    out->row = calloc(p.maps ? p.maps : 1, sizeof *out->row);
    enum status status = out->row ? OK : fail(err, E_NOMEM, "%s: no memory to score it", r->path);
    for (size_t k = 0; status == OK && k < p.maps; k++) {
        const struct result_map *map = p.map[k].map;
        out->row[out->rows++] = (struct located_row){ .method = map->method,
                                                      .explained = map->explained,
                                                      .agnostic = map->agnostic };
    }
    if (status == OK)
        status = walk_all(&p, out, err);
    for (size_t k = 0; status == OK && k < out->rows; k++)
        for (int s = 0; s < LOCATED_SCORES; s++)
            out->row[k].mean[s] = out->row[k].defined[s] > 0
                                      ? out->row[k].mean[s] / (double)out->row[k].defined[s]
                                      : NAN;
    pixels_close(&p);
    if (status != OK)
        located_free(out);
    return status;
}

void located_free(struct located_table *t)
{
    free(t->row);
    *t = (struct located_table){ 0 };
}
