/* The few things that evalh does with HDF5 files, with errors that name file and object. The caller
 * holds h5_lock(). Objects carry no timestamps, so equal contents are equal bytes. */
#pragma once

#include <hdf5.h>

#include <stdbool.h>

#include "records.h"

/* fail() with HDF5's innermost reason added. E_IO. */
enum status h5_fail(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Stops HDF5 from printing its error stack. Call once per thread that uses HDF5. */
void h5_quiet(void);

/* `name` for messages. Attributes of the root (or of any object). */
enum status h5_put_text(hid_t at, const char *name, const char *value, struct error *err);
enum status h5_put_int(hid_t at, const char *name, int64_t value, struct error *err);
enum status h5_put_real(hid_t at, const char *name, double value, struct error *err);
/* Malloc'ed, at most `limit` bytes. E_DATA where there is none or it is not a text. */
enum status h5_get_text(hid_t at, const char *name, size_t limit, char **out, struct error *err);
enum status h5_get_int(hid_t at, const char *name, int64_t *out, struct error *err);

/* Creates a contiguous dataset of `rows` rows of column c, and its groups. Negative id: failed. */
hid_t h5_create_column(hid_t file, const struct column *c, size_t rows, struct error *err);
/* Writes units, texts and, for a scale, the attributes that make it one, as h5py and netCDF readers
 * expect them. */
enum status h5_note_column(hid_t dataset, const struct column *, struct error *err);
/* Makes `scale` the coordinates of dimension `dimension` of the column's dataset. */
enum status h5_attach_scale(hid_t dataset, const struct column *, unsigned dimension, hid_t scale,
                            struct error *err);
/* Sets the dimension's name, with or without a scale. */
enum status h5_name_dimension(hid_t dataset, const struct column *, unsigned dimension,
                              struct error *err);
/* Transfers rows [first, first + rows) to or from memory; a column of the run is written whole. */
enum status h5_write_rows(hid_t dataset, const struct column *c, size_t first, size_t rows,
                          const void *data, struct error *err);
/* Transfers rows rows[0 ... count - 1], each once and in any order, to memory or from it. */
enum status h5_write_scattered(hid_t dataset, const struct column *c, const size_t *rows,
                               size_t count, const void *data, struct error *err);
/* Reads from the column's dataset, which must have `all` rows. E_DATA: another shape. */
enum status h5_read_scattered(hid_t file, const struct column *c, size_t all, const size_t *rows,
                              size_t count, void *data, struct error *err);
/* Opens the column's dataset of exactly `rows` rows and reads it whole. E_DATA: another shape. */
enum status h5_read_column(hid_t file, const struct column *c, size_t rows, void *data,
                           struct error *err);

/* Writes bytes to a new file and syncs it. E_IO names the path. */
enum status write_synced(const char *path, const void *bytes, size_t size, struct error *err);
/* Renames a file within a folder, and syncs the folder. */
enum status rename_synced(const char *from, const char *to, struct error *err);
