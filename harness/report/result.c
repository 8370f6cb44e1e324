#include "result.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "h5_read.h"

const char *const explained_names[EXPLAINED_CLASSES] = { "predicted", "target" };
const char *const removal_names[REMOVALS] = { "positive", "negative" };
const char *const attribute_names[RESULT_ATTRIBUTES] = {
    "evalh_version", "git_commit",        "config",      "config_hash",         "protocol",
    "arch",          "checkpoint_sha256", "dataset",     "dataset_fingerprint", "preprocess",
    "device",        "precision",         "created_utc", "checkpoint",
};
enum { REQUIRED_ATTRIBUTES = ATTR_CHECKPOINT };

/* --- order of rows --------------------------------------------------------------------------- */

static int method_rank(const char *method)
{
    static const char *const first[] = { "raw", "rollout", "attribution" };
    static const char *const controls[] = { "center", "random", "randomised" };
    enum { OTHERS = 100 };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (strcmp(method, first[i]) == 0)
            return (int)i;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (strcmp(method, controls[i]) == 0)
            return OTHERS + 1 + (int)i;
    return OTHERS;
}

int method_order(const char *a, const char *b)
{
    int difference = method_rank(a) - method_rank(b);
    return difference ? difference : strcmp(a, b);
}

static int map_order(const void *a, const void *b)
{
    const struct result_map *x = a, *y = b;
    int order = method_order(x->method, y->method);
    return order ? order : (int)x->explained - (int)y->explained;
}

static int curve_order(const void *a, const void *b)
{
    const struct result_curve *x = a, *y = b;
    int order = method_order(x->method, y->method);
    if (order == 0)
        order = (int)x->explained - (int)y->explained;
    return order ? order : (int)x->removal - (int)y->removal;
}

static int segmentation_order(const void *a, const void *b)
{
    const struct result_segmentation *x = a, *y = b;
    int order = method_order(x->method, y->method);
    return order ? order : (int)x->explained - (int)y->explained;
}

/* --- the groups METHOD/CLASS ----------------------------------------------------------------- */

/* Index of `name`, or -1. */
static int name_index(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

/* Makes room for one more element of `size` bytes, zeroed, and returns it. */
static void *append(void **array, size_t *count, size_t size)
{
    char *grown = realloc(*array, (*count + 1) * size);
    if (!grown)
        return NULL;
    *array = grown;
    return memset(grown + (*count)++ * size, 0, size);
}

static enum status out_of_memory(const struct h5_file *f, struct error *err)
{
    return fail(err, E_NOMEM, "%s: no memory for its records", f->path);
}

static enum status read_map(struct result *r, const struct h5_file *f, const char *method,
                            enum explained explained, struct error *err)
{
    struct result_map *map = append((void **)&r->map, &r->maps, sizeof *map);
    size_t n = r->images, grid = 0;
    char at[H5_NAME_MAX], other[H5_NAME_MAX];

    if (!map || !(map->method = strdup(method)))
        return out_of_memory(f, err);
    map->explained = explained;
    TRY(h5_join(f, at, err, "/explain/%s/target/map", method));
    TRY(h5_join(f, other, err, "/explain/%s/predicted/map", method));
    map->agnostic = h5_same_object(f, at, other);
    TRY(h5_join(f, at, err, "/explain/%s/%s", method, explained_names[explained]));
    TRY(h5_map_grid(f, at, n, &grid, err));
    map->grid = (int)grid;
    TRY(h5_optional(f, at, "constant", H5_UINT8, n, 1, (void **)&map->constant, err));
    return h5_optional(f, at, "largest_tie", H5_INT32, n, 1, (void **)&map->largest_tie, err);
}

static enum status read_direction(struct result *r, const struct h5_file *f, const char *at,
                                  const char *method, enum explained explained,
                                  enum removal removal, struct error *err)
{
    struct result_curve *curve = append((void **)&r->curve, &r->curves, sizeof *curve);
    size_t n = r->images;

    if (!curve || !(curve->method = strdup(method)))
        return out_of_memory(f, err);
    curve->explained = explained;
    curve->removal = removal;
    TRY(h5_dataset(f, at, "hit", H5_UINT8, n, CURVE_POINTS, (void **)&curve->hit, err));
    TRY(h5_dataset(f, at, "prob", H5_FLOAT32, n, CURVE_POINTS, (void **)&curve->prob, err));
    return h5_dataset(f, at, "predicted", H5_INT32, n, CURVE_POINTS, (void **)&curve->predicted,
                      err);
}

static enum status read_curves(struct result *r, const struct h5_file *f, const char *method,
                               enum explained explained, struct error *err)
{
    char group[H5_NAME_MAX], at[H5_NAME_MAX];
    struct h5_names names;

    TRY(h5_join(f, group, err, "/perturbation/%s/%s", method, explained_names[explained]));
    TRY(h5_list(f, group, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++) {
        int direction = name_index(names.name[i], removal_names, REMOVALS);
        if (direction < 0)
            status = fail(err, E_DATA, "%s: %s/%s: a direction is positive or negative", f->path,
                          group, names.name[i]);
        if (status == OK)
            status = h5_join(f, at, err, "%s/%s", group, names.name[i]);
        if (status == OK)
            status = read_direction(r, f, at, method, explained, (enum removal)direction, err);
    }
    h5_names_free(&names);
    return status;
}

/* Packs the five datasets of a segmentation entry into one record an image. */
static enum status read_scores(struct result *r, const struct h5_file *f, const char *method,
                               enum explained explained, struct error *err)
{
    struct result_segmentation *s = append((void **)&r->segmentation, &r->segmentations, sizeof *s);
    size_t n = r->images;
    int32_t *correct = NULL, *labelled = NULL, *intersection = NULL, *united = NULL;
    float *ap = NULL;
    char at[H5_NAME_MAX];

    if (!s || !(s->method = strdup(method)))
        return out_of_memory(f, err);
    s->explained = explained;
    TRY(h5_join(f, at, err, "/segmentation/%s/%s", method, explained_names[explained]));
    enum status status = h5_dataset(f, at, "correct", H5_INT32, n, 1, (void **)&correct, err);
    if (status == OK)
        status = h5_dataset(f, at, "labelled", H5_INT32, n, 1, (void **)&labelled, err);
    if (status == OK)
        status = h5_dataset(f, at, "intersection", H5_INT32, n, 2, (void **)&intersection, err);
    if (status == OK)
        status = h5_dataset(f, at, "union", H5_INT32, n, 2, (void **)&united, err);
    if (status == OK)
        status = h5_dataset(f, at, "ap", H5_FLOAT32, n, 1, (void **)&ap, err);
    if (status == OK && !(s->score = calloc(n ? n : 1, sizeof *s->score)))
        status = out_of_memory(f, err);
    for (size_t i = 0; status == OK && i < n; i++)
        s->score[i] = (struct segmentation_score){
            .correct = correct[i],
            .labelled = labelled[i],
            .intersection = { intersection[2 * i], intersection[2 * i + 1] },
            .united = { united[2 * i], united[2 * i + 1] },
            .ap = ap[i],
        };
    if (status == OK)
        status = h5_optional(f, at, "shortcut_share", H5_FLOAT32, n, 1, (void **)&s->shortcut_share,
                             err);
    free(correct);
    free(labelled);
    free(intersection);
    free(united);
    free(ap);
    return status;
}

typedef enum status (*class_reader)(struct result *, const struct h5_file *, const char *method,
                                    enum explained, struct error *);

static enum status read_classes(struct result *r, const struct h5_file *f, const char *top,
                                const char *method, class_reader read, struct error *err)
{
    char group[H5_NAME_MAX];
    struct h5_names names;

    TRY(h5_join(f, group, err, "%s/%s", top, method));
    TRY(h5_list(f, group, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++) {
        int explained = name_index(names.name[i], explained_names, EXPLAINED_CLASSES);
        status = explained < 0 ? fail(err, E_DATA, "%s: %s/%s: the class is predicted or target",
                                      f->path, group, names.name[i])
                               : read(r, f, method, (enum explained)explained, err);
    }
    h5_names_free(&names);
    return status;
}

/* Every METHOD/CLASS below `top`; a file need not have it. */
static enum status read_methods(struct result *r, const struct h5_file *f, const char *top,
                                class_reader read, struct error *err)
{
    struct h5_names names;
    if (!h5_exists(f, top))
        return OK;
    TRY(h5_list(f, top, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++)
        status = read_classes(r, f, top, names.name[i], read, err);
    h5_names_free(&names);
    return status;
}

/* --- the file -------------------------------------------------------------------------------- */

static enum status read_attributes(struct result *r, const struct h5_file *f, struct error *err)
{
    double number;
    bool found;

    TRY(h5_number_attribute(f, "schema", &number, &found, err));
    if (!found)
        return fail(err, E_DATA, "%s: no attribute schema: not a result file of evalh run",
                    f->path);
    if (number != 1)
        return fail(err, E_DATA, "%s: schema is %g: this evalh reads schema 1", f->path, number);
    TRY(h5_number_attribute(f, "complete", &number, &found, err));
    if (!found)
        return fail(err, E_DATA, "%s: no attribute complete: schema 1 has it (0 or 1)", f->path);
    r->complete = number != 0;
    TRY(h5_number_attribute(f, "seconds", &r->seconds, &found, err));
    if (!found)
        r->seconds = NAN;
    for (int a = 0; a < RESULT_ATTRIBUTES; a++) {
        TRY(h5_text_attribute(f, attribute_names[a], &r->attribute[a], err));
        if (r->attribute[a])
            continue;
        if (a < REQUIRED_ATTRIBUTES)
            return fail(err, E_DATA, "%s: no attribute %s: schema 1 has it, a text", f->path,
                        attribute_names[a]);
        if (!(r->attribute[a] = strdup("")))
            return out_of_memory(f, err);
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
    TRY(h5_optional(f, "/images", "shortcut_area", H5_FLOAT32, n, 1, (void **)&r->shortcut_area,
                    err));
    return h5_optional(f, "/images", "identity_error", H5_FLOAT32, n, 1,
                       (void **)&r->identity_error, err);
}

static enum status read_all(struct result *r, const struct h5_file *f, struct error *err)
{
    TRY(read_attributes(r, f, err));
    TRY(read_images(r, f, err));
    TRY(read_methods(r, f, "/explain", read_map, err));
    TRY(read_methods(r, f, "/perturbation", read_curves, err));
    TRY(read_methods(r, f, "/segmentation", read_scores, err));
    if (r->curves == 0 && r->segmentations == 0)
        return fail(err, E_DATA,
                    "%s: nothing below /perturbation or /segmentation: a result file "
                    "has at least one of them",
                    f->path);
    if (r->maps)
        qsort(r->map, r->maps, sizeof *r->map, map_order);
    if (r->curves)
        qsort(r->curve, r->curves, sizeof *r->curve, curve_order);
    if (r->segmentations)
        qsort(r->segmentation, r->segmentations, sizeof *r->segmentation, segmentation_order);
    return OK;
}

enum status result_open(const char *path, struct result **out, struct error *err)
{
    struct h5_file f;
    struct result *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r || !(r->path = strdup(path))) {
        free(r);
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

    TRY(h5_open(&f, r->path, err));
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
        free(r->map[i].method);
        free(r->map[i].constant);
        free(r->map[i].largest_tie);
    }
    for (size_t i = 0; i < r->curves; i++) {
        free(r->curve[i].method);
        free(r->curve[i].hit);
        free(r->curve[i].prob);
        free(r->curve[i].predicted);
    }
    for (size_t i = 0; i < r->segmentations; i++) {
        free(r->segmentation[i].method);
        free(r->segmentation[i].score);
        free(r->segmentation[i].shortcut_share);
    }
    for (size_t i = 0; r->id && i < r->images; i++)
        free(r->id[i]);
    for (int a = 0; a < RESULT_ATTRIBUTES; a++)
        free(r->attribute[a]);
    free(r->map);
    free(r->curve);
    free(r->segmentation);
    free(r->id);
    free(r->label);
    free(r->predicted);
    free(r->status);
    free(r->identity_error);
    free(r->shortcut_area);
    free(r->zero_row_sum);
    free(r->path);
    free(r);
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
