/* Records that no run can have written: counts above what they are a part of, shares beyond 0 and
 * 1. A report of such a file would be wrong, and look sure. */
#include "result_rows.h"

#include <math.h>
#include <stdio.h>

struct at { /* where a record stands */
    const struct result *r;
    const char *table, *method;
    enum explained explained;
    const char *direction; /* of a curve, behind a slash; else "" */
    struct error *err;
};

static enum status damaged(const struct at *at, const char *name, size_t image, const char *have,
                           const char *right)
{
    return fail(at->err, E_DATA, "%s: /%s/%s/%s%s/%s: image %zu (%s) has %s: %s; a damaged file",
                at->r->path, at->table, at->method, explained_names[at->explained], at->direction,
                name, image + 1, at->r->id[image], have, right);
}

/* Whether a count is one of a whole that has `most`. */
static enum status check_count(const struct at *at, const char *name, size_t image, long count,
                               long most, const char *of)
{
    char have[32], right[80];
    if (count >= 0 && count <= most)
        return OK;
    snprintf(have, sizeof have, "%ld", count);
    snprintf(right, sizeof right, "0 to %ld, %s, can be", most, of);
    return damaged(at, name, image, have, right);
}

/* Shares and probabilities, which rounding may leave a little above 1; NaN: there is none. */
static enum status check_share(const struct at *at, const char *name, size_t image, float share)
{
    const float rounding = 1e-3f;
    char have[32];
    if (isnan(share) || (share >= -rounding && share <= 1 + rounding))
        return OK;
    snprintf(have, sizeof have, "%g", (double)share);
    return damaged(at, name, image, have, "0 to 1 can be");
}

static enum status check_scores(const struct at *at, const struct result_segmentation *s, size_t i,
                                long pixels)
{
    const struct segmentation_score *c = &s->score[i];
    TRY(check_count(at, "labelled", i, c->labelled, pixels, "the image's pixels"));
    TRY(check_count(at, "correct", i, c->correct, c->labelled, "the labelled pixels"));
    for (int k = 0; k < 2; k++) {
        TRY(check_count(at, "union", i, c->united[k], c->labelled, "the labelled pixels"));
        TRY(check_count(at, "intersection", i, c->intersection[k], c->united[k],
                        "the union of that region"));
    }
    TRY(check_share(at, "ap", i, c->ap));
    return s->shortcut_share ? check_share(at, "shortcut_share", i, s->shortcut_share[i]) : OK;
}

static enum status check_curve(const struct at *at, const struct result_curve *c, size_t i)
{
    size_t points = (size_t)at->r->axis.steps + 1;
    for (size_t k = i * points; k < (i + 1) * points; k++) {
        TRY(check_count(at, "hit", i, c->hit[k], 1, "missed or hit"));
        TRY(check_share(at, "prob", i, c->prob[k]));
        if (c->prob_class)
            TRY(check_share(at, "prob_class", i, c->prob_class[k]));
    }
    return OK;
}

/* Images that were skipped have records that nobody reads. */
enum status result_check(const struct result *r, struct error *err)
{
    static const char *const behind[REMOVALS] = { "/positive", "/negative" };
    long pixels = r->image_size > 0 ? (long)r->image_size * r->image_size : INT32_MAX;
    for (size_t i = 0; i < r->images; i++) {
        if (r->status[i] != 0)
            continue;
        for (size_t k = 0; k < r->segmentations; k++) {
            const struct result_segmentation *s = &r->segmentation[k];
            struct at at = { r, "segmentation", s->method, s->explained, "", err };
            TRY(check_scores(&at, s, i, pixels));
        }
        for (size_t k = 0; k < r->curves; k++) {
            const struct result_curve *c = &r->curve[k];
            struct at at = { r, "perturbation", c->method, c->explained, behind[c->removal], err };
            TRY(check_curve(&at, c, i));
        }
        for (size_t k = 0; k < r->maps; k++) {
            const struct result_map *m = &r->map[k];
            struct at at = { r, "explain", m->method, m->explained, "", err };
            if (m->largest_tie)
                TRY(check_count(&at, "largest_tie", i, m->largest_tie[i], pixels,
                                "the image's pixels"));
        }
    }
    return OK;
}
