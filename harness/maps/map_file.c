#include "map_file.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "free_all.h"
#include "h5_read.h"
#include "h5lock.h"
#include "npy.h"
#include "open_file.h"
#include "quote.h"
#include "sha256.h"
#include "upsample.h"

enum { MOST_MAPS = 10000000, NO_ROW = -1, TWO_ROWS = -2, PATH_SIZE = 4400 };

struct named_row {
    char *id;
    size_t row;
};

struct map_file {
    char *path;
    struct map_info info;
    struct named_row *named; /* [rows] of an HDF5 file, by id; NULL: a folder */
    size_t rows;
    struct h5_file h5;
    hid_t set[2]; /* map, target_map; H5I_INVALID_HID */
};

const struct map_info *map_file_info(const struct map_file *m)
{
    return &m->info;
}

/* Neither empty nor larger than the images. */
static enum status check_shape(struct map_file *m, const char *what, size_t rows, size_t columns,
                               int image_size, struct error *err)
{
    if (rows == 0 || columns == 0)
        return fail(err, E_DATA,
                    "%s: %s: maps of %zu x %zu hold nothing; 1 x 1 to %d x %d are expected",
                    m->path, what, rows, columns, image_size, image_size);
    if (rows > (size_t)image_size || columns > (size_t)image_size)
        return fail(err, E_DATA,
                    "%s: %s: maps of %zu x %zu; the model's images are %d x %d, and maps of at "
                    "most that size are expected",
                    m->path, what, rows, columns, image_size, image_size);
    m->info.rows = (int)rows;
    m->info.columns = (int)columns;
    m->info.side = rows == columns ? (int)rows : image_size;
    return OK;
}

static enum status hash_file(const char *path, struct sha256 *sha, struct error *err)
{
    char *block = malloc(1 << 20);
    FILE *f = NULL;
    enum status status = block != NULL ? open_file(path, "a file of maps", &f, err)
                                       : fail(err, E_NOMEM, "out of memory");
    size_t n = 0;
    while (status == OK && (n = fread(block, 1, 1 << 20, f)) > 0)
        sha256_add(sha, block, n);
    if (status == OK && ferror(f))
        status = fail(err, E_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (f != NULL)
        fclose(f);
    free(block);
    return status;
}

/* ---- HDF5 ------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct named_row *)a)->id, ((const struct named_row *)b)->id);
}

/* The row of an id in an HDF5 file, or NO_ROW or TWO_ROWS. */
static int64_t find_row(const struct map_file *m, const char *id)
{
    size_t low = 0, high = m->rows;
    while (low < high) { /* the first row whose id is not smaller */
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->named[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == m->rows || strcmp(m->named[low].id, id) != 0)
        return NO_ROW;
    bool two = low + 1 < m->rows && strcmp(m->named[low + 1].id, id) == 0;
    return two ? TWO_ROWS : (int64_t)m->named[low].row;
}

static enum status index_ids(struct map_file *m, struct error *err)
{
    char **id = NULL;
    size_t rows;
    if (!h5_exists(&m->h5, "/id"))
        return fail(
            err, E_DATA,
            "%s: /id is missing: a file of maps has the images' ids there, strings [N], and "
            "/map, floats [N, h, w]",
            m->path);
    TRY(h5_strings(&m->h5, "/id", MOST_MAPS, &id, &rows, err));
    m->named = calloc(rows + 1, sizeof *m->named);
    for (size_t i = 0; i < rows; i++) {
        if (m->named != NULL)
            m->named[i] = (struct named_row){ id[i], i };
        else
            free(id[i]);
    }
    free(id);
    if (m->named == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu ids", m->path, rows);
    m->rows = rows;
    qsort(m->named, rows, sizeof *m->named, by_id);
    return OK;
}

/* /map or /target_map: floats [rows, h, w]. */
static enum status open_set(struct map_file *m, const char *name, size_t rows, int image_size,
                            hid_t *out, struct error *err)
{
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    *out = h5_exists(&m->h5, name) ? H5Dopen2(m->h5.id, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (*out < 0)
        return fail(err, E_DATA, "%s: %s is no dataset: floats [N, h, w] are expected there",
                    m->path, name);
    hid_t space = H5Dget_space(*out), type = H5Dget_type(*out);
    int rank = H5Sis_simple(space) > 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    bool good = rank == 3 && H5Tget_class(type) == H5T_FLOAT && dims[0] == rows;
    H5Tclose(type);
    H5Sclose(space);
    if (!good)
        return fail(err, E_DATA, "%s: %s: floats [%zu, h, w] are expected, a map for every id",
                    m->path, name, rows);
    const struct map_info before = m->info;
    TRY(check_shape(m, name, (size_t)dims[1], (size_t)dims[2], image_size, err));
    if (before.side != 0 && (before.rows != m->info.rows || before.columns != m->info.columns))
        return fail(err, E_DATA,
                    "%s: maps of %d x %d, and target maps of %d x %d; one size for "
                    "all is expected",
                    m->path, before.rows, before.columns, m->info.rows, m->info.columns);
    return OK;
}

static enum status open_sets(struct map_file *m, int image_size, struct error *err)
{
    TRY(h5_open(&m->h5, m->path, err));
    TRY(index_ids(m, err));
    TRY(open_set(m, "/map", m->rows, image_size, &m->set[0], err));
    m->info.has_target = h5_exists(&m->h5, "/target_map");
    return m->info.has_target ? open_set(m, "/target_map", m->rows, image_size, &m->set[1], err)
                              : OK;
}

static enum status open_hdf5(struct map_file *m, int image_size, struct error *err)
{
    static const char wanted[] = "a file of maps (.h5), or a folder of them (.npy),";
    struct sha256 sha;
    TRY(check_file(m->path, wanted, err)); /* HDF5 itself would wait for a pipe */
    h5_lock();
    enum status status = open_sets(m, image_size, err);
    h5_unlock();
    TRY(status);
    sha256_begin(&sha);
    TRY(hash_file(m->path, &sha, err));
    sha256_end(&sha, m->info.sha256);
    return OK;
}

static enum status read_row(struct map_file *m, const char *id, bool target, double *out,
                            struct error *err)
{
    int64_t row = find_row(m, id);
    if (row == NO_ROW)
        return fail(err, E_DATA, "%s has no map of image %s", m->path, quote(id).text);
    if (row == TWO_ROWS)
        return fail(err, E_DATA, "%s has more than one map of image %s", m->path, quote(id).text);
    const hsize_t rows = (hsize_t)m->info.rows, columns = (hsize_t)m->info.columns;
    const hsize_t start[] = { (hsize_t)row, 0, 0 }, size[] = { 1, rows, columns };
    h5_lock();
    hid_t set = m->set[target], file = H5Dget_space(set);
    hid_t memory = H5Screate_simple(3, size, NULL);
    H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, size, NULL);
    bool good = H5Dread(set, H5T_NATIVE_DOUBLE, memory, file, H5P_DEFAULT, out) >= 0;
    H5Sclose(memory);
    H5Sclose(file);
    h5_unlock();
    return good ? OK
                : fail(err, E_IO, "%s: the map of image %s cannot be read: a damaged file", m->path,
                       quote(id).text);
}

/* ---- a folder -------------------------------------------------------------------------------- */

/* Makes the path of an id. false: it would lead out of the folder, or is too long. */
static bool path_of(const struct map_file *m, const char *id, bool target, char out[PATH_SIZE])
{
    if (id[0] == '/' || strcmp(id, "..") == 0 || strncmp(id, "../", 3) == 0 ||
        strstr(id, "/../") != NULL)
        return false;
    return snprintf(out, PATH_SIZE, "%s/%s%s.npy", m->path, id, target ? ".target" : "") <
           PATH_SIZE;
}

static bool is_there(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* The first map that can be read determines the size of all. */
static enum status find_side(struct map_file *m, const char *path, int image_size,
                             struct error *err)
{
    double *map;
    size_t rows, columns;
    TRY(npy_read(path, 1 << 16, &map, &rows, &columns, err));
    free(map);
    return check_shape(m, path, rows, columns, image_size, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status hash_maps(struct map_file *m, const char *const *ids, size_t count,
                             int image_size, struct error *err)
{
    struct sha256 sha;
    char path[PATH_SIZE];
    sha256_begin(&sha);
    for (size_t i = 0; i < count; i++) {
        sha256_add(&sha, ids[i], strlen(ids[i]) + 1);
        if (!path_of(m, ids[i], false, path) || !is_there(path))
            continue;
        if (m->info.side == 0)
            TRY(find_side(m, path, image_size, err));
        TRY(hash_file(path, &sha, err));
        if (path_of(m, ids[i], true, path) && is_there(path)) {
            m->info.has_target = true;
            TRY(hash_file(path, &sha, err));
        }
    }
    sha256_end(&sha, m->info.sha256);
    if (m->info.side == 0)
        return fail(err, E_DATA,
                    "%s: holds no map of any image of the data set; ID.npy is expected, such as "
                    "%s.npy",
                    m->path, count > 0 ? quote(ids[0]).text : "ID");
    return OK;
}

/* Ids are sorted first, so that the hash does not depend on which of them a run takes or in which
 * order. */
static enum status open_folder(struct map_file *m, const char *const *ids, size_t count,
                               int image_size, struct error *err)
{
    const char **sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL)
        return fail(err, E_NOMEM, "out of memory");
    memcpy(sorted, ids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_text);
    enum status status = hash_maps(m, sorted, count, image_size, err);
    free(sorted);
    return status;
}

static enum status read_npy(const struct map_file *m, const char *id, bool target, double *out,
                            struct error *err)
{
    char path[PATH_SIZE];
    double *map;
    size_t rows, columns, expected = (size_t)m->info.rows, across = (size_t)m->info.columns;
    if (!path_of(m, id, target, path) || !is_there(path))
        return fail(err, E_DATA, "%s has no %s of image %s", m->path, target ? "target map" : "map",
                    quote(id).text);
    TRY(npy_read(path, 1 << 16, &map, &rows, &columns, err));
    enum status status = OK;
    if (rows == expected && columns == across)
        memcpy(out, map, rows * columns * sizeof *out);
    else
        status =
            fail(err, E_DATA, "%s: a map of %zu x %zu; %zu x %zu is expected, as of the others",
                 path, rows, columns, expected, across);
    free(map);
    return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

enum status map_file_open(const char *path, int image_size, const char *const *ids, size_t count,
                          struct map_file **out, struct error *err)
{
    struct stat about;
    *out = NULL;
    struct map_file *m = calloc(1, sizeof *m);
    if (m == NULL)
        return fail(err, E_NOMEM, "out of memory");
    m->h5.id = m->set[0] = m->set[1] = H5I_INVALID_HID;
    m->path = strdup(path);
    enum status status = m->path != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    if (status == OK && stat(path, &about) != 0)
        status = fail(err, E_IO, "%s: %s", path, strerror(errno));
    if (status == OK)
        status = S_ISDIR(about.st_mode) ? open_folder(m, ids, count, image_size, err)
                                        : open_hdf5(m, image_size, err);
    return OPENED(status, m, map_file_close, out);
}

void map_file_close(struct map_file *m)
{
    if (m == NULL)
        return;
    h5_lock();
    for (int k = 0; k < 2; k++)
        if (m->set[k] >= 0)
            H5Dclose(m->set[k]);
    if (m->h5.id >= 0)
        h5_close(&m->h5);
    h5_unlock();
    for (size_t i = 0; i < m->rows; i++)
        free(m->named[i].id);
    FREE_ALL(m->named, m->path, m);
}

void map_file_count(const struct map_file *m, const char *const *ids, size_t count, size_t *missing,
                    size_t *twice)
{
    char path[PATH_SIZE];
    *missing = *twice = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t row = m->named != NULL                                    ? find_row(m, ids[i])
                      : path_of(m, ids[i], false, path) && is_there(path) ? 0
                                                                          : NO_ROW;
        *missing += row == NO_ROW;
        *twice += row == TWO_ROWS;
    }
}

/* The map [rows, columns] at the front of out as one of [side, side]. */
static enum status make_square(const struct map_file *m, float *out, struct error *err)
{
    size_t side = (size_t)m->info.side, pixels = side * side;
    if (m->info.rows == m->info.columns)
        return OK;
    double *up = malloc(pixels * sizeof *up);
    if (up == NULL)
        return fail(err, E_NOMEM, "no memory for a map of %zu x %zu", side, side);
    upsample(out, m->info.rows, m->info.columns, m->info.side, up);
    for (size_t i = 0; i < pixels; i++)
        out[i] = (float)up[i];
    free(up);
    return OK;
}

/* As float32, in which maps are stored and scored. A map that means something in double and nothing
 * in float32 is refused. */
static enum status narrow(const struct map_file *m, const char *what, const double *map, float *out,
                          struct error *err)
{
    size_t cells = (size_t)m->info.rows * (size_t)m->info.columns;
    bool varies = false, still_varies = false;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(map[i]))
            return fail(err, E_DATA, "%s: the %s holds NaN or infinity", m->path, what);
        out[i] = (float)map[i];
        if (!isfinite(out[i]))
            return fail(err, E_DATA,
                        "%s: the %s holds %g, and maps are kept in float32, up to %.3g: scale "
                        "them before they are saved",
                        m->path, what, map[i], (double)FLT_MAX);
        varies |= map[i] != map[0];
        still_varies |= out[i] != out[0];
    }
    if (varies && !still_varies)
        return fail(err, E_DATA,
                    "%s: the %s varies around %g by less than float32 can tell, in which maps are "
                    "kept: scale them before they are saved, and subtract what all values share",
                    m->path, what, map[0]);
    return OK;
}

enum status map_file_read(struct map_file *m, const char *id, bool target, float *out,
                          struct error *err)
{
    size_t cells = (size_t)m->info.rows * (size_t)m->info.columns;
    bool of_target = target && m->info.has_target;
    char what[200];
    double *map = malloc(cells * sizeof *map);
    if (map == NULL)
        return fail(err, E_NOMEM, "no memory for a map of %zu values", cells);
    snprintf(what, sizeof what, "%s of image %.160s", of_target ? "target map" : "map",
             quote(id).text);
    enum status status = m->named != NULL ? read_row(m, id, of_target, map, err)
                                          : read_npy(m, id, of_target, map, err);
    if (status == OK)
        status = narrow(m, what, map, out, err);
    free(map);
    return status == OK ? make_square(m, out, err) : status;
}
