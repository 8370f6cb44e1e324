#include "gtsegs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hdf5.h>

#include "decode.h"
#include "free_all.h"
#include "h5lock.h"

/* More images than any such file holds; their references are 8 bytes each. */
#define MAX_COUNT ((hsize_t)10000000)
/* Deflate compresses at most 1032-fold, so stored bytes that are too few for an array are refused.
 */
#define MAX_SHRINK 1032

const char *const gtsegs_field_paths[GTSEGS_FIELDS] = { "/value/img", "/value/gt",
                                                        "/value/shortcut" };

/* Shape and type of a data set of rank 1 to 3; false where it is something else. */
static bool describe(hid_t set, struct stored_array *out)
{
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    bool ok = space >= 0 && type >= 0;
    if (ok) {
        out->rank = H5Sget_simple_extent_ndims(space);
        ok = out->rank >= 1 && out->rank <= 3 &&
             H5Sget_simple_extent_dims(space, out->dims, NULL) >= 0;
    }
    if (ok) {
        hssize_t points = H5Sget_simple_extent_npoints(space);
        out->class = H5Tget_class(type);
        out->element_size = H5Tget_size(type);
        out->is_signed = out->class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
        ok = points >= 0;
        out->elements = (size_t)points;
        if (out->class == H5T_REFERENCE)
            ok = ok && H5Tequal(type, H5T_STD_REF_OBJ) > 0;
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return ok;
}

/* Whether as much is stored as the array needs, so that memory for it is worth taking. */
static bool is_stored(hid_t set, size_t bytes)
{
    return H5Dget_storage_size(set) >= bytes / MAX_SHRINK + 1;
}

static enum status read_field(struct gtsegs *g, enum gtsegs_field field, struct error *err)
{
    static const char wanted[] = "/value/img and /value/gt, [n, 1] object references each, as "
                                 "in the published gtsegs_ijcv.mat, are wanted";
    struct stored_array a;
    hid_t set = H5Dopen2(g->file, gtsegs_field_paths[field], H5P_DEFAULT);
    if (set < 0)
        return fail(err, E_CONFIG, "%s: no field %s; %s", g->path, gtsegs_field_paths[field],
                    wanted);
    enum status status = OK;
    hsize_t longest = 0;
    bool ok = describe(set, &a) && a.class == H5T_REFERENCE;
    for (int i = 0; ok && i < a.rank; i++)
        longest = a.dims[i] > longest ? a.dims[i] : longest;
    if (!ok || longest != a.elements || a.elements == 0 || a.elements > MAX_COUNT ||
        !is_stored(set, a.elements * sizeof(hobj_ref_t)))
        status = fail(err, E_CONFIG, "%s: %s is no list of references; %s", g->path,
                      gtsegs_field_paths[field], wanted);
    else if (field != GTSEGS_IMG && a.elements != g->count)
        status = fail(err, E_CONFIG,
                      "%s: %s has %zu entries, /value/img %zu; one for each image is "
                      "wanted",
                      g->path, gtsegs_field_paths[field], a.elements, g->count);
    else if ((g->refs[field] = calloc(a.elements, sizeof(hobj_ref_t))) == NULL)
        status = fail(err, E_NOMEM, "%s: no memory for %zu references", g->path, a.elements);
    else if (H5Dread(set, H5T_STD_REF_OBJ, H5S_ALL, H5S_ALL, H5P_DEFAULT, g->refs[field]) < 0)
        status = fail(err, E_CONFIG, "%s: %s cannot be read; is the file complete?", g->path,
                      gtsegs_field_paths[field]);
    if (status == OK)
        g->count = a.elements;
    H5Dclose(set);
    return status;
}

static enum status open_locked(struct gtsegs *g, bool with_shortcut, struct error *err)
{
    if (H5Fis_hdf5(g->path) <= 0)
        return fail(err, E_CONFIG,
                    "%s: not an HDF5 file; gtsegs_ijcv.mat in MATLAB's 7.3 format is wanted",
                    g->path);
    g->file = H5Fopen(g->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (g->file < 0)
        return fail(err, E_CONFIG, "%s: HDF5 cannot open it; is the file complete?", g->path);
    TRY(read_field(g, GTSEGS_IMG, err));
    TRY(read_field(g, GTSEGS_GT, err));
    if (with_shortcut)
        TRY(read_field(g, GTSEGS_SHORTCUT, err));
    return g->order == ORDER_AUTO ? gtsegs_find_order(g, err) : OK;
}

enum status gtsegs_open(const char *path, bool with_shortcut, enum array_order images,
                        enum array_order masks, struct gtsegs **out, struct error *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st) != 0)
        return fail(err, E_CONFIG, "%s: cannot open: %s; gtsegs_ijcv.mat is wanted", path,
                    strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(err, E_CONFIG, "%s: not a file; gtsegs_ijcv.mat is wanted", path);
    struct gtsegs *g = calloc(1, sizeof *g);
    if (g == NULL || (g->path = strdup(path)) == NULL) {
        free(g);
        return fail(err, E_NOMEM, "%s: no memory", path);
    }
    g->file = -1;
    g->image_order = images == ORDER_HW ? ORDER_HW : ORDER_WH;
    g->order = masks;
    g->order_given = masks != ORDER_AUTO;
    h5_lock();
    enum status status = open_locked(g, with_shortcut, err);
    h5_unlock();
    return OPENED(status, g, gtsegs_close, out);
}

size_t gtsegs_count(const struct gtsegs *g)
{
    return g->count;
}

void gtsegs_close(struct gtsegs *g)
{
    if (g == NULL)
        return;
    if (g->file >= 0) {
        h5_lock();
        H5Fclose(g->file);
        h5_unlock();
    }
    for (int f = 0; f < GTSEGS_FIELDS; f++)
        free(g->refs[f]);
    FREE_ALL(g->path, g);
}

static hid_t open_reference(hid_t file, const hobj_ref_t *ref)
{
    H5O_type_t type;
    if (H5Rget_obj_type2(file, H5R_OBJECT, ref, &type) < 0 || type != H5O_TYPE_DATASET)
        return -1;
    return H5Rdereference2(file, H5P_DEFAULT, H5R_OBJECT, ref);
}

hid_t gtsegs_open_array(struct gtsegs *g, enum gtsegs_field field, size_t index,
                        struct stored_array *a)
{
    hobj_ref_t inner;
    hid_t set = open_reference(g->file, &g->refs[field][index]);
    if (set < 0 || !describe(set, a)) {
        if (set >= 0)
            H5Dclose(set);
        return -1;
    }
    if (a->class != H5T_REFERENCE)
        return set;
    bool ok = a->elements == 1 &&
              H5Dread(set, H5T_STD_REF_OBJ, H5S_ALL, H5S_ALL, H5P_DEFAULT, &inner) >= 0;
    H5Dclose(set);
    set = ok ? open_reference(g->file, &inner) : -1;
    if (set >= 0 && !describe(set, a)) {
        H5Dclose(set);
        return -1;
    }
    return set;
}

/* What values are read as: an image's bytes, a mask's whole numbers or floats. */
static hid_t memory_type(enum gtsegs_field field, const struct stored_array *a, size_t *bytes)
{
    *bytes = field == GTSEGS_IMG ? 1 : 8;
    if (field == GTSEGS_IMG)
        return H5T_NATIVE_UINT8;
    return a->class == H5T_FLOAT ? H5T_NATIVE_DOUBLE : H5T_NATIVE_LLONG;
}

enum status gtsegs_read_array(struct gtsegs *g, enum gtsegs_field field, size_t index,
                              array_check *check, const void *detail, struct stored_array *a,
                              void **out, struct error *err)
{
    const char *path = gtsegs_field_paths[field], *wrong = NULL;
    enum status status = OK;
    size_t each;
    h5_lock();
    hid_t set = gtsegs_open_array(g, field, index, a);
    hid_t type = memory_type(field, a, &each);
    if (set < 0)
        status = fail(err, E_DATA, "%s: %s[%zu] refers to no array", g->path, path, index);
    else if ((wrong = check(a, detail)) != NULL)
        status = fail(err, E_DATA, "%s: %s[%zu]: %s", g->path, path, index, wrong);
    else if (!is_stored(set, a->elements * a->element_size))
        status = fail(err, E_DATA, "%s: %s[%zu] holds too little data for its size", g->path, path,
                      index);
    else if ((*out = reallocarray(NULL, a->elements, each)) == NULL)
        status = fail(err, E_NOMEM, "%s: %s[%zu]: no memory for %zu values", g->path, path, index,
                      a->elements);
    else if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
        status = fail(err, E_DATA, "%s: %s[%zu] cannot be read", g->path, path, index);
    if (set >= 0)
        H5Dclose(set);
    h5_unlock();
    if (status != OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/* [3, W, H], [1, W, H] or [W, H] of uint8; or H, W. */
static const char *check_image(const struct stored_array *a, const void *detail)
{
    (void)detail;
    if (a->class != H5T_INTEGER || a->element_size != 1 || a->is_signed)
        return "an image of unsigned bytes is wanted";
    if (a->rank < 2 || (a->rank == 3 && a->dims[0] != 3 && a->dims[0] != 1))
        return "an image of shape [3, W, H], [1, W, H] or [W, H] is wanted";
    for (int i = a->rank - 2; i < a->rank; i++)
        if (a->dims[i] == 0 || a->dims[i] > IMAGE_MAX_SIDE)
            return "a side of the image is 0 or over the limit";
    if (a->elements > (size_t)IMAGE_MAX_PIXELS * 3)
        return "the image is over the limit";
    return NULL;
}

/* The array's values as they are stored, in this machine's order of bytes; NULL: it has none, or
 * more than `most` bytes. */
static void *read_stored(struct gtsegs *g, enum gtsegs_field field, size_t index, size_t most,
                         struct stored_array *a, size_t *size)
{
    hid_t set = gtsegs_open_array(g, field, index, a);
    if (set < 0)
        return NULL;
    bool numbers = a->class == H5T_INTEGER || a->class == H5T_ENUM || a->class == H5T_FLOAT;
    void *values = NULL;
    hid_t stored = H5Dget_type(set);
    hid_t type = numbers ? H5Tget_native_type(stored, H5T_DIR_ASCEND) : -1;
    size_t each = type >= 0 ? H5Tget_size(type) : 0; /* of a float of 16 bits 4 */
    if (each > 0 && a->elements > 0 && a->elements <= most / each &&
        is_stored(set, a->elements * a->element_size))
        values = reallocarray(NULL, a->elements, each);
    *size = a->elements * each;
    if (values != NULL && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        free(values);
        values = NULL;
    }
    if (type >= 0)
        H5Tclose(type);
    H5Tclose(stored);
    H5Dclose(set);
    return values;
}

size_t gtsegs_peek(struct gtsegs *g, enum gtsegs_field field, size_t index, size_t most,
                   struct sha256 *hash)
{
    struct stored_array a;
    size_t size = 0;
    h5_lock();
    void *values = read_stored(g, field, index, most, &a, &size);
    h5_unlock();
    if (values == NULL) { /* of another type or shape, say: that, too, is what the file holds */
        static const char none[] = "no array";
        sha256_add(hash, none, sizeof none);
        return 0;
    }
    sha256_add(hash, a.dims, (size_t)a.rank * sizeof *a.dims);
    sha256_add(hash, values, size);
    free(values);
    return size;
}

enum status gtsegs_image(struct gtsegs *g, size_t index, struct image *out, struct error *err)
{
    struct stored_array a;
    void *bytes = NULL;
    char name[64];
    TRY(gtsegs_read_array(g, GTSEGS_IMG, index, check_image, NULL, &a, &bytes, err));
    bool by_rows = g->image_order == ORDER_HW;
    size_t width = a.dims[a.rank - (by_rows ? 1 : 2)], height = a.dims[a.rank - (by_rows ? 2 : 1)];
    size_t plane = width * height, across = by_rows ? 1 : height, down = by_rows ? width : 1;
    snprintf(name, sizeof name, "/value/img[%zu]", index);
    enum status status = image_allocate(out, width, height, name, err);
    if (status != OK) {
        free(bytes);
        return status;
    }
    /* MATLAB keeps columns together: y runs fastest. Grey is replicated. */
    size_t next = a.rank == 3 && a.dims[0] == 3 ? plane : 0;
    const uint8_t *from = bytes;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++)
                out->rgb[(y * width + x) * 3 + c] = from[c * next + x * across + y * down];
    free(bytes);
    return OK;
}
