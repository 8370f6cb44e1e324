/* Reading datasets: kind, type and shape are checked before memory is allocated. */
#include "h5_read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes.h"

/* --- datasets -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    H5T_class_t class;
    size_t size;
} types[] = {
    [H5_UINT8] = { "uint8", H5T_INTEGER, 1 },
    [H5_INT32] = { "int32", H5T_INTEGER, 4 },
    [H5_FLOAT32] = { "float32", H5T_FLOAT, 4 },
};

static hid_t native_type(enum h5_type type)
{
    return type == H5_UINT8 ? H5T_NATIVE_UINT8
                            : (type == H5_INT32 ? H5T_NATIVE_INT32 : H5T_NATIVE_FLOAT);
}

static bool type_is(hid_t dataset, enum h5_type want)
{
    hid_t type = H5Dget_type(dataset);
    bool same = H5Tget_class(type) == types[want].class && H5Tget_size(type) == types[want].size;
    if (same && types[want].class == H5T_INTEGER)
        same = H5Tget_sign(type) == (want == H5_UINT8 ? H5T_SGN_NONE : H5T_SGN_2);
    H5Tclose(type);
    return same;
}

/* Describes an object for messages: "float32 [200, 14, 14]" or "a group". */
static void describe(hid_t dataset, char *out, size_t size)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    H5T_class_t class = H5Tget_class(type);
    const char *kind = class == H5T_STRING                 ? "string"
                       : class == H5T_FLOAT                ? "float"
                       : class != H5T_INTEGER              ? "other type"
                       : H5Tget_sign(type) == H5T_SGN_NONE ? "uint"
                                                           : "int";
    size_t at = (size_t)snprintf(out, size, "%s", kind);
    if (class == H5T_FLOAT || class == H5T_INTEGER)
        at += (size_t)snprintf(out + at, size - at, "%zu", 8 * H5Tget_size(type));
    at += (size_t)snprintf(out + at, size - at, " [");
    for (int i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%llu", i ? ", " : "",
                               (unsigned long long)dims[i]);
    if (at < size)
        snprintf(out + at, size - at, "]");
    H5Tclose(type);
    H5Sclose(space);
}

/* rank < 0: the dataset has no simple extent. */
static int extent(hid_t dataset, hsize_t dims[H5S_MAX_RANK])
{
    hid_t space = H5Dget_space(dataset);
    int rank = H5Sis_simple(space) > 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    H5Sclose(space);
    return rank;
}

static enum status open_dataset(const struct h5_file *f, const char *path, const char *want,
                                hid_t *out, struct error *err)
{
    *out = h5_exists(f, path) ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
    if (*out >= 0)
        return OK;
    return fail(err, E_DATA,
                h5_exists(f, path) ? "%s: %s is no dataset: a result file has %s there"
                                   : "%s: %s is missing: a result file has %s there",
                f->path, path, want);
}

/* Reads a whole dataset whose type and shape have been checked. */
static enum status read_values(const struct h5_file *f, const char *path, hid_t dataset,
                               enum h5_type type, size_t count, void **out, struct error *err)
{
    size_t bytes;
    void *values = size_mul(count ? count : 1, types[type].size, &bytes) ? malloc(bytes) : NULL;
    if (!values)
        return fail(err, E_NOMEM, "%s: %s: no memory for %zu values", f->path, path, count);
    if (H5Dread(dataset, native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        free(values);
        return fail(err, E_IO, "%s: %s cannot be read: a damaged file", f->path, path);
    }
    *out = values;
    return OK;
}

enum status h5_dataset(const struct h5_file *f, const char *group, const char *name,
                       enum h5_type type, size_t rows, size_t columns, void **out,
                       struct error *err)
{
    char path[H5_NAME_MAX], want[80], have[160];
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    hid_t dataset;
    size_t count;

    *out = NULL;
    TRY(h5_join(f, path, err, "%s/%s", group, name));
    if (columns == 1)
        snprintf(want, sizeof want, "%s [%zu]", types[type].name, rows);
    else
        snprintf(want, sizeof want, "%s [%zu, %zu]", types[type].name, rows, columns);
    TRY(open_dataset(f, path, want, &dataset, err));
    int rank = extent(dataset, dims);
    /* one column may be a dimension of its own: a curve of one point, one noisy copy */
    bool good = type_is(dataset, type) && (rank == 2 || (rank == 1 && columns == 1)) &&
                dims[0] == rows && (rank == 1 || dims[1] == columns);
    enum status status = OK;
    if (!good) {
        describe(dataset, have, sizeof have);
        status = fail(err, E_DATA, "%s: %s is %s: a result file has %s there", f->path, path, have,
                      want);
    } else if (!size_mul(rows, columns, &count)) {
        status = fail(err, E_NOMEM, "%s: %s: too large", f->path, path);
    } else {
        status = read_values(f, path, dataset, type, count, out, err);
    }
    H5Dclose(dataset);
    return status;
}

enum status h5_optional(const struct h5_file *f, const char *group, const char *name,
                        enum h5_type type, size_t rows, size_t columns, void **out,
                        struct error *err)
{
    char path[H5_NAME_MAX];
    *out = NULL;
    TRY(h5_join(f, path, err, "%s/%s", group, name));
    return h5_exists(f, path) ? h5_dataset(f, group, name, type, rows, columns, out, err) : OK;
}

size_t h5_length(const struct h5_file *f, const char *path, int dimension)
{
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    hid_t dataset = h5_exists(f, path) ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
    if (dataset < 0)
        return 0;
    int rank = extent(dataset, dims);
    H5Dclose(dataset);
    return dimension < rank ? (size_t)dims[dimension] : 0;
}

/* --- maps ------------------------------------------------------------------------------------ */

static enum status open_maps(const struct h5_file *f, const char *group, size_t images, char *path,
                             hid_t *out, size_t *grid, struct error *err)
{
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    char want[80], have[160];

    TRY(h5_join(f, path, err, "%s/map", group));
    snprintf(want, sizeof want, "float32 [%zu, g, g]", images);
    TRY(open_dataset(f, path, want, out, err));
    int rank = extent(*out, dims);
    if (type_is(*out, H5_FLOAT32) && rank == 3 && dims[0] == images && dims[1] == dims[2] &&
        dims[1] > 0 && dims[1] <= UINT16_MAX) {
        *grid = dims[1];
        return OK;
    }
    describe(*out, have, sizeof have);
    H5Dclose(*out);
    return fail(err, E_DATA, "%s: %s is %s: a result file has %s there", f->path, path, have, want);
}

enum status h5_map_grid(const struct h5_file *f, const char *group, size_t images, size_t *grid,
                        struct error *err)
{
    char path[H5_NAME_MAX];
    hid_t dataset;
    TRY(open_maps(f, group, images, path, &dataset, grid, err));
    H5Dclose(dataset);
    return OK;
}

enum status h5_maps(const struct h5_file *f, const char *group, size_t images, size_t grid,
                    float **out, struct error *err)
{
    char path[H5_NAME_MAX];
    hid_t dataset;
    size_t here = 0, count;

    TRY(open_maps(f, group, images, path, &dataset, &here, err));
    enum status status =
        here != grid || !size_mul(images, grid * grid, &count)
            ? fail(err, E_DATA, "%s: %s is no longer %zu by %zu", f->path, path, grid, grid)
            : read_values(f, path, dataset, H5_FLOAT32, count, (void **)out, err);
    H5Dclose(dataset);
    return status;
}

/* --- strings --------------------------------------------------------------------------------- */

/* Copies `count` texts of `width` bytes each, padded with NUL. */
static bool copy_fixed(const char *all, size_t width, size_t count, char **out)
{
    for (size_t i = 0; i < count; i++)
        if (!(out[i] = strndup(all + i * width, width)))
            return false;
    return true;
}

static bool copy_variable(char *const *all, size_t count, char **out)
{
    for (size_t i = 0; i < count; i++)
        if (!(out[i] = strdup(all[i] ? all[i] : "")))
            return false;
    return true;
}

/* Reads both kinds of string through one buffer of `count` elements of the file's type. */
static bool read_strings(hid_t dataset, hid_t type, size_t count, char **out)
{
    size_t width = H5Tget_size(type), bytes;
    bool variable = H5Tis_variable_str(type) > 0;
    if (!size_mul(count ? count : 1, width, &bytes))
        return false;
    void *all = calloc(bytes, 1);
    if (!all)
        return false;
    bool good = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0;
    if (good && variable) {
        hid_t space = H5Dget_space(dataset);
        good = copy_variable(all, count, out);
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, all);
        H5Sclose(space);
    } else if (good) {
        good = copy_fixed(all, width, count, out);
    }
    free(all);
    return good;
}

enum status h5_strings(const struct h5_file *f, const char *path, size_t most, char ***out,
                       size_t *count, struct error *err)
{
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    char have[160];
    hid_t dataset;

    TRY(open_dataset(f, path, "strings [N]", &dataset, err));
    hid_t type = H5Dget_type(dataset);
    enum status status = OK;
    if (H5Tget_class(type) != H5T_STRING || extent(dataset, dims) != 1 || dims[0] > most) {
        describe(dataset, have, sizeof have);
        status =
            fail(err, E_DATA, "%s: %s is %s: a result file has strings [N], N at most %zu, there",
                 f->path, path, have, most);
    } else if (!(*out = calloc(dims[0] ? dims[0] : 1, sizeof **out))) {
        status = fail(err, E_NOMEM, "%s: %s: no memory", f->path, path);
    } else if (!read_strings(dataset, type, dims[0], *out)) {
        for (size_t i = 0; i < dims[0]; i++)
            free((*out)[i]);
        free(*out);
        *out = NULL;
        status = fail(err, E_DATA, "%s: %s cannot be read: a damaged file", f->path, path);
    } else {
        *count = dims[0];
    }
    H5Tclose(type);
    H5Dclose(dataset);
    return status;
}
