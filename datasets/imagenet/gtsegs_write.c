#include "gtsegs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hdf5.h>

#include "free_all.h"
#include "h5lock.h"

#define USER_BLOCK 512

static const char *const field_names[GTSEGS_FIELDS] = { "img", "gt", "shortcut" };

struct gtsegs_writer {
    char *path;
    hid_t file, cells; /* cells: the group "#refs#" where MATLAB keeps what cells refer to */
    hid_t plain; /* creation properties: no time stamps, so that equal content is equal bytes */
    size_t count;
    int fields;
    hobj_ref_t *refs[GTSEGS_FIELDS]; /* [count] each */
};

/* MATLAB reads the kind of a variable from this attribute. */
static bool set_class(hid_t object, const char *name)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    bool ok = H5Tset_size(type, strlen(name)) >= 0;
    hid_t attribute = H5Acreate2(object, "MATLAB_class", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ok = ok && attribute >= 0 && H5Awrite(attribute, type, name) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return ok;
}

static bool put_dataset(const struct gtsegs_writer *w, hid_t where, const char *name, hid_t type,
                        int rank, const hsize_t *dims, const void *data, const char *class)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(where, name, type, space, H5P_DEFAULT, w->plain, H5P_DEFAULT);
    bool ok = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0 &&
              set_class(set, class);
    if (set >= 0)
        ok = H5Dclose(set) >= 0 && ok;
    H5Sclose(space);
    return ok;
}

static bool create_locked(struct gtsegs_writer *w)
{
    hid_t file_properties = H5Pcreate(H5P_FILE_CREATE), group = H5Pcreate(H5P_GROUP_CREATE);
    w->plain = H5Pcreate(H5P_DATASET_CREATE);
    bool ok = H5Pset_userblock(file_properties, USER_BLOCK) >= 0 &&
              H5Pset_obj_track_times(w->plain, false) >= 0 &&
              H5Pset_obj_track_times(group, false) >= 0;
    if (ok)
        w->file = H5Fcreate(w->path, H5F_ACC_TRUNC, file_properties, H5P_DEFAULT);
    if (w->file >= 0)
        w->cells = H5Gcreate2(w->file, "#refs#", H5P_DEFAULT, group, H5P_DEFAULT);
    H5Pclose(group);
    H5Pclose(file_properties);
    return w->cells >= 0;
}

static void release(struct gtsegs_writer *w)
{
    for (int f = 0; f < GTSEGS_FIELDS; f++)
        free(w->refs[f]);
    FREE_ALL(w->path, w);
}

/* Returns false where HDF5 could not write what it still held back. */
static bool close_locked(struct gtsegs_writer *w)
{
    bool ok = true;
    if (w->cells >= 0)
        ok = H5Gclose(w->cells) >= 0;
    if (w->plain >= 0)
        H5Pclose(w->plain);
    if (w->file >= 0)
        ok = H5Fclose(w->file) >= 0 && ok;
    return ok;
}

void gtsegs_abandon(struct gtsegs_writer *w)
{
    h5_lock();
    close_locked(w);
    h5_unlock();
    release(w);
}

enum status gtsegs_create(const char *path, size_t count, bool with_shortcut,
                          struct gtsegs_writer **out, struct error *err)
{
    struct gtsegs_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return fail(err, E_NOMEM, "%s: no memory", path);
    w->file = w->cells = w->plain = -1;
    w->count = count;
    w->fields = with_shortcut ? GTSEGS_FIELDS : GTSEGS_SHORTCUT;
    w->path = strdup(path);
    bool ok = w->path != NULL;
    for (int f = 0; f < w->fields; f++)
        ok = (w->refs[f] = calloc(count, sizeof(hobj_ref_t))) != NULL && ok;
    if (!ok) {
        release(w);
        return fail(err, E_NOMEM, "%s: no memory for %zu references", path, count);
    }
    h5_lock();
    ok = create_locked(w);
    h5_unlock();
    if (!ok) {
        gtsegs_abandon(w);
        return fail(err, E_IO, "%s: HDF5 cannot create it", path);
    }
    *out = w;
    return OK;
}

/* [height, width, channels] to MATLAB's [channels, width, height]. */
static uint8_t *turn(const void *pixels, size_t width, size_t height, size_t channels)
{
    const uint8_t *from = pixels;
    uint8_t *to = malloc(width * height * channels);
    for (size_t c = 0; c < channels && to != NULL; c++)
        for (size_t x = 0; x < width; x++)
            for (size_t y = 0; y < height; y++)
                to[(c * width + x) * height + y] = from[(y * width + x) * channels + c];
    return to;
}

/* Writes the array as `letter`N into the cells, masks with the [1, 1] cell around them, and notes
 * the reference. */
static bool put_cell(struct gtsegs_writer *w, enum gtsegs_field field, size_t index,
                     const uint8_t *bytes, const hsize_t dims[3])
{
    const hsize_t one[2] = { 1, 1 };
    char array[32], cell[32];
    hobj_ref_t inner;
    hobj_ref_t *ref = &w->refs[field][index];
    snprintf(array, sizeof array, "%c%zu", "ims"[field], index);
    snprintf(cell, sizeof cell, "%c%zu", "-gh"[field], index);
    if (field == GTSEGS_IMG)
        return put_dataset(w, w->cells, array, H5T_STD_U8LE, 3, dims, bytes, "uint8") &&
               H5Rcreate(ref, w->cells, array, H5R_OBJECT, -1) >= 0;
    return put_dataset(w, w->cells, array, H5T_STD_U8LE, 2, dims + 1, bytes, "uint8") &&
           H5Rcreate(&inner, w->cells, array, H5R_OBJECT, -1) >= 0 &&
           put_dataset(w, w->cells, cell, H5T_STD_REF_OBJ, 2, one, &inner, "cell") &&
           H5Rcreate(ref, w->cells, cell, H5R_OBJECT, -1) >= 0;
}

enum status gtsegs_put(struct gtsegs_writer *w, size_t index, const struct image *image,
                       const int8_t *const *masks, struct error *err)
{
    const hsize_t dims[3] = { 3, (hsize_t)image->width, (hsize_t)image->height };
    for (int f = 0; f < w->fields; f++) {
        const void *pixels = f == GTSEGS_IMG ? (const void *)image->rgb : masks[f - GTSEGS_GT];
        uint8_t *turned = turn(pixels, dims[1], dims[2], f == GTSEGS_IMG ? 3 : 1);
        if (turned == NULL)
            return fail(err, E_NOMEM, "%s: no memory for an image", w->path);
        h5_lock();
        bool ok = put_cell(w, (enum gtsegs_field)f, index, turned, dims);
        h5_unlock();
        free(turned);
        if (!ok)
            return fail(err, E_IO, "%s: HDF5 cannot write image %zu; is there space?", w->path,
                        index);
    }
    return OK;
}

static bool finish_locked(struct gtsegs_writer *w)
{
    const hsize_t dims[2] = { w->count, 1 };
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(properties, false);
    hid_t value = H5Gcreate2(w->file, "value", H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    bool ok = value >= 0 && set_class(value, "struct");
    for (int f = 0; f < w->fields && ok; f++)
        ok = put_dataset(w, value, field_names[f], H5T_STD_REF_OBJ, 2, dims, w->refs[f], "cell");
    if (value >= 0)
        ok = H5Gclose(value) >= 0 && ok;
    return close_locked(w) && ok;
}

/* What MATLAB looks for in the user block: 116 bytes of text, 8 of nothing, version, byte order. */
static bool write_user_block(const char *path)
{
    char block[128];
    static const char text[] = "MATLAB 7.3 MAT-file, written by evalh HDF5 schema 1.00 .";
    memset(block, ' ', 116);
    memset(block + 116, 0, 8);
    memcpy(block, text, strlen(text));
    memcpy(block + 124, "\x00\x02IM", 4);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = pwrite(fd, block, sizeof block, 0) == (ssize_t)sizeof block;
    return close(fd) == 0 && ok;
}

enum status gtsegs_finish(struct gtsegs_writer *w, struct error *err)
{
    enum status status = OK;
    h5_lock();
    bool ok = finish_locked(w);
    h5_unlock();
    if (!ok)
        status = fail(err, E_IO, "%s: HDF5 cannot complete it; is there space?", w->path);
    else if (!write_user_block(w->path))
        status = fail(err, E_IO, "%s: cannot write: %s", w->path, strerror(errno));
    release(w);
    return status;
}
