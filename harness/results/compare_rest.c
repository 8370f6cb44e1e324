/* Datasets of two files, found by walking them: numbers of any shape. What a task stores is
 * compared without this file being told. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_internal.h"
#include "free_all.h"
#include "h5_read.h"
#include "sizes.h"

/* Compared by compare.c, record by record (a star is a method, a class or a direction); ids, which
 * are the same where anything is compared; and what is never read back. */
static const char *const known[] = { "images/id",
                                     "images/label",
                                     "images/predicted",
                                     "images/status",
                                     "explain/*/*/map",
                                     "perturbation/*/*/*/hit",
                                     "perturbation/*/*/*/predicted",
                                     "perturbation/*/*/*/prob",
                                     "perturbation/*/*/*/prob_class",
                                     "perturbation/*/*/*/logit_class",
                                     "segmentation/*/*/correct",
                                     "segmentation/*/*/labelled",
                                     "segmentation/*/*/intersection",
                                     "segmentation/*/*/union",
                                     "segmentation/*/*/ap",
                                     "segmentation/*/*/shortcut_share",
                                     "summary*" };

static bool is_known(const char *path)
{
    if (strncmp(path, "summary/", 8) == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (fnmatch(known[i], path, FNM_PATHNAME) == 0)
            return true;
    return false;
}

/* ---- what there is -------------------------------------------------------------------------- */

static herr_t add_path(hid_t root, const char *path, const H5L_info_t *info, void *context)
{
    H5O_info_t object;
    if (info->type != H5L_TYPE_HARD || strlen(path) >= H5_NAME_MAX)
        return 0;
    if (H5Oget_info_by_name(root, path, &object, H5P_DEFAULT) < 0 ||
        object.type != H5O_TYPE_DATASET || is_known(path))
        return 0;
    return h5_names_add(context, path);
}

/* By every name: H5Ovisit would tell one name of several that a dataset has. A walk by names does
 * not go into a group that links to one above it: links to groups come back as links alone. */
static enum status list_paths(const struct h5_file *f, struct h5_names *out, struct error *err)
{
    *out = (struct h5_names){ 0 };
    if (H5Lvisit(f->id, H5_INDEX_NAME, H5_ITER_INC, add_path, out) >= 0)
        return OK;
    h5_names_free(out);
    return fail(err, E_DATA, "%s: its datasets cannot be listed: a damaged file", f->path);
}

static bool has(const struct h5_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->name[i], path) == 0)
            return true;
    return false;
}

/* ---- one dataset ---------------------------------------------------------------------------- */

enum { MOST_DIMENSIONS = 4 };

struct numbers {
    double *value;
    size_t count;
    hsize_t dim[MOST_DIMENSIONS];
    int ndim;
    bool whole; /* integers */
};

static enum status read_numbers(const struct h5_file *f, const char *path, struct numbers *out,
                                struct error *err)
{
    hid_t set = H5Dopen2(f->id, path, H5P_DEFAULT), space = H5Dget_space(set);
    hid_t type = H5Dget_type(set);
    H5T_class_t class = H5Tget_class(type);
    size_t bytes = 0;
    *out = (struct numbers){ .count = 1, .whole = class == H5T_INTEGER };
    out->ndim = H5Sget_simple_extent_ndims(space);
    bool good = (class == H5T_INTEGER || class == H5T_FLOAT) && out->ndim >= 0 &&
                out->ndim <= MOST_DIMENSIONS &&
                H5Sget_simple_extent_dims(space, out->dim, NULL) == out->ndim;
    for (int k = 0; good && k < out->ndim; k++)
        good = size_mul(out->count, out->dim[k], &out->count);
    good = good && size_mul(out->count, sizeof *out->value, &bytes);
    out->value = good ? malloc(bytes + 1) : NULL;
    bool read = out->value &&
                H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->value) >= 0;
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
    if (read)
        return OK;
    free(out->value);
    out->value = NULL;
    if (good && bytes > 0)
        return fail(err, E_DATA, "%s: /%s: cannot be read, or does not fit into memory", f->path,
                    path);
    return fail(err, E_DATA, "%s: /%s: numbers in at most %d dimensions are expected", f->path,
                path, MOST_DIMENSIONS);
}

static bool same_shape(const struct numbers *a, const struct numbers *b)
{
    return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim) == 0;
}

/* Rows are images, unless there is another number of them: then all of it counts as the first. */
static enum status compare_numbers(struct comparing *c, const char *path, const struct numbers *a,
                                   const struct numbers *b)
{
    size_t images = c->side[0]->images;
    struct difference d = { 0 };
    snprintf(d.what, sizeof d.what, "%.150s", path);
    if (!same_shape(a, b)) {
        d.images = images;
        d.largest = INFINITY;
        return difference_keep(c, &d);
    }
    bool rows = a->ndim > 0 && a->dim[0] == images && images > 0;
    size_t width = rows ? a->count / images : a->count;
    for (size_t i = 0; i < (rows ? images : 1); i++) {
        double far = 0;
        for (size_t k = i * width; k < (i + 1) * width; k++)
            far = fmax(far, number_distance(a->value[k], b->value[k]));
        if (a->whole && b->whole ? far > 0 : far > c->tolerance)
            difference_note(&d, i, a->whole ? 0 : far);
    }
    return difference_keep(c, &d);
}

static enum status compare_dataset(struct comparing *c, const struct h5_file f[2], const char *path)
{
    struct numbers n[2] = { { 0 } };
    enum status status = read_numbers(&f[0], path, &n[0], c->err);
    if (status == OK)
        status = read_numbers(&f[1], path, &n[1], c->err);
    if (status == OK)
        status = compare_numbers(c, path, &n[0], &n[1]);
    FREE_ALL(n[0].value, n[1].value);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Of a method that the other file does not have it has been said that it is alone: so it is with an
 * entry below explain. */
static bool method_is_alone(const struct comparing *c, int side, const char *path)
{
    const struct result *own = c->side[side], *other = c->side[!side];
    const char *slash = strchr(path, '/'), *end = slash ? strchr(slash + 1, '/') : NULL;
    for (size_t i = 0; end && i < own->maps; i++) {
        const struct result_map *m = &own->map[i];
        size_t length = strlen(m->method);
        const char *class = explained_names[m->explained];
        if (length != (size_t)(end - slash - 1) || strncmp(m->method, slash + 1, length) != 0 ||
            strncmp(end + 1, class, strlen(class)) != 0)
            continue;
        return result_find_map(other, m->method, m->explained) == NULL;
    }
    return false;
}

static enum status compare_paths(struct comparing *c, const struct h5_file f[2],
                                 const struct h5_names n[2])
{
    for (size_t i = 0; i < n[0].count; i++)
        if (has(&n[1], n[0].name[i]))
            TRY(compare_dataset(c, f, n[0].name[i]));
    /* What schema 1 has not is no difference. */
    for (int side = 0; side < 2 && c->side[0]->schema == c->side[1]->schema; side++)
        for (size_t i = 0; i < n[side].count; i++)
            if (!has(&n[!side], n[side].name[i]) && !method_is_alone(c, side, n[side].name[i]))
                TRY(only_in(c, side, n[side].name[i]));
    return OK;
}

enum status compare_rest(struct comparing *c)
{
    struct h5_file f[2];
    struct h5_names n[2] = { { 0 } };
    TRY(h5_open(&f[0], c->side[0]->file, c->err));
    enum status status = h5_open(&f[1], c->side[1]->file, c->err);
    bool both = status == OK;
    for (int side = 0; status == OK && side < 2; side++)
        status = list_paths(&f[side], &n[side], c->err);
    if (status == OK)
        status = compare_paths(c, f, n);
    for (int side = 0; side < 2; side++)
        h5_names_free(&n[side]);
    h5_close(&f[0]);
    if (both)
        h5_close(&f[1]);
    return status;
}
