#include "thresholds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 256 }; /* of Otsu's histogram */

/* --- counts ---------------------------------------------------------------------------------- */

double counts_accuracy(const struct threshold_counts *c)
{
    return c->labelled > 0 ? 100.0 * (double)c->correct / (double)c->labelled : NAN;
}

double counts_miou(const struct threshold_counts *c)
{
    double sum = 0;
    for (int k = 0; k < 2; k++)
        if (c->united[k] > 0)
            sum += 50.0 * (double)c->intersection[k] / (double)c->united[k];
    return c->labelled > 0 ? sum : NAN;
}

/* table [label][prediction] of pixels. */
static void add_table(struct threshold_counts *c, int64_t table[2][2])
{
    int64_t wrong = table[0][1] + table[1][0];
    c->correct += table[0][0] + table[1][1];
    c->labelled += table[0][0] + table[1][1] + wrong;
    for (int k = 0; k < 2; k++) {
        c->intersection[k] += table[k][k];
        c->united[k] += table[k][k] + wrong;
    }
}

static void add_at(struct threshold_counts *c, const float *heat, const int8_t *labels,
                   size_t pixels, double threshold)
{
    int64_t table[2][2] = { { 0 } };
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0)
            table[labels[i] != 0][(double)heat[i] > threshold]++;
    add_table(c, table);
}

/* --- thresholds ------------------------------------------------------------------------------ */

static double fixed_level(int k) /* 0 ... FIXED_LEVELS - 1 */
{
    return (k + 1) / 100.0;
}

/* The number of fixed levels below x. */
static int levels_below(double x)
{
    int k = x > 0 ? (int)(x * 100) : 0; /* one too many or too few where x is near a level */
    k = k > FIXED_LEVELS ? FIXED_LEVELS : k;
    while (k > 0 && !(x > fixed_level(k - 1)))
        k--;
    while (k < FIXED_LEVELS && x > fixed_level(k))
        k++;
    return k;
}

static void add_fixed(struct threshold_counts *c, const float *heat, const int8_t *labels,
                      size_t pixels)
{
    int64_t count[2][FIXED_LEVELS + 1] = { { 0 } }; /* pixels above exactly this many levels */
    int64_t above[2] = { 0 }, all[2] = { 0 };
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] >= 0) {
            count[labels[i] != 0][levels_below((double)heat[i])]++;
            all[labels[i] != 0]++;
        }
    for (int k = FIXED_LEVELS - 1; k >= 0; k--) {
        int64_t table[2][2];
        for (int label = 0; label < 2; label++) {
            above[label] += count[label][k + 1];
            table[label][1] = above[label];
            table[label][0] = all[label] - above[label];
        }
        add_table(&c[k], table);
    }
}

static int float_order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double lower_median(float *sorted, const float *heat, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        sorted[i] = isnan(heat[i]) ? 0 : heat[i];
    qsort(sorted, pixels, sizeof *sorted, float_order);
    return (double)sorted[(pixels - 1) / 2];
}

/* Otsu 1979: the upper edge of the bin that maximises the variance between the two classes. */
static double otsu(const float *heat, size_t pixels)
{
    double count[BINS] = { 0 }, total = 0, below = 0, sum = 0, best = -1, threshold = 0;
    for (size_t i = 0; i < pixels; i++) {
        int bin = heat[i] > 0 ? (int)((double)heat[i] * BINS) : 0;
        count[bin < BINS ? bin : BINS - 1]++;
    }
    for (int k = 0; k < BINS; k++)
        total += k * count[k];
    for (int k = 0; k < BINS - 1; k++) {
        below += count[k];
        sum += k * count[k];
        double above = (double)pixels - below;
        if (below == 0 || above == 0)
            continue;
        double gap = sum / below - (total - sum) / above, between = below * above * gap * gap;
        if (between > best) {
            best = between;
            threshold = (k + 1) / (double)BINS;
        }
    }
    return threshold;
}

enum status thresholds_add(struct threshold_counts counts[THRESHOLDS], const float *heat,
                           const int8_t *labels, size_t pixels, struct error *err)
{
    if (pixels == 0)
        return OK;
    float *sorted = malloc(pixels * sizeof *sorted);
    if (!sorted)
        return fail(err, E_NOMEM, "no memory to sort %zu pixels", pixels);
    add_at(&counts[THRESHOLD_MEDIAN], heat, labels, pixels, lower_median(sorted, heat, pixels));
    add_at(&counts[THRESHOLD_OTSU], heat, labels, pixels, otsu(heat, pixels));
    add_fixed(&counts[THRESHOLD_LEVELS], heat, labels, pixels);
    free(sorted);
    return OK;
}

void threshold_name(int threshold, char *out, size_t size)
{
    static const char *const names[] = { "mean", "median", "otsu" };
    if (threshold < THRESHOLD_LEVELS)
        snprintf(out, size, "%s", names[threshold]);
    else
        snprintf(out, size, "%.2f", fixed_level(threshold - THRESHOLD_LEVELS));
}

/* --- a result file --------------------------------------------------------------------------- */

static enum status visit(void *context, size_t map, const float *heat, const int8_t *labels,
                         size_t pixels, struct error *err)
{
    struct threshold_table *table = context;
    return thresholds_add(table->row[map].counts, heat, labels, pixels, err);
}

/* The published threshold: the records have it. */
static void add_records(struct threshold_counts *c, const struct result *r,
                        const struct result_segmentation *s)
{
    for (size_t i = 0; i < r->images; i++) {
        if (r->status[i] != 0)
            continue;
        c->correct += s->score[i].correct;
        c->labelled += s->score[i].labelled;
        for (int k = 0; k < 2; k++) {
            c->intersection[k] += s->score[i].intersection[k];
            c->united[k] += s->score[i].united[k];
        }
    }
}

static int best_level(const struct threshold_counts *c)
{
    int best = THRESHOLD_LEVELS;
    for (int t = THRESHOLD_LEVELS; t < THRESHOLDS; t++)
        if (counts_miou(&c[t]) > counts_miou(&c[best]))
            best = t;
    return best;
}

static enum status walk(const struct pixels *p, struct threshold_table *out, struct error *err)
{
    struct pictures pictures;
    struct error why = { 0 };
    pictures_open(p->result, &pictures);
    enum status status =
        pictures.data ? pixels_walk(p, &pictures, visit, out, &out->images, &why) : E_DATA;
    if (status != OK) {
        snprintf(out->why, sizeof out->why, "%.390s", pictures.data ? why.text : pictures.why);
        for (size_t k = 0; k < out->rows; k++) /* a data set that was read in part has no scores */
            memset(out->row[k].counts, 0, sizeof out->row[k].counts);
    }
    pictures_close(&pictures);
    return status == E_NOMEM ? fail(err, status, "%s", why.text) : OK;
}

enum status thresholds_build(const struct result *r, struct threshold_table *out, struct error *err)
{
    struct pixels p;
    *out = (struct threshold_table){ 0 };
    TRY(pixels_open(r, &p, err));
    out->row = calloc(p.maps ? p.maps : 1, sizeof *out->row);
    enum status status = out->row ? OK : fail(err, E_NOMEM, "%s: no memory to score it", r->path);
    for (size_t k = 0; status == OK && k < p.maps; k++) {
        const struct result_map *map = p.map[k].map;
        out->row[out->rows++] = (struct threshold_row){ .method = map->method,
                                                        .explained = map->explained,
                                                        .agnostic = map->agnostic };
    }
    if (status == OK)
        status = walk(&p, out, err);
    for (size_t k = 0; status == OK && k < out->rows; k++) {
        struct threshold_row *row = &out->row[k];
        add_records(&row->counts[THRESHOLD_MEAN], r,
                    result_find_segmentation(r, row->method, row->explained));
        row->best = best_level(row->counts);
    }
    pixels_close(&p);
    if (status != OK)
        thresholds_free(out);
    return status;
}

void thresholds_free(struct threshold_table *t)
{
    free(t->row);
    *t = (struct threshold_table){ 0 };
}
