#include "free_all.h"
#include "result_rows.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const attribute_names[RESULT_ATTRIBUTES] = {
    "evalh_version",
    "git_commit",
    "config",
    "config_hash",
    "protocol",
    "arch",
    "checkpoint_sha256",
    "dataset",
    "dataset_fingerprint",
    "preprocess",
    "device",
    "precision",
    "created_utc",
    "checkpoint",
    "model",
    "controls",
    "worker_fingerprint",
    "worker_command",
    "kernels",
    "batch",
    "doubt",
    "dataset_contents",
    "explained_in",
};
enum { REQUIRED_ATTRIBUTES = ATTR_CHECKPOINT };

static enum status read_attributes(struct result *r, const struct h5_file *f, struct error *err)
{
    double number;
    bool found;

    TRY(h5_number_attribute(f, "schema", &number, &found, err));
    if (!found)
        return fail(err, E_DATA, "%s: no attribute schema: not a result file of evalh run",
                    f->path);
    if (number != 1 && number != 2)
        return fail(err, E_DATA, "%s: schema is %g: this evalh reads schemas 1 and 2", f->path,
                    number);
    r->schema = (int)number;
    TRY(h5_number_attribute(f, "complete", &number, &found, err));
    if (!found)
        return fail(err, E_DATA, "%s: no attribute complete: a result file has it (0 or 1)",
                    f->path);
    r->complete = number != 0;
    TRY(h5_number_attribute(f, "seconds", &r->seconds, &found, err));
    if (!found)
        r->seconds = NAN;
    TRY(h5_number_attribute(f, "image_size", &number, &found, err));
    r->image_size = found && number >= 1 && number <= RESULT_MAX_SIDE ? (int)number : 0;
    TRY(h5_number_attribute(f, "classes", &number, &found, err));
    r->classes = found && number >= 1 && number <= RESULT_MAX_CLASSES ? (int)number : 0;
    for (int a = 0; a < RESULT_ATTRIBUTES; a++) {
        TRY(h5_text_attribute(f, attribute_names[a], &r->attribute[a], err));
        if (r->attribute[a])
            continue;
        if (a < REQUIRED_ATTRIBUTES)
            return fail(err, E_DATA, "%s: no attribute %s: a result file has it, a text", f->path,
                        attribute_names[a]);
        if (!(r->attribute[a] = strdup("")))
            return fail(err, E_NOMEM, "%s: no memory for its attributes", f->path);
    }
    return OK;
}

static enum status read_images(struct result *r, const struct h5_file *f, struct error *err)
{
    TRY(h5_strings(f, "/images/id", RESULT_MAX_IMAGES, &r->id, &r->images, err));
    size_t n = r->images;
    TRY(h5_dataset(f, "/images", "label", H5_INT32, n, 1, (void **)&r->label, err));
    TRY(h5_dataset(f, "/images", "predicted", H5_INT32, n, 1, (void **)&r->predicted, err));
    TRY(h5_dataset(f, "/images", "status", H5_UINT8, n, 1, (void **)&r->status, err));
    TRY(h5_optional(f, "/images", "zero_row_sum", H5_UINT8, n, 1, (void **)&r->zero_row_sum, err));
    TRY(h5_optional(f, "/images", "mask_share", H5_FLOAT32, n, 1, (void **)&r->mask_share, err));
    TRY(h5_optional(f, "/images", "shortcut_area", H5_FLOAT32, n, 1, (void **)&r->shortcut_area,
                    err));
    return h5_optional(f, "/images", "identity_error", H5_FLOAT32, n, 1,
                       (void **)&r->identity_error, err);
}

static enum status read_all(struct result *r, const struct h5_file *f, struct error *err)
{
    TRY(read_attributes(r, f, err));
    TRY(read_images(r, f, err));
    TRY(result_read_rows(r, f, err));
    return result_check(r, err);
}

enum status result_open(const char *path, struct result **out, struct error *err)
{
    struct h5_file f;
    struct result *r = calloc(1, sizeof *r);

    *out = NULL;
    if (r) {
        r->path = strdup(path);
        r->file = strdup(path);
    }
    if (!r || !r->path || !r->file) {
        result_close(r);
        return fail(err, E_NOMEM, "%s: no memory to read it", path);
    }
    enum status status = h5_open(&f, path, err);
    if (status == OK) {
        status = read_all(r, &f, err);
        h5_close(&f);
    }
    if (status == OK)
        *out = r;
    else
        result_close(r);
    return status;
}

enum status result_read_maps(const struct result *r, const struct result_map *map, float **out,
                             struct error *err)
{
    struct h5_file f;
    char at[H5_NAME_MAX];

    TRY(h5_open(&f, r->file, err));
    enum status status =
        h5_join(&f, at, err, "/explain/%s/%s", map->method, explained_names[map->explained]);
    if (status == OK)
        status = h5_maps(&f, at, r->images, (size_t)map->grid, out, err);
    h5_close(&f);
    return status;
}

void result_close(struct result *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->maps; i++) {
        FREE_ALL(r->map[i].method, r->map[i].constant, r->map[i].sum_error, r->map[i].largest_tie,
                 r->map[i].dropped);
    }
    for (size_t i = 0; i < r->curves; i++) {
        FREE_ALL(r->curve[i].method, r->curve[i].hit, r->curve[i].prob, r->curve[i].predicted,
                 r->curve[i].prob_class, r->curve[i].logit_class);
    }
    for (size_t i = 0; i < r->segmentations; i++) {
        FREE_ALL(r->segmentation[i].method, r->segmentation[i].score,
                 r->segmentation[i].shortcut_share);
    }
    for (size_t i = 0; r->id && i < r->images; i++)
        free(r->id[i]);
    for (int a = 0; a < RESULT_ATTRIBUTES; a++)
        free(r->attribute[a]);
    FREE_ALL(r->map, r->curve, r->segmentation, r->blank.prob, r->blank.prob_class,
             r->blank.predicted, r->id, r->label, r->predicted, r->status, r->identity_error,
             r->shortcut_area, r->mask_share, r->zero_row_sum, r->path, r->file, r->progress, r);
}

double result_blank_prob(const struct result *r, size_t image)
{
    const struct result_blank *b = &r->blank;
    int32_t label = r->label[image];
    if (b->prob == NULL || label < 0 || (b->classes > 0 && (size_t)label >= b->classes))
        return NAN;
    return (double)b->prob[b->classes > 0 ? (size_t)label : image];
}

double result_blank_class(const struct result *r, enum explained explained, size_t image)
{
    const struct result_blank *b = &r->blank;
    int32_t class = r->predicted[image];
    if (explained == EXPLAINED_TARGET)
        return result_blank_prob(r, image);
    if (b->prob == NULL || class < 0 || (b->classes > 0 && (size_t) class >= b->classes))
        return NAN;
    return (double)(b->classes > 0 ? b->prob[class] : b->prob_class[image]);
}

const struct result_curve *result_find_curve(const struct result *r, const char *method,
                                             enum explained explained, enum removal removal)
{
    for (size_t i = 0; i < r->curves; i++)
        if (r->curve[i].explained == explained && r->curve[i].removal == removal &&
            strcmp(r->curve[i].method, method) == 0)
            return &r->curve[i];
    return NULL;
}

const struct result_segmentation *
result_find_segmentation(const struct result *r, const char *method, enum explained explained)
{
    for (size_t i = 0; i < r->segmentations; i++)
        if (r->segmentation[i].explained == explained &&
            strcmp(r->segmentation[i].method, method) == 0)
            return &r->segmentation[i];
    return NULL;
}

const struct result_map *result_find_map(const struct result *r, const char *method,
                                         enum explained explained)
{
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == explained && strcmp(r->map[i].method, method) == 0)
            return &r->map[i];
    return NULL;
}

bool results_agree(const struct result *a, const struct result *b, const enum result_attribute *of,
                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(a->attribute[of[i]], b->attribute[of[i]]) != 0)
            return false;
    return true;
}
