#include "score_values.h"

#include <math.h>
#include <stdlib.h>

#include "free_all.h"
#include "groups.h"
#include "score_fills.h"
#include "similarity.h"
#include "sparsity.h"

static void undefined(const struct scoring *s, double *value)
{
    for (size_t i = 0; i < s->result->images; i++)
        value[i] = NAN;
}

/* ---- parts --------------------------------------------------------------------------------- */

/* heat and drop [parts] of every image, from records [parts + 1] whose first entry is the whole
 * image. */
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
    FREE_ALL(sums, left);
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

/* Reads the logits of the class below /TABLE. */
static enum status part_logits(struct scoring *s, const char *table, size_t *parts, float **left)
{
    char at[H5_NAME_MAX], path[H5_NAME_MAX];
    *left = NULL;
    TRY(h5_join(&s->file, at, s->err, "/%s/%s", table, explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/logit", at));
    size_t points = h5_exists(&s->file, table) ? h5_length(&s->file, path, 1) : 0;
    *parts = points > 2 && points - 1 <= MOST_PARTS ? points - 1 : 0;
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

/* The map of image i by the patches [cells, cells] of the sets: itself, or its heat over each of
 * them, in room [cells, cells]. */
static enum status by_patches(const struct scoring *s, size_t i, int cells, float *room,
                              const float **out)
{
    const float *map = s->map + i * (size_t)s->side * (size_t)s->side;
    *out = s->side == cells ? map : room;
    return s->side == cells
               ? OK
               : map_patch_heat(map, s->side, s->result->image_size, cells, room, s->err);
}

static enum status correlate(const struct scoring *s, const uint8_t *mask, int cells,
                             const float *left, int parts, double *value)
{
    double heat[MOST_PARTS], drop[MOST_PARTS];
    size_t patches = (size_t)cells * (size_t)cells;
    float *room = malloc(patches * sizeof *room);
    const float *map;
    enum status status =
        room != NULL ? OK : fail(s->err, E_NOMEM, "%s: no memory to score it", s->result->path);
    for (size_t i = 0; status == OK && i < s->result->images; i++) {
        status = by_patches(s, i, cells, room, &map);
        if (status != OK)
            break;
        subset_heat(map, (int)patches, mask, parts, heat);
        drops(left + i * ((size_t)parts + 1), parts, drop);
        value[i] = faithfulness_correlation(heat, drop, parts);
    }
    free(room);
    return status;
}

static enum status correlation(struct scoring *s, const char *method, double *value, bool *found)
{
    size_t parts;
    uint8_t *mask = NULL;
    float *left;
    (void)method;
    TRY(part_logits(s, "subsets", &parts, &left));
    size_t patches = left != NULL ? h5_length(&s->file, "/subsets/mask", 1) : 0;
    int cells = (int)lround(sqrt((double)patches));
    *found = left != NULL && patches > 0 && (size_t)cells * (size_t)cells == patches;
    undefined(s, value);
    enum status status = OK;
    if (*found)
        status = h5_dataset(&s->file, "/subsets", "mask", H5_UINT8, parts, patches, (void **)&mask,
                            s->err);
    /* without the images' size a map of another size has no score */
    if (*found && status == OK && (s->side == cells || s->result->image_size > 0))
        status = correlate(s, mask, cells, left, (int)parts, value);
    FREE_ALL(mask, left);
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
    *found = samples > 0;
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

/* Share of the noisy copies that are predicted as another class: the same for all methods. */
static enum status changed(struct scoring *s, const char *method, double *value, bool *found)
{
    char at[H5_NAME_MAX], path[H5_NAME_MAX];
    uint8_t *stored = NULL;
    TRY(h5_join(&s->file, at, s->err, "/robustness/%s/%s", method, explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/changed", at));
    size_t samples = h5_exists(&s->file, "/robustness") ? h5_length(&s->file, path, 1) : 0;
    *found = samples > 0;
    if (!*found)
        return OK;
    TRY(h5_dataset(&s->file, at, "changed", H5_UINT8, s->result->images, samples, (void **)&stored,
                   s->err));
    for (size_t i = 0; i < s->result->images; i++) {
        double count = 0;
        for (size_t k = 0; k < samples; k++)
            count += stored[i * samples + k];
        value[i] = 100 * count / (double)samples;
    }
    free(stored);
    return OK;
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
#define RANDOM "randomisation"
const struct score_kind score_kinds[] = {
    { METRIC("srg", "SRG", REMOVAL, true), fill_srg },
    { METRIC("mrg", "MRG", REMOVAL, true), fill_mrg },
    { METRIC("lrg", "LRG", REMOVAL, true), fill_lrg },
    { METRIC("positive_auc", "positive AUC", REMOVAL, false), fill_positive_auc },
    { METRIC("negative_auc", "negative AUC", REMOVAL, true), fill_negative_auc },
    { METRIC("deletion", "deletion", REMOVAL, false), fill_deletion },
    { METRIC("insertion", "insertion", REMOVAL, true), fill_insertion },
    { METRIC("deletion_relative", "deletion, relative", REMOVAL, false), fill_deletion_relative },
    { METRIC("insertion_relative", "insertion, relative", REMOVAL, true), fill_insertion_relative },
    { METRIC("deletion_relative_of_means", "deletion, relative, of means", REMOVAL, false),
      fill_deletion_relative_of_means },
    { METRIC("insertion_relative_of_means", "insertion, relative, of means", REMOVAL, true),
      fill_insertion_relative_of_means },
    { METRIC("deletion_ranged", "deletion, ranged", REMOVAL, false), fill_deletion_ranged },
    { METRIC("insertion_ranged", "insertion, ranged", REMOVAL, true), fill_insertion_ranged },
    { METRIC("deletion_ranged_of_means", "deletion, ranged, of means", REMOVAL, false),
      fill_deletion_ranged_of_means },
    { METRIC("insertion_ranged_of_means", "insertion, ranged, of means", REMOVAL, true),
      fill_insertion_ranged_of_means },
    { METRIC("deletion_mas", "MAS, deletion", REMOVAL, false), fill_deletion_mas },
    { METRIC("insertion_mas", "MAS, insertion", REMOVAL, true), fill_insertion_mas },
    { METRIC("deletion_monotonicity", "monotonicity, deletion", REMOVAL, false),
      fill_deletion_monotonicity },
    { METRIC("insertion_monotonicity", "monotonicity, insertion", REMOVAL, true),
      fill_insertion_monotonicity },
    { METRIC("aopc", "AOPC", REMOVAL, true), fill_aopc },
    { METRIC("sufficiency", "sufficiency", REMOVAL, false), fill_sufficiency },
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
    { METRIC("cascade_spearman_abs", "cascade, Spearman of magnitudes", RANDOM, false),
      fill_cascade_spearman_abs },
    { METRIC("cascade_spearman", "cascade, Spearman", RANDOM, false), fill_cascade_spearman },
    { METRIC("cascade_pearson", "cascade, Pearson", RANDOM, false), fill_cascade_pearson },
    { METRIC("cascade_ssim", "cascade, SSIM", RANDOM, false), fill_cascade_ssim },
    { METRIC("independent_spearman_abs", "single layers, Spearman of magnitudes", RANDOM, false),
      fill_independent_spearman_abs },
    { METRIC("independent_spearman", "single layers, Spearman", RANDOM, false),
      fill_independent_spearman },
    { METRIC("independent_pearson", "single layers, Pearson", RANDOM, false),
      fill_independent_pearson },
    { METRIC("independent_ssim", "single layers, SSIM", RANDOM, false), fill_independent_ssim },
    { METRIC("emprt", "eMPRT", RANDOM, true), fill_emprt },
    { METRIC("sensitivity_max", "sensitivity, largest", "robustness", false), sensitivity_most },
    { METRIC("sensitivity", "sensitivity, mean", "robustness", false), sensitivity_mean },
    { METRIC("changed", "predictions that noise changes", NULL, false), changed },
    { METRIC("shortcut", "heat in the shortcut", NULL, true), shortcut },
    { METRIC("gini", "Gini of the map", NULL, true), fill_gini },
    { METRIC("entropy", "entropy of the map", NULL, false), entropy },
};
const int score_kind_count = sizeof score_kinds / sizeof *score_kinds;
