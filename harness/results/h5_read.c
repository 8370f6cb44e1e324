#include "h5_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "open_file.h"

bool h5_is_hdf5(const char *path)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return check_file(path, "", NULL) == OK && H5Fis_hdf5(path) > 0;
}

enum status h5_open(struct h5_file *f, const char *path, struct error *err)
{
    static const char wanted[] = "a result file of evalh run (.h5)";
    f->path = path;
    TRY(check_file(path, wanted, err)); /* HDF5 itself would wait for a pipe */
    if (access(path, R_OK) != 0)
        return fail(err, E_IO, "%s: %s", path, strerror(errno));
    if (!h5_is_hdf5(path))
        return fail(err, E_IO, "%s: not an HDF5 file; %s is expected", path, wanted);
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

int h5_names_add(struct h5_names *names, const char *name)
{
    char **grown = realloc(names->name, (names->count + 1) * sizeof *grown);
    if (!grown)
        return -1;
    names->name = grown;
    names->name[names->count] = strdup(name);
    return names->name[names->count] ? (names->count++, 0) : -1;
}

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void)group, (void)info;
    return h5_names_add(context, name);
}

enum status h5_list(const struct h5_file *f, const char *group, struct h5_names *out,
                    struct error *err)
{
    *out = (struct h5_names){ 0 };
    hid_t id = H5Gopen2(f->id, group, H5P_DEFAULT);
    if (id < 0)
        return fail(err, E_DATA, "%s: %s: not a group, which a result file has there", f->path,
                    group);
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

/* Opens an attribute of the root that holds one value; H5I_INVALID_HID without an error where there
 * is none. */
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

/* Makes a text from an HDF5 value of string type `type`, which the caller's `read` reads. */
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
        if (good && !text) /* HDF5 returns NULL for an empty text */
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
