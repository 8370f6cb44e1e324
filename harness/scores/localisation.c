#include "localisation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "free_all.h"
#include "ranking.h"

/* Labelled pixels alone, in index order. */
struct labelled_pixels {
    float *heat;     /* [n] */
    uint8_t *inside; /* [n] */
    uint32_t *at;    /* [n] their index in the image */
    uint32_t *order; /* [n] hottest first */
    size_t n, object;
};

static enum status take_labelled(const float *heat, const int8_t *labels, size_t pixels,
                                 struct labelled_pixels *p, struct error *err)
{
    *p = (struct labelled_pixels){ .heat = calloc(pixels + 1, sizeof *p->heat),
                                   .inside = malloc(pixels + 1),
                                   .at = malloc((pixels + 1) * sizeof *p->at),
                                   .order = malloc((pixels + 1) * sizeof *p->order) };
    if (p->heat == NULL || p->inside == NULL || p->at == NULL || p->order == NULL)
        return fail(err, E_NOMEM, "no memory to rank %zu pixels", pixels);
    for (size_t i = 0; i < pixels; i++) {
        if (labels[i] < 0)
            continue;
        p->heat[p->n] = heat[i];
        p->inside[p->n] = labels[i] > 0;
        p->at[p->n] = (uint32_t)i;
        p->object += labels[i] > 0;
        p->n++;
    }
    return heat_order(p->heat, p->n, true, p->order, err);
}

static void free_pixels(struct labelled_pixels *p)
{
    FREE_ALL(p->heat, p->inside, p->at, p->order);
}

static double share_of_first(const struct labelled_pixels *p, size_t k)
{
    size_t hits = 0;
    for (size_t i = 0; i < k; i++)
        hits += p->inside[p->order[i]];
    return (double)hits / (double)k;
}

/* P(a pixel of the object is hotter than one outside) + P(as hot) / 2, by counting. */
static double roc_area(const struct labelled_pixels *p)
{
    double above = 0, wins = 0; /* object pixels hotter than the tie at hand; counts, exact */
    for (size_t first = 0, next; first < p->n; first = next) {
        double hits = 0;
        for (next = first; next < p->n && p->heat[p->order[next]] == p->heat[p->order[first]];
             next++)
            hits += p->inside[p->order[next]];
        wins += ((double)(next - first) - hits) * (above + hits / 2);
        above += hits;
    }
    double outside = (double)(p->n - p->object);
    return outside > 0 ? wins / outside / (double)p->object : NAN;
}

static bool within(const struct labelled_pixels *p, int side, int tolerance)
{
    int x = (int)(p->at[p->order[0]] % (uint32_t)side),
        y = (int)(p->at[p->order[0]] / (uint32_t)side);
    for (size_t i = 0; i < p->n; i++) {
        int dx = (int)(p->at[i] % (uint32_t)side) - x, dy = (int)(p->at[i] / (uint32_t)side) - y;
        if (p->inside[i] && dx * dx + dy * dy < tolerance * tolerance)
            return true;
    }
    return false;
}

enum status localisation_scores(const float *heat, const int8_t *labels, int side,
                                struct localisation *out, struct error *err)
{
    struct labelled_pixels p;
    *out = (struct localisation){ NAN, NAN, NAN, NAN, NAN };
    enum status status = take_labelled(heat, labels, (size_t)side * (size_t)side, &p, err);
    if (status == OK && p.object > 0) {
        out->auc = roc_area(&p);
        if (p.heat[p.order[0]] != p.heat[p.order[p.n - 1]]) {
            out->pointing0 = p.inside[p.order[0]];
            out->pointing15 = within(&p, side, POINTING_TOLERANCE);
            out->top_k = share_of_first(&p, p.n < TOP_K ? p.n : TOP_K);
            out->rank = share_of_first(&p, p.object);
        }
    }
    free_pixels(&p);
    return status;
}

double mass_accuracy(const float *heat, const int8_t *labels, size_t pixels)
{
    double within = 0, all = 0;
    size_t object = 0;
    for (size_t i = 0; i < pixels; i++) {
        double h = labels[i] >= 0 && heat[i] > 0 ? (double)heat[i] : 0;
        all += h;
        within += labels[i] > 0 ? h : 0;
        object += labels[i] > 0;
    }
    return object > 0 && all > 0 ? within / all : NAN;
}

double mask_share(const int8_t *labels, size_t pixels)
{
    size_t object = 0, labelled = 0;
    for (size_t i = 0; i < pixels; i++) {
        object += labels[i] > 0;
        labelled += labels[i] >= 0;
    }
    return labelled > 0 ? (double)object / (double)labelled : NAN;
}

/* Where a pixel's centre lies between two patches: the lower one, and the weight of the next. */
struct between {
    int low, high;
    double weight;
};

static struct between place(int pixel, int grid, int side)
{
    double at = (pixel + 0.5) * grid / side - 0.5;
    int low = at > 0 ? (int)at : 0;
    return (struct between){ low, low + 1 < grid ? low + 1 : low, at > 0 ? at - low : 0 };
}

static double positive(const float *map, int grid, int row, int column)
{
    float v = map[row * grid + column];
    return v > 0 ? (double)v : 0;
}

void positive_heat(const float *map, int grid, int side, float *out)
{
    bool finite = true;
    for (int i = 0; i < grid * grid; i++)
        finite &= isfinite(map[i]) != 0;
    for (int y = 0; y < side; y++) {
        struct between v = place(y, grid, side);
        for (int x = 0; x < side; x++) {
            struct between h = place(x, grid, side);
            double top = positive(map, grid, v.low, h.low) * (1 - h.weight) +
                         positive(map, grid, v.low, h.high) * h.weight,
                   bottom = positive(map, grid, v.high, h.low) * (1 - h.weight) +
                            positive(map, grid, v.high, h.high) * h.weight;
            out[(size_t)y * (size_t)side + (size_t)x] =
                finite ? (float)(top * (1 - v.weight) + bottom * v.weight) : 0;
        }
    }
}
