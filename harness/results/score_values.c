#include "score_values.h"

#include <math.h>
#include <stdlib.h>

#include "groups.h"
#include "similarity.h"
#include "sparsity.h"

static void undefined(const struct scoring *s, double *value)
{
    for (size_t i = 0; i < s->result->images; i++)
        value[i] = NAN;
}

/* ---- curves -------------------------------------------------------------------------------- */

static enum status fill_hits(struct scoring *s, const char *method, enum removal removal,
                             double *value, bool *found)
{
    const struct result *r = s->result;
    const struct result_curve *c = result_find_curve(r, method, s->explained, removal);
    *found = c != NULL;
    for (size_t i = 0; c != NULL && i < r->images; i++)
        value[i] =
            r->label[i] < 0 ? NAN : hits_auc(&r->axis, c->hit + i * (size_t)(r->axis.steps + 1));
    return OK;
}

static enum status positive_auc(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_hits(s, method, REMOVE_HOTTEST, value, found);
}

static enum status negative_auc(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_hits(s, method, REMOVE_COLDEST, value, found);
}

/* A score of the probability of the explained class along one order of removal. */
typedef double curve_score(const struct curve_axis *, const double *p, double blank);

static double to_blank(const struct curve_axis *axis, const double *p, double blank)
{
    return 100 * curve_area_to_blank(axis, p, blank);
}

static double aopc(const struct curve_axis *axis, const double *p, double blank)
{
    (void)blank;
    return 100 * curve_aopc(p, axis->steps, AOPC_FROM_1);
}

static double log_odds(const struct curve_axis *axis, const double *p, double blank)
{
    (void)blank;
    return curve_log_odds(p, axis->steps);
}

static double area(const struct curve_axis *axis, const double *p, double blank)
{
    (void)blank;
    return 100 * curve_area(axis, p);
}

static enum status fill_curve(struct scoring *s, const char *method, enum removal removal,
                              curve_score *score, double *value, bool *found)
{
    const struct result *r = s->result;
    const struct result_curve *c = result_find_curve(r, method, s->explained, removal);
    size_t points = (size_t)r->axis.steps + 1;
    double p[CURVE_MOST_POINTS];
    *found = c != NULL && c->prob_class != NULL;
    for (size_t i = 0; *found && i < r->images; i++) {
        for (size_t k = 0; k < points; k++)
            p[k] = (double)c->prob_class[i * points + k];
        value[i] = score(&r->axis, p, result_blank_class(r, s->explained, i));
    }
    return OK;
}

static enum status deletion(struct scoring *s, const char *method, double *value, bool *found)
{
    TRY(fill_curve(s, method, REMOVE_HOTTEST, to_blank, value, found));
    *found = *found && s->result->blank.prob != NULL;
    return OK;
}

static enum status insertion(struct scoring *s, const char *method, double *value, bool *found)
{
    TRY(fill_curve(s, method, REMOVE_COLDEST, to_blank, value, found));
    *found = *found && s->result->blank.prob != NULL;
    return OK;
}

static enum status fill_aopc(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_curve(s, method, REMOVE_HOTTEST, aopc, value, found);
}

static enum status fill_log_odds(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_curve(s, method, REMOVE_HOTTEST, log_odds, value, found);
}

static enum status srg(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t n = s->result->images;
    bool both[REMOVALS];
    double *hot = malloc((n + 1) * sizeof *hot);
    if (hot == NULL)
        return fail(s->err, E_NOMEM, "%s: no memory to score it", s->result->path);
    fill_curve(s, method, REMOVE_HOTTEST, area, hot, &both[0]);
    fill_curve(s, method, REMOVE_COLDEST, area, value, &both[1]);
    *found = both[0] && both[1];
    for (size_t i = 0; *found && i < n; i++)
        value[i] = curve_gaps(hot[i], value[i], NAN).srg;
    free(hot);
    return OK;
}

/* ---- parts --------------------------------------------------------------------------------- */

/* heat and drop [parts] of every image, from the records' [parts + 1] of which the first is whole.
 */
typedef enum status part_score(const double *heat, const double *drop, int parts, double *out,
                               struct error *err);

static enum status score_saco(const double *heat, const double *drop, int parts, double *out,
                              struct error *err)
{
    (void)err;
    *out = saco(heat, drop, parts);
    return OK;
}

static enum status score_pearson(const double *heat, const double *drop, int parts, double *out,
                                 struct error *err)
{
    (void)err;
    *out = faithfulness_correlation(heat, drop, parts);
    return OK;
}

enum { MOST_PARTS = 4096 };

static void drops(const float *left, int parts, double *drop)
{
    for (int k = 0; k < parts; k++)
        drop[k] = (double)left[0] - (double)left[k + 1];
}

static enum status fill_groups(struct scoring *s, const char *method, part_score *score,
                               double *value, bool *found)
{
    char at[H5_NAME_MAX], path[H5_NAME_MAX];
    double heat[MOST_PARTS], drop[MOST_PARTS];
    float *sums = NULL, *left = NULL;
    size_t n = s->result->images;
    TRY(h5_join(&s->file, at, s->err, "/groups/%s/%s", method, explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/heat", at));
    size_t parts = h5_exists(&s->file, "/groups") ? h5_length(&s->file, path, 1) : 0;
    *found = parts > 0 && parts <= MOST_PARTS;
    if (!*found)
        return OK;
    enum status status =
        h5_dataset(&s->file, at, "heat", H5_FLOAT32, n, parts, (void **)&sums, s->err);
    if (status == OK)
        status = h5_dataset(&s->file, at, "prob", H5_FLOAT32, n, parts + 1, (void **)&left, s->err);
    for (size_t i = 0; status == OK && i < n; i++) {
        for (size_t k = 0; k < parts; k++)
            heat[k] = (double)sums[i * parts + k];
        drops(left + i * (parts + 1), (int)parts, drop);
        status = score(heat, drop, (int)parts, &value[i], s->err);
    }
    free(sums);
    free(left);
    return status;
}

static enum status fill_saco(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_groups(s, method, score_saco, value, found);
}

static enum status estimate(struct scoring *s, const char *method, double *value, bool *found)
{
    return fill_groups(s, method, score_pearson, value, found);
}

/* The logits of the class below /TABLE, of which every image has some. */
static enum status part_logits(struct scoring *s, const char *table, size_t *parts, float **left)
{
    char at[H5_NAME_MAX], path[H5_NAME_MAX];
    *left = NULL;
    TRY(h5_join(&s->file, at, s->err, "/%s/%s", table, explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/logit", at));
    size_t points = h5_exists(&s->file, table) ? h5_length(&s->file, path, 1) : 0;
    *parts = points > 2 && points <= MOST_PARTS ? points - 1 : 0;
    if (*parts == 0 || s->map == NULL)
        return OK;
    return h5_dataset(&s->file, at, "logit", H5_FLOAT32, s->result->images, points, (void **)left,
                      s->err);
}

static enum status single(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t parts, n = s->result->images, cells = (size_t)s->side * (size_t)s->side;
    int side = s->result->image_size;
    double heat[MOST_PARTS], drop[MOST_PARTS];
    float *left;
    (void)method;
    TRY(part_logits(s, "tiles", &parts, &left));
    int q = (int)lround(sqrt((double)parts));
    *found = left != NULL && side >= q && (size_t)q * (size_t)q == parts;
    enum status status = OK;
    for (size_t i = 0; *found && status == OK && i < n; i++) {
        status = map_tile_heat(s->map + i * cells, s->side, side, q, heat, s->err);
        drops(left + i * (parts + 1), (int)parts, drop);
        if (status == OK)
            status = single_deletion(heat, drop, (int)parts, &value[i], s->err);
    }
    free(left);
    return status;
}

static enum status correlation(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t parts, n = s->result->images, cells = (size_t)s->side * (size_t)s->side;
    double heat[MOST_PARTS], drop[MOST_PARTS];
    uint8_t *mask = NULL;
    float *left;
    (void)method;
    TRY(part_logits(s, "subsets", &parts, &left));
    *found = left != NULL && h5_length(&s->file, "/subsets/mask", 1) == cells;
    enum status status = OK;
    if (*found)
        status = h5_dataset(&s->file, "/subsets", "mask", H5_UINT8, parts, cells, (void **)&mask,
                            s->err);
    for (size_t i = 0; *found && status == OK && i < n; i++) {
        subset_heat(s->map + i * cells, (int)cells, mask, (int)parts, heat);
        drops(left + i * (parts + 1), (int)parts, drop);
        value[i] = faithfulness_correlation(heat, drop, (int)parts);
    }
    free(mask);
    free(left);
    return status;
}

/* ---- records of one number ----------------------------------------------------------------- */

static enum status column(struct scoring *s, const char *table, const char *method,
                          const char *name, double *value, bool *found)
{
    char at[H5_NAME_MAX];
    float *stored = NULL;
    *found = false;
    if (!h5_exists(&s->file, table))
        return OK;
    TRY(h5_join(&s->file, at, s->err, "%s/%s", table, method));
    if (!h5_exists(&s->file, at))
        return OK;
    TRY(h5_join(&s->file, at, s->err, "%s/%s/%s", table, method, explained_names[s->explained]));
    if (!h5_exists(&s->file, at))
        return OK;
    TRY(h5_optional(&s->file, at, name, H5_FLOAT32, s->result->images, 1, (void **)&stored,
                    s->err));
    *found = stored != NULL;
    for (size_t i = 0; *found && i < s->result->images; i++)
        value[i] = 100 * (double)stored[i];
    free(stored);
    return OK;
}

#define COLUMN(function, table, name)                                                              \
    static enum status function(struct scoring *s, const char *method, double *value, bool *found) \
    {                                                                                              \
        return column(s, table, method, name, value, found);                                       \
    }
COLUMN(pointing0, "/localisation", "pointing0")
COLUMN(pointing15, "/localisation", "pointing15")
COLUMN(top_k, "/localisation", "top_k")
COLUMN(mass, "/localisation", "mass")
COLUMN(rank_accuracy, "/localisation", "rank")
COLUMN(roc, "/localisation", "auc")
COLUMN(precision, "/segmentation", "ap")
COLUMN(shortcut, "/segmentation", "shortcut_share")

static enum status fill_robustness(struct scoring *s, const char *method, bool most, double *value,
                                   bool *found)
{
    char at[H5_NAME_MAX], path[H5_NAME_MAX];
    float *distance = NULL;
    TRY(h5_join(&s->file, at, s->err, "/robustness/%s/%s", method, explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/distance", at));
    size_t samples = h5_exists(&s->file, "/robustness") ? h5_length(&s->file, path, 1) : 0;
    *found = samples > 1;
    if (!*found)
        return OK;
    TRY(h5_dataset(&s->file, at, "distance", H5_FLOAT32, s->result->images, samples,
                   (void **)&distance, s->err));
    for (size_t i = 0; i < s->result->images; i++)
        value[i] =
            (most ? sensitivity_max : sensitivity_average)(distance + i * samples, (int)samples);
    free(distance);
    return OK;
}

static enum status sensitivity_most(struct scoring *s, const char *method, double *value,
                                    bool *found)
{
    return fill_robustness(s, method, true, value, found);
}

static enum status sensitivity_mean(struct scoring *s, const char *method, double *value,
                                    bool *found)
{
    return fill_robustness(s, method, false, value, found);
}

/* ---- maps alone ---------------------------------------------------------------------------- */

static enum status fill_gini(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t cells = (size_t)s->side * (size_t)s->side;
    (void)method;
    *found = s->map != NULL;
    for (size_t i = 0; *found && i < s->result->images; i++)
        TRY(gini(s->map + i * cells, cells, &value[i], s->err));
    return OK;
}

static enum status entropy(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t cells = (size_t)s->side * (size_t)s->side;
    (void)method;
    *found = s->map != NULL;
    undefined(s, value);
    for (size_t i = 0; *found && i < s->result->images; i++)
        value[i] = map_entropy_share(s->map + i * cells, cells);
    return OK;
}

#define METRIC(key, title, question, higher)                                                       \
    {                                                                                              \
        key, title, question, higher, false, false, NAN, 0                                         \
    }
#define REMOVAL "removal of pixels"
#define PARTS "removal of single parts"
#define OBJECT "localisation"
const struct score_kind score_kinds[] = {
    { METRIC("srg", "SRG", REMOVAL, true), srg },
    { METRIC("positive_auc", "positive AUC", REMOVAL, false), positive_auc },
    { METRIC("negative_auc", "negative AUC", REMOVAL, true), negative_auc },
    { METRIC("deletion", "deletion", REMOVAL, false), deletion },
    { METRIC("insertion", "insertion", REMOVAL, true), insertion },
    { METRIC("aopc", "AOPC", REMOVAL, true), fill_aopc },
    { METRIC("log_odds", "log-odds", REMOVAL, false), fill_log_odds },
    { METRIC("saco", "SaCo", PARTS, true), fill_saco },
    { METRIC("estimate", "faithfulness estimate", PARTS, true), estimate },
    { METRIC("single_deletion", "single deletion", PARTS, true), single },
    { METRIC("correlation", "faithfulness correlation", PARTS, true), correlation },
    { METRIC("mass", "mass accuracy", OBJECT, true), mass },
    { METRIC("pointing0", "pointing game", OBJECT, true), pointing0 },
    { METRIC("pointing15", "pointing game, 15 pixels", OBJECT, true), pointing15 },
    { METRIC("top_k", "top-k", OBJECT, true), top_k },
    { METRIC("rank", "rank accuracy", OBJECT, true), rank_accuracy },
    { METRIC("roc_auc", "pixel AUC-ROC", OBJECT, true), roc },
    { METRIC("ap", "mAP", OBJECT, true), precision },
    { METRIC("sensitivity_max", "sensitivity, largest", "robustness", false), sensitivity_most },
    { METRIC("sensitivity", "sensitivity, mean", "robustness", false), sensitivity_mean },
    { METRIC("shortcut", "heat in the shortcut", NULL, true), shortcut },
    { METRIC("gini", "Gini of the map", NULL, true), fill_gini },
    { METRIC("entropy", "entropy of the map", NULL, false), entropy },
};
const int score_kind_count = sizeof score_kinds / sizeof *score_kinds;
