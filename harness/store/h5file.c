#include "h5file_internal.h"

#include <hdf5_hl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static herr_t first_reason(unsigned n, const H5E_error2_t *e, void *out)
{
    const char **reason = out;
    if (n == 0)
        *reason = e->desc;
    return 0;
}

enum status h5_fail(struct error *err, const char *format, ...)
{
    char what[600];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    const char *reason = NULL;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, &reason);
    return fail(err, E_IO, "%s%s%.300s", what, reason != NULL ? ": HDF5: " : "",
                reason != NULL ? reason : "");
}

/* ---- attributes --------------------------------------------------------------------------- */

static enum status put(hid_t at, const char *name, hid_t type, const void *value, struct error *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    enum status status = good ? OK : h5_fail(err, "cannot write attribute %s", name);
    if (attribute >= 0 && H5Aclose(attribute) < 0 && status == OK)
        status = h5_fail(err, "cannot write attribute %s", name);
    H5Sclose(space);
    return status;
}

/* A UTF-8 text of `size` bytes; H5T_VARIABLE for a pointer to one. */
static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, size == H5T_VARIABLE ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
    return type;
}

enum status h5_put_text(hid_t at, const char *name, const char *value, struct error *err)
{
    hid_t type = text_type(H5T_VARIABLE);
    enum status status = put(at, name, type, &value, err);
    H5Tclose(type);
    return status;
}

enum status h5_put_int(hid_t at, const char *name, int64_t value, struct error *err)
{
    return put(at, name, H5T_NATIVE_INT64, &value, err);
}

enum status h5_put_real(hid_t at, const char *name, double value, struct error *err)
{
    return put(at, name, H5T_NATIVE_DOUBLE, &value, err);
}

/* Opens the attribute if it is a scalar of this class; else negative. */
static hid_t open_scalar(hid_t at, const char *name, H5T_class_t class, hid_t *type)
{
    hid_t attribute = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        return -1;
    hid_t space = H5Aget_space(attribute);
    hssize_t points = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    *type = H5Aget_type(attribute);
    if (points == 1 && H5Tget_class(*type) == class)
        return attribute;
    H5Tclose(*type);
    H5Aclose(attribute);
    return -1;
}

enum status h5_get_text(hid_t at, const char *name, size_t limit, char **out, struct error *err)
{
    hid_t type;
    *out = NULL;
    hid_t attribute = open_scalar(at, name, H5T_STRING, &type);
    if (attribute < 0)
        return fail(err, E_DATA, "has no text attribute '%s'", name);
    char *text = NULL;
    bool variable = H5Tis_variable_str(type) > 0;
    if (variable && H5Aread(attribute, type, &text) >= 0 && text != NULL) {
        *out = strnlen(text, limit + 1) <= limit ? strdup(text) : NULL;
        H5free_memory(text);
    }
    H5Tclose(type);
    H5Aclose(attribute);
    return *out != NULL ? OK : fail(err, E_DATA, "cannot read attribute '%s'", name);
}

enum status h5_get_int(hid_t at, const char *name, int64_t *out, struct error *err)
{
    hid_t type;
    hid_t attribute = open_scalar(at, name, H5T_INTEGER, &type);
    if (attribute < 0)
        return fail(err, E_DATA, "has no number attribute '%s'", name);
    bool good = H5Aread(attribute, H5T_NATIVE_INT64, out) >= 0;
    H5Tclose(type);
    H5Aclose(attribute);
    return good ? OK : fail(err, E_DATA, "cannot read attribute '%s'", name);
}

/* ---- columns ------------------------------------------------------------------------------ */

hid_t h5_column_type(const struct column *c)
{
    switch (c->type) {
    case COLUMN_F32:
        return H5Tcopy(H5T_NATIVE_FLOAT);
    case COLUMN_I32:
        return H5Tcopy(H5T_NATIVE_INT32);
    case COLUMN_U8:
        return H5Tcopy(H5T_NATIVE_UINT8);
    case COLUMN_TEXT:
        return text_type(c->row_bytes);
    }
    return H5I_INVALID_HID;
}

int h5_column_shape(const struct column *c, size_t rows, hsize_t shape[3])
{
    int images = c->once ? 0 : 1;
    if (!c->once)
        shape[0] = rows;
    for (int i = 0; i < c->ndim; i++)
        shape[images + i] = (hsize_t)c->dim[i];
    return images + c->ndim;
}

hid_t h5_create_column(hid_t file, const struct column *c, size_t rows, struct error *err)
{
    hsize_t shape[3];
    hid_t space = H5Screate_simple(h5_column_shape(c, rows, shape), shape, NULL);
    hid_t type = h5_column_type(c);
    hid_t links = H5Pcreate(H5P_LINK_CREATE), how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(how, 0);
    H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
    hid_t dataset = H5Dcreate2(file, c->path, type, space, links, how, H5P_DEFAULT);
    if (dataset < 0)
        h5_fail(err, "cannot create /%s", c->path);
    H5Pclose(how);
    H5Pclose(links);
    H5Tclose(type);
    H5Sclose(space);
    return dataset;
}

enum status h5_note_column(hid_t dataset, const struct column *c, struct error *err)
{
    const struct column_note *n = &c->note;
    if (n->units != NULL)
        TRY(h5_put_text(dataset, "units", n->units, err));
    if (n->what != NULL)
        TRY(h5_put_text(dataset, "long_name", n->what, err));
    if (n->scale && H5DSset_scale(dataset, c->path) < 0)
        return h5_fail(err, "cannot make a scale of /%s", c->path);
    return OK;
}

enum status h5_attach_scale(hid_t dataset, const struct column *c, unsigned dimension, hid_t scale,
                            struct error *err)
{
    if (H5DSattach_scale(dataset, scale, dimension) < 0)
        return h5_fail(err, "cannot give /%s its scale", c->path);
    return OK;
}

enum status h5_name_dimension(hid_t dataset, const struct column *c, unsigned dimension,
                              struct error *err)
{
    if (H5DSset_label(dataset, dimension, c->note.axis[dimension]) < 0)
        return h5_fail(err, "cannot name the dimensions of /%s", c->path);
    return OK;
}

enum status h5_write_rows(hid_t dataset, const struct column *c, size_t first, size_t rows,
                          const void *data, struct error *err)
{
    hsize_t shape[3], start[3] = { c->once ? 0 : first, 0, 0 };
    int ndim = h5_column_shape(c, rows, shape);
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(ndim, shape, NULL);
    hid_t type = h5_column_type(c);
    bool good = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, shape, NULL) >= 0 &&
                H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, data) >= 0;
    enum status status = good ? OK : h5_fail(err, "cannot write /%s", c->path);
    H5Tclose(type);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    return status;
}

hid_t h5_open_column(hid_t file, const struct column *c, size_t rows, struct error *err)
{
    hsize_t want[3], have[H5S_MAX_RANK];
    int ndim = h5_column_shape(c, rows, want);
    hid_t dataset = H5Dopen2(file, c->path, H5P_DEFAULT);
    if (dataset < 0) {
        fail(err, E_DATA, "has no dataset /%s", c->path);
        return -1;
    }
    hid_t space = H5Dget_space(dataset), type = h5_column_type(c), is = H5Dget_type(dataset);
    bool fits = H5Sget_simple_extent_ndims(space) == ndim &&
                H5Sget_simple_extent_dims(space, have, NULL) == ndim && H5Tequal(is, type) > 0;
    for (int i = 0; fits && i < ndim; i++)
        fits = have[i] == want[i];
    H5Tclose(is);
    H5Tclose(type);
    H5Sclose(space);
    if (fits)
        return dataset;
    fail(err, E_DATA, "/%s has another type or shape", c->path);
    H5Dclose(dataset);
    return -1;
}

enum status h5_read_column(hid_t file, const struct column *c, size_t rows, void *data,
                           struct error *err)
{
    hid_t dataset = h5_open_column(file, c, rows, err);
    if (dataset < 0)
        return E_DATA;
    hid_t type = h5_column_type(c);
    bool good = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    enum status status = good ? OK : h5_fail(err, "cannot read /%s", c->path);
    H5Tclose(type);
    H5Dclose(dataset);
    return status;
}

/* ---- files -------------------------------------------------------------------------------- */

enum status write_synced(const char *path, const void *bytes, size_t size, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(err, E_IO, "%s: cannot create: %s", path, strerror(errno));
    const char *at = bytes;
    int reason = 0;
    while (size > 0 && reason == 0) {
        ssize_t n = write(fd, at, size);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            reason = n == 0 ? EIO : errno;
        }
    }
    if (reason == 0 && fsync(fd) != 0)
        reason = errno;
    if (close(fd) != 0 && reason == 0)
        reason = errno;
    if (reason != 0) {
        unlink(path);
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(reason));
    }
    return OK;
}

enum status rename_synced(const char *from, const char *to, struct error *err)
{
    if (rename(from, to) != 0)
        return fail(err, E_IO, "%s: cannot rename to %s: %s", from, to, strerror(errno));
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", to);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a folder (EINVAL), which is no error of ours. */
    int bad = fd < 0 || (fsync(fd) != 0 && errno != EINVAL);
    int reason = errno;
    if (fd >= 0)
        close(fd);
    return bad ? fail(err, E_IO, "%s: cannot sync its folder: %s", to, strerror(reason)) : OK;
}
