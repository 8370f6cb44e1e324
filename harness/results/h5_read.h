/* The few HDF5 reads that a result file needs, each checked: kind of object, type, shape, size.
 * Errors read "FILE: /path: what it is: what would be right". */
#pragma once

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#define H5_NAME_MAX 512 /* a longer path in a file is refused */

struct h5_file {
    const char *path; /* the caller's */
    hid_t id;
};

/* Whether a file is HDF5, by its content. (A user block before the signature, as MATLAB's, does not
 * matter.) */
bool h5_is_hdf5(const char *path);
/* Opens a file and silences HDF5's own messages. E_IO: missing, unreadable or not HDF5. */
enum status h5_open(struct h5_file *, const char *path, struct error *err);
void h5_close(struct h5_file *);

/* Writes a path into out [H5_NAME_MAX]; E_DATA where it does not fit. */
enum status h5_join(const struct h5_file *, char *out, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

bool h5_exists(const struct h5_file *, const char *path);

/* Whether two names are hard links to one object. */
bool h5_same_object(const struct h5_file *, const char *a, const char *b);

struct h5_names {
    char **name;
    size_t count;
};
/* Names of the members of a group, ascending. */
enum status h5_list(const struct h5_file *, const char *group, struct h5_names *out,
                    struct error *err);
/* Copies a name behind the others; -1: memory ran out. */
int h5_names_add(struct h5_names *, const char *name);
void h5_names_free(struct h5_names *);

/* found = false, and OK, where there is none. */
enum status h5_number_attribute(const struct h5_file *, const char *name, double *out, bool *found,
                                struct error *err);
/* *out = NULL, and OK, where there is none; else malloc'ed. */
enum status h5_text_attribute(const struct h5_file *, const char *name, char **out,
                              struct error *err);

enum h5_type { H5_UINT8, H5_INT32, H5_FLOAT32 };

/* Reads group/name as a malloc'ed array [rows, columns], or [rows] where columns = 1, which must
 * have this type. */
enum status h5_dataset(const struct h5_file *, const char *group, const char *name, enum h5_type,
                       size_t rows, size_t columns, void **out, struct error *err);
/* The same; NULL, and OK, where there is none. */
enum status h5_optional(const struct h5_file *, const char *group, const char *name, enum h5_type,
                        size_t rows, size_t columns, void **out, struct error *err);

/* Length of dimension `dimension` of a dataset; 0 where there is none. */
size_t h5_length(const struct h5_file *, const char *path, int dimension);

/* Reads a one-dimensional dataset of strings of fixed or variable length as a malloc'ed array of
 * malloc'ed texts. On failure nothing stays allocated. */
enum status h5_strings(const struct h5_file *, const char *path, size_t most, char ***out,
                       size_t *count, struct error *err);

/* GROUP/map is float32 [images, g, g]: its g; and its values, malloc'ed. */
enum status h5_map_grid(const struct h5_file *, const char *group, size_t images, size_t *grid,
                        struct error *err);
enum status h5_maps(const struct h5_file *, const char *group, size_t images, size_t grid,
                    float **out, struct error *err);
