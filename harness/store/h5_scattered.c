/* Reading and writing rows of a column that are not neighbours. */
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "h5file.h"
#include "h5file_internal.h"

struct placed {
    size_t row, at; /* in the file; in memory */
};

static int by_row(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* The rows in the file's order, and memory for as many. */
struct scattered {
    struct placed *placed; /* [count] */
    size_t count;
    uint8_t *bytes; /* [count, row_bytes], in the file's order */
    hid_t file_space, memory_space, type;
};

static void scattered_close(struct scattered *s)
{
    if (s->file_space >= 0)
        H5Sclose(s->file_space);
    if (s->memory_space >= 0)
        H5Sclose(s->memory_space);
    if (s->type >= 0)
        H5Tclose(s->type);
    FREE_ALL(s->placed, s->bytes);
}

/* HDF5 transfers the selected rows in the file's order, with neighbours as one block. */
static bool select_rows(const struct scattered *s, const hsize_t shape[3])
{
    hsize_t start[3] = { 0 }, extent[3] = { 0, shape[1], shape[2] };
    for (size_t i = 0, next; i < s->count; i = next) {
        for (next = i + 1; next < s->count && s->placed[next].row == s->placed[next - 1].row + 1;)
            next++;
        start[0] = s->placed[i].row;
        extent[0] = next - i;
        if (H5Sselect_hyperslab(s->file_space, i == 0 ? H5S_SELECT_SET : H5S_SELECT_OR, start, NULL,
                                extent, NULL) < 0)
            return false;
    }
    return true;
}

static enum status scattered_open(struct scattered *s, hid_t dataset, const struct column *c,
                                  const size_t *rows, size_t count, struct error *err)
{
    hsize_t shape[3] = { 0 };
    int ndim = h5_column_shape(c, count, shape);
    *s = (struct scattered){ .placed = calloc(count, sizeof *s->placed),
                             .count = count,
                             .bytes = reallocarray(NULL, count, c->row_bytes),
                             .file_space = -1,
                             .memory_space = -1,
                             .type = -1 };
    if (s->placed == NULL || s->bytes == NULL)
        return fail(err, E_NOMEM, "no memory for %zu rows of /%s", count, c->path);
    for (size_t i = 0; i < count; i++)
        s->placed[i] = (struct placed){ rows[i], i };
    qsort(s->placed, count, sizeof *s->placed, by_row);
    s->type = h5_column_type(c);
    s->file_space = H5Dget_space(dataset);
    s->memory_space = H5Screate_simple(ndim, shape, NULL);
    return select_rows(s, shape) ? OK : h5_fail(err, "cannot select rows of /%s", c->path);
}

enum status h5_write_scattered(hid_t dataset, const struct column *c, const size_t *rows,
                               size_t count, const void *data, struct error *err)
{
    struct scattered s;
    enum status status = scattered_open(&s, dataset, c, rows, count, err);
    for (size_t i = 0; i < count && status == OK; i++)
        memcpy(s.bytes + i * c->row_bytes, (const uint8_t *)data + s.placed[i].at * c->row_bytes,
               c->row_bytes);
    if (status == OK &&
        H5Dwrite(dataset, s.type, s.memory_space, s.file_space, H5P_DEFAULT, s.bytes) < 0)
        status = h5_fail(err, "cannot write /%s", c->path);
    scattered_close(&s);
    return status;
}

enum status h5_read_scattered(hid_t file, const struct column *c, size_t all, const size_t *rows,
                              size_t count, void *data, struct error *err)
{
    struct scattered s;
    hid_t dataset = h5_open_column(file, c, all, err);
    if (dataset < 0)
        return E_DATA;
    enum status status = scattered_open(&s, dataset, c, rows, count, err);
    if (status == OK &&
        H5Dread(dataset, s.type, s.memory_space, s.file_space, H5P_DEFAULT, s.bytes) < 0)
        status = h5_fail(err, "cannot read /%s", c->path);
    for (size_t i = 0; i < count && status == OK; i++)
        memcpy((uint8_t *)data + s.placed[i].at * c->row_bytes, s.bytes + i * c->row_bytes,
               c->row_bytes);
    scattered_close(&s);
    H5Dclose(dataset);
    return status;
}
