/* Records: named columns with one row per image. Tasks declare columns and fill rows; the store
 * writes them shard by shard and joins them, without knowing what they mean. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum column_type { COLUMN_F32, COLUMN_I32, COLUMN_U8, COLUMN_TEXT };

/* The description of a column for readers of the file, in attributes and dimension scales. Texts
 * are static; NULL: none. */
struct column_note {
    const char *units, *what; /* "1", "probability of the label" */
    const char *axis[3];      /* name of each dimension of the dataset, and path of its scale */
    bool scale;               /* the column is a scale itself: the coordinates along a dimension */
};

struct column {
    char *path; /* in the result file: "perturbation/raw/predicted/positive/hit" */
    enum column_type type;
    int ndim; /* of a row: 0, 1 or 2 */
    int dim[2];
    size_t row_bytes;
    int same_as; /* index of the column that this one is a hard link to; -1: holds data */
    bool once;   /* of the run, not of an image: one row, without the dimension of the images */
    void *data;  /* [rows] */
    struct column_note note;
};

struct records {
    int count;
    struct column *columns;
    size_t rows, first; /* rows held; index of the first one in the data set */
};

/* Adds a column of rows of shape [d0, d1] (0: that dimension is absent). A COLUMN_TEXT row is d0
 * bytes, padded with NULs. *index is the column's. E_NOMEM. */
enum status records_add(struct records *, enum column_type, int d0, int d1, int *index,
                        struct error *err, const char *path, ...)
    __attribute__((format(printf, 7, 8)));
/* Adds a column of the whole run; every process must fill it with the same bytes. */
enum status records_add_once(struct records *, enum column_type, int d0, int d1, int *index,
                             struct error *err, const char *path);
/* Adds a second name for column `of`. */
enum status records_link(struct records *, int of, struct error *err, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* Allocates `rows` rows, filled with "no value": NaN, -1, 0, "". E_NOMEM. */
enum status records_alloc(struct records *, size_t rows, struct error *err);
/* Sets row `row` of every column of images to "no value". */
void records_blank(struct records *, size_t row);
void records_free(struct records *);

/* Row `row` of a column (of a column of the run its one row), whatever its type; and of a column of
 * one type (another one is a mistake in the program: an assertion). */
void *records_at(const struct records *, int column, size_t row);
float *records_f32(const struct records *, int column, size_t row);
int32_t *records_i32(const struct records *, int column, size_t row);
uint8_t *records_u8(const struct records *, int column, size_t row);
char *records_text(const struct records *, int column, size_t row);
/* Bytes of the file for each image, and those of the columns of the run. */
size_t records_row_bytes(const struct records *, size_t *once);
/* Index of a column by its path (for a link, that of its data), or -1. */
int records_find(const struct records *, const char *path);
