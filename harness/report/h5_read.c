#include "h5_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sizes.h"

bool h5_is_hdf5(const char *path)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return H5Fis_hdf5(path) > 0;
}

enum status h5_open(struct h5_file *f, const char *path, struct error *err)
{
    f->path = path;
    if (access(path, R_OK) != 0)
        return fail(err, E_IO, "%s: %s", path, strerror(errno));
    if (!h5_is_hdf5(path))
        return fail(err, E_IO, "%s: not an HDF5 file: a result file of evalh run is expected",
                    path);
    f->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f->id < 0)
        return fail(err, E_IO, "%s: HDF5 cannot open it: truncated, damaged or still being written",
                    path);
    return OK;
}

void h5_close(struct h5_file *f)
{
    H5Fclose(f->id);
    f->id = H5I_INVALID_HID;
}

enum status h5_join(const struct h5_file *f, char *out, struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, H5_NAME_MAX, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= H5_NAME_MAX)
        return fail(err, E_DATA, "%s: %.60s...: a path longer than %d characters", f->path, out,
                    H5_NAME_MAX - 1);
    return OK;
}

bool h5_exists(const struct h5_file *f, const char *path)
{
    return H5Lexists(f->id, path, H5P_DEFAULT) > 0;
}

bool h5_same_object(const struct h5_file *f, const char *a, const char *b)
{
    H5O_info_t x, y;
    return h5_exists(f, a) && h5_exists(f, b) &&
           H5Oget_info_by_name(f->id, a, &x, H5P_DEFAULT) >= 0 &&
           H5Oget_info_by_name(f->id, b, &y, H5P_DEFAULT) >= 0 && x.addr == y.addr;
}

/* --- groups ---------------------------------------------------------------------------------- */

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void)group, (void)info;
    struct h5_names *names = context;
    char **grown = realloc(names->name, (names->count + 1) * sizeof *grown);
    if (!grown)
        return -1;
    names->name = grown;
    names->name[names->count] = strdup(name);
    return names->name[names->count] ? (names->count++, 0) : -1;
}

enum status h5_list(const struct h5_file *f, const char *group, struct h5_names *out,
                    struct error *err)
{
    *out = (struct h5_names){ 0 };
    hid_t id = H5Gopen2(f->id, group, H5P_DEFAULT);
    if (id < 0)
        return fail(err, E_DATA, "%s: %s: not a group, which schema 1 has there", f->path, group);
    herr_t done = H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, out);
    H5Gclose(id);
    if (done < 0) {
        h5_names_free(out);
        return fail(err, E_DATA, "%s: %s: its members cannot be listed: a damaged file", f->path,
                    group);
    }
    return OK;
}

void h5_names_free(struct h5_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct h5_names){ 0 };
}

/* --- attributes ------------------------------------------------------------------------------ */

/* An attribute of the root that holds one value; H5I_INVALID_HID without an error: there is none.
 */
static enum status open_attribute(const struct h5_file *f, const char *name, hid_t *out,
                                  struct error *err)
{
    *out = H5I_INVALID_HID;
    if (H5Aexists(f->id, name) <= 0)
        return OK;
    hid_t attribute = H5Aopen(f->id, name, H5P_DEFAULT);
    hid_t space = attribute < 0 ? H5I_INVALID_HID : H5Aget_space(attribute);
    bool one = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (space >= 0)
        H5Sclose(space);
    if (one) {
        *out = attribute;
        return OK;
    }
    if (attribute >= 0)
        H5Aclose(attribute);
    return fail(err, E_DATA, "%s: attribute %s: a single value is expected", f->path, name);
}

enum status h5_number_attribute(const struct h5_file *f, const char *name, double *out, bool *found,
                                struct error *err)
{
    hid_t attribute;
    TRY(open_attribute(f, name, &attribute, err));
    *found = attribute >= 0;
    if (!*found)
        return OK;
    hid_t type = H5Aget_type(attribute);
    H5T_class_t class = H5Tget_class(type);
    bool good = class == H5T_INTEGER || class == H5T_FLOAT;
    if (class == H5T_ENUM) { /* h5py's booleans */
        int8_t flag = 0;
        hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
        good = H5Tget_size(native) == 1 && H5Aread(attribute, native, &flag) >= 0;
        *out = flag;
        H5Tclose(native);
    } else if (good) {
        good = H5Aread(attribute, H5T_NATIVE_DOUBLE, out) >= 0;
    }
    H5Tclose(type);
    H5Aclose(attribute);
    return good ? OK : fail(err, E_DATA, "%s: attribute %s: a number is expected", f->path, name);
}

/* A text from an HDF5 value of string type `type`; reading is left to the caller's `read`. */
enum { TEXT_MAX = 16 << 20 };

enum status h5_text_attribute(const struct h5_file *f, const char *name, char **out,
                              struct error *err)
{
    hid_t attribute;
    *out = NULL;
    TRY(open_attribute(f, name, &attribute, err));
    if (attribute < 0)
        return OK;
    hid_t type = H5Aget_type(attribute);
    size_t size = H5Tget_size(type);
    bool good = H5Tget_class(type) == H5T_STRING;
    if (good && H5Tis_variable_str(type) > 0) {
        char *text = NULL;
        good = H5Aread(attribute, type, &text) >= 0;
        *out = good && text ? strdup(text) : NULL;
        if (good && !text) /* HDF5 gives NULL for an empty text */
            *out = strdup("");
        H5free_memory(text);
    } else if (good) {
        good =
            size < TEXT_MAX && (*out = calloc(size + 1, 1)) && H5Aread(attribute, type, *out) >= 0;
    }
    H5Tclose(type);
    H5Aclose(attribute);
    if (good && *out)
        return OK;
    free(*out);
    *out = NULL;
    return fail(err, E_DATA, "%s: attribute %s: a text is expected", f->path, name);
}

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

/* "float32 [200, 14, 14]" or "a group"-like words for messages. */
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

/* rank < 0: no simple extent. */
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
                h5_exists(f, path) ? "%s: %s is no dataset: schema 1 has %s there"
                                   : "%s: %s is missing: schema 1 has %s there",
                f->path, path, want);
}

/* Reads all of a dataset that has been found to be of the right type and shape. */
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
    bool good = type_is(dataset, type) && rank == (columns == 1 ? 1 : 2) && dims[0] == rows &&
                (columns == 1 || dims[1] == columns);
    enum status status = OK;
    if (!good) {
        describe(dataset, have, sizeof have);
        status =
            fail(err, E_DATA, "%s: %s is %s: schema 1 has %s there", f->path, path, have, want);
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
    return fail(err, E_DATA, "%s: %s is %s: schema 1 has %s there", f->path, path, have, want);
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

/* Both kinds go through one buffer of `count` elements of the file's own type. */
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
        status = fail(err, E_DATA, "%s: %s is %s: schema 1 has strings [N], N at most %zu, there",
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
