#include "compare.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_internal.h"
#include "free_all.h"

/* --- differences ----------------------------------------------------------------------------- */

void difference_note(struct difference *d, size_t image, double size)
{
    if (d->images++ == 0)
        d->first = image;
    d->largest = size > d->largest ? size : d->largest;
}

enum status difference_keep(struct comparing *c, const struct difference *d)
{
    struct comparison *out = c->out;
    out->compared++;
    if (d->images == 0)
        return OK;
    struct difference *grown = realloc(out->found, (out->founds + 1) * sizeof *grown);
    if (!grown)
        return fail(c->err, E_NOMEM, "no memory to compare");
    out->found = grown;
    out->found[out->founds++] = *d;
    return OK;
}

/* Compares rows of `width` whole numbers or classes for equality. `size`: of one element. */
static enum status compare_exact(struct comparing *c, const char *what, const void *a,
                                 const void *b, size_t width, size_t size)
{
    struct difference d = { 0 };
    snprintf(d.what, sizeof d.what, "%s", what);
    for (size_t i = 0; i < c->side[0]->images; i++)
        if (memcmp((const char *)a + i * width * size, (const char *)b + i * width * size,
                   width * size) != 0)
            difference_note(&d, i, 0);
    return difference_keep(c, &d);
}

double number_distance(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b) ? 0 : INFINITY;
    return a == b ? 0 : fabs(a - b);
}

/* stride: from one image to the next. relative: distances are divided by the image's largest
 * |a|. */
static enum status compare_floats(struct comparing *c, const char *what, const float *a,
                                  const float *b, size_t width, size_t stride, bool relative)
{
    struct difference d = { 0 };
    snprintf(d.what, sizeof d.what, "%s", what);
    for (size_t i = 0; i < c->side[0]->images; i++) {
        double far = 0, most = 0;
        for (size_t k = 0; k < width; k++) {
            float x = a[i * stride + k], y = b[i * stride + k];
            far = fmax(far, number_distance((double)x, (double)y));
            most = fmax(most, fabs((double)x));
        }
        if (relative && far > 0)
            far = most > 0 ? far / most : INFINITY;
        if (far > c->tolerance)
            difference_note(&d, i, far);
    }
    return difference_keep(c, &d);
}

enum status only_in(struct comparing *c, int side, const char *what)
{
    char **grown = realloc(c->out->lonely, (c->out->lonelies + 1) * sizeof *grown);
    if (!grown)
        return fail(c->err, E_NOMEM, "no memory to compare");
    c->out->lonely = grown;
    if (asprintf(&grown[c->out->lonelies], "only %c: %s", 'A' + side, what) < 0)
        return fail(c->err, E_NOMEM, "no memory to compare");
    c->out->lonelies++;
    return OK;
}

static enum status lonely(struct comparing *c, int side, const char *top, const char *method,
                          enum explained explained, const char *direction)
{
    char what[200];
    snprintf(what, sizeof what, "%s/%s/%s%s%s", top, method, explained_names[explained],
             *direction ? "/" : "", direction);
    return only_in(c, side, what);
}

/* --- the parts of a file --------------------------------------------------------------------- */

static enum status compare_images(struct comparing *c)
{
    const struct result *a = c->side[0], *b = c->side[1];
    TRY(compare_exact(c, "images/label", a->label, b->label, 1, sizeof *a->label));
    TRY(compare_exact(c, "images/predicted", a->predicted, b->predicted, 1, sizeof *a->predicted));
    return compare_exact(c, "images/status", a->status, b->status, 1, sizeof *a->status);
}

static enum status compare_map(struct comparing *c, const struct result_map *a,
                               const struct result_map *b)
{
    float *maps[2] = { NULL, NULL };
    char what[160];
    snprintf(what, sizeof what, "explain/%s/%s/map", a->method, explained_names[a->explained]);
    if (a->grid != b->grid) {
        struct difference d = { .images = c->side[0]->images, .largest = INFINITY };
        snprintf(d.what, sizeof d.what, "%s", what);
        return difference_keep(c, &d);
    }
    enum status status = result_read_maps(c->side[0], a, &maps[0], c->err);
    if (status == OK)
        status = result_read_maps(c->side[1], b, &maps[1], c->err);
    size_t cells = (size_t)a->grid * (size_t)a->grid;
    if (status == OK)
        status = compare_floats(c, what, maps[0], maps[1], cells, cells, true);
    FREE_ALL(maps[0], maps[1]);
    return status;
}

static enum status compare_curve(struct comparing *c, const struct result_curve *a,
                                 const struct result_curve *b)
{
    size_t points = (size_t)c->side[0]->axis.steps + 1;
    char at[100], what[160];
    snprintf(at, sizeof at, "perturbation/%s/%s/%s", a->method, explained_names[a->explained],
             removal_names[a->removal]);
    snprintf(what, sizeof what, "%s/hit", at);
    TRY(compare_exact(c, what, a->hit, b->hit, points, sizeof *a->hit));
    snprintf(what, sizeof what, "%s/predicted", at);
    TRY(compare_exact(c, what, a->predicted, b->predicted, points, sizeof *a->predicted));
    snprintf(what, sizeof what, "%s/prob", at);
    TRY(compare_floats(c, what, a->prob, b->prob, points, points, false));
    /* Schema 1 has neither of these, which does not count as a difference. */
    const float *more[2][2] = { { a->prob_class, b->prob_class },
                                { a->logit_class, b->logit_class } };
    static const char *const names[] = { "prob_class", "logit_class" };
    for (int k = 0; k < 2; k++) {
        snprintf(what, sizeof what, "%s/%s", at, names[k]);
        if (more[k][0] && more[k][1])
            TRY(compare_floats(c, what, more[k][0], more[k][1], points, points, k == 1));
    }
    return OK;
}

static enum status compare_scores(struct comparing *c, const struct result_segmentation *a,
                                  const struct result_segmentation *b)
{
    char at[100], what[160];
    struct difference counts = { 0 };
    size_t stride = sizeof *a->score / sizeof(float); /* a score is seven words of four bytes */
    static_assert(sizeof *a->score % sizeof(float) == 0, "scores are walked as floats");

    snprintf(at, sizeof at, "segmentation/%s/%s", a->method, explained_names[a->explained]);
    snprintf(counts.what, sizeof counts.what, "%s/{correct, labelled, intersection, union}", at);
    for (size_t i = 0; i < c->side[0]->images; i++)
        if (memcmp(&a->score[i], &b->score[i], offsetof(struct segmentation_score, ap)) != 0)
            difference_note(&counts, i, 0);
    TRY(difference_keep(c, &counts));
    snprintf(what, sizeof what, "%s/ap", at);
    TRY(compare_floats(c, what, &a->score[0].ap, &b->score[0].ap, 1, stride, false));
    if (!a->shortcut_share != !b->shortcut_share)
        return lonely(c, !a->shortcut_share, "segmentation", a->method, a->explained,
                      "shortcut_share");
    if (!a->shortcut_share)
        return OK;
    snprintf(what, sizeof what, "%s/shortcut_share", at);
    return compare_floats(c, what, a->shortcut_share, b->shortcut_share, 1, 1, false);
}

/* Compares every entry of A with its partner in B; `other` only finds entries that A lacks. */
static enum status compare_entries(struct comparing *c)
{
    for (int side = 0; side < 2; side++) {
        const struct result *r = c->side[side], *other = c->side[!side];
        for (size_t i = 0; i < r->maps; i++) {
            const struct result_map *m = &r->map[i],
                                    *n = result_find_map(other, m->method, m->explained);
            if (!n)
                TRY(lonely(c, side, "explain", m->method, m->explained, ""));
            else if (side == 0)
                TRY(compare_map(c, m, n));
        }
        for (size_t i = 0; i < r->curves; i++) {
            const struct result_curve *m = &r->curve[i],
                                      *n = result_find_curve(other, m->method, m->explained,
                                                             m->removal);
            if (!n)
                TRY(lonely(c, side, "perturbation", m->method, m->explained,
                           removal_names[m->removal]));
            else if (side == 0)
                TRY(compare_curve(c, m, n));
        }
        for (size_t i = 0; i < r->segmentations; i++) {
            const struct result_segmentation *m = &r->segmentation[i],
                                             *n = result_find_segmentation(other, m->method,
                                                                           m->explained);
            if (!n)
                TRY(lonely(c, side, "segmentation", m->method, m->explained, ""));
            else if (side == 0 && r->images > 0)
                TRY(compare_scores(c, m, n));
        }
    }
    return OK;
}

enum status compare_axes(const struct result *a, const struct result *b, struct error *err)
{
    if (a->curves == 0 || b->curves == 0 ||
        (a->axis.steps == b->axis.steps && a->axis.upto == b->axis.upto))
        return OK;
    return fail(err, E_DATA,
                "%s has curves of %d steps to %d %%, %s of %d steps to %d %%: they do not compare",
                a->path, a->axis.steps, a->axis.upto, b->path, b->axis.steps, b->axis.upto);
}

static bool compare_ids(const struct result *a, const struct result *b, size_t *first)
{
    size_t both = a->images < b->images ? a->images : b->images;
    for (*first = 0; *first < both; (*first)++)
        if (strcmp(a->id[*first], b->id[*first]) != 0)
            return false;
    return a->images == b->images;
}

enum status compare_results(const struct result *a, const struct result *b, double tolerance,
                            struct comparison *out, struct error *err)
{
    struct comparing c = { { a, b }, tolerance, out, err };

    *out = (struct comparison){ 0 };
    TRY(compare_axes(a, b, err));
    for (int side = 0; side < 2; side++)
        out->seconds[side] = c.side[side]->seconds / (double)c.side[side]->images;
    out->same_images = compare_ids(a, b, &out->first_other);
    if (!out->same_images)
        return OK;
    enum status status = compare_images(&c);
    if (status == OK)
        status = compare_entries(&c);
    if (status == OK)
        status = compare_rest(&c);
    if (status != OK)
        comparison_free(out);
    return status;
}

void comparison_free(struct comparison *c)
{
    for (size_t i = 0; i < c->lonelies; i++)
        free(c->lonely[i]);
    FREE_ALL(c->lonely, c->found);
    *c = (struct comparison){ 0 };
}
