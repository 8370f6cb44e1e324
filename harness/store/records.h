/* What is kept per image: named columns, one row an image. Tasks declare columns and fill rows; the
 * store writes them, shard by shard, and joins them, without knowing what any of them means. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum column_type { COLUMN_F32, COLUMN_I32, COLUMN_U8, COLUMN_TEXT };

struct column {
    char *path; /* in the result file: "perturbation/raw/predicted/positive/hit" */
    enum column_type type;
    int ndim; /* of a row: 0, 1 or 2 */
    int dim[2];
    size_t row_bytes;
    int same_as; /* index of the column that this one is a hard link to; -1: holds data */
    void *data;  /* [rows] */
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
/* A second name of column `of`. */
enum status records_link(struct records *, int of, struct error *err, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* Memory for `rows` rows, each at its "no value": NaN, -1, 0, "". E_NOMEM. */
enum status records_alloc(struct records *, size_t rows, struct error *err);
/* Sets row `row` of every column to "no value". */
void records_blank(struct records *, size_t row);
void records_free(struct records *);

/* Row `row` of a column, whatever its type; and of a column of one type (another one is a mistake
 * in the program: an assertion). */
void *records_at(const struct records *, int column, size_t row);
float *records_f32(const struct records *, int column, size_t row);
int32_t *records_i32(const struct records *, int column, size_t row);
uint8_t *records_u8(const struct records *, int column, size_t row);
char *records_text(const struct records *, int column, size_t row);
/* Index of a column by path (a link's is that of its data), or -1. */
int records_find(const struct records *, const char *path);
