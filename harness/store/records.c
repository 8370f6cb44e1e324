#include "records.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "sizes.h"

static const size_t element_bytes[] = {
    [COLUMN_F32] = 4, [COLUMN_I32] = 4, [COLUMN_U8] = 1, [COLUMN_TEXT] = 1
};

static enum status add(struct records *r, struct column column, struct error *err,
                       const char *format, va_list args)
{
    struct column *grown = realloc(r->columns, ((size_t)r->count + 1) * sizeof *r->columns);
    if (grown == NULL)
        return fail(err, E_NOMEM, "out of memory for the results' columns");
    r->columns = grown;
    if (vasprintf(&column.path, format, args) < 0)
        return fail(err, E_NOMEM, "out of memory for the results' columns");
    r->columns[r->count++] = column;
    return OK;
}

static enum status add_data(struct records *r, enum column_type type, int d0, int d1, int *index,
                            struct error *err, const char *path, va_list args)
{
    struct column c = {
        .type = type, .ndim = (d0 > 0) + (d1 > 0), .dim = { d0, d1 }, .same_as = -1
    };
    if (type == COLUMN_TEXT)
        c.ndim = 0; /* the length belongs to the element, not to the shape */
    if (!size_mul(d0 > 0 ? (size_t)d0 : 1, d1 > 0 ? (size_t)d1 : 1, &c.row_bytes) ||
        !size_mul(c.row_bytes, element_bytes[type], &c.row_bytes))
        return fail(err, E_NOMEM, "a result row of %d x %d is too large", d0, d1);
    TRY(add(r, c, err, path, args));
    *index = r->count - 1;
    return OK;
}

enum status records_add(struct records *r, enum column_type type, int d0, int d1, int *index,
                        struct error *err, const char *path, ...)
{
    va_list args;
    va_start(args, path);
    enum status status = add_data(r, type, d0, d1, index, err, path, args);
    va_end(args);
    return status;
}

enum status records_add_once(struct records *r, enum column_type type, int d0, int d1, int *index,
                             struct error *err, const char *path)
{
    TRY(records_add(r, type, d0, d1, index, err, "%s", path));
    r->columns[*index].once = true;
    return OK;
}

enum status records_link(struct records *r, int of, struct error *err, const char *path, ...)
{
    struct column c = r->columns[of];
    c.same_as = of;
    c.data = NULL;
    va_list args;
    va_start(args, path);
    enum status status = add(r, c, err, path, args);
    va_end(args);
    return status;
}

/* Fills one row with "no value". */
static void blank(const struct column *c, void *at)
{
    size_t n = c->row_bytes / element_bytes[c->type];
    for (size_t k = 0; k < n; k++) {
        if (c->type == COLUMN_F32)
            ((float *)at)[k] = NAN;
        else if (c->type == COLUMN_I32)
            ((int32_t *)at)[k] = -1;
        else
            ((uint8_t *)at)[k] = 0;
    }
}

enum status records_alloc(struct records *r, size_t rows, struct error *err)
{
    for (int i = 0; i < r->count; i++) {
        struct column *c = &r->columns[i];
        size_t bytes;
        if (c->same_as >= 0)
            continue;
        if (!size_mul(c->once ? 1 : rows, c->row_bytes, &bytes))
            return fail(err, E_NOMEM, "%zu rows of results are too large", rows);
        free(c->data);
        c->data = malloc(bytes > 0 ? bytes : 1);
        if (c->data == NULL)
            return fail(err, E_NOMEM, "out of memory for %zu rows of %s", rows, c->path);
    }
    r->rows = rows;
    for (int i = 0; i < r->count; i++)
        if (r->columns[i].once && r->columns[i].same_as < 0)
            blank(&r->columns[i], r->columns[i].data);
    for (size_t row = 0; row < rows; row++)
        records_blank(r, row);
    return OK;
}

void records_blank(struct records *r, size_t row)
{
    for (int i = 0; i < r->count; i++)
        if (r->columns[i].same_as < 0 && !r->columns[i].once)
            blank(&r->columns[i], records_at(r, i, row));
}

void records_free(struct records *r)
{
    for (int i = 0; i < r->count; i++) {
        FREE_ALL(r->columns[i].path, r->columns[i].data);
    }
    free(r->columns);
    *r = (struct records){ 0 };
}

void *records_at(const struct records *r, int column, size_t row)
{
    const struct column *c = &r->columns[column];
    return (char *)c->data + (c->once ? 0 : row * c->row_bytes);
}

static void *at_typed(const struct records *r, int column, size_t row, enum column_type type)
{
    assert(r->columns[column].type == type);
    (void)type;
    return records_at(r, column, row);
}

float *records_f32(const struct records *r, int column, size_t row)
{
    return at_typed(r, column, row, COLUMN_F32);
}

int32_t *records_i32(const struct records *r, int column, size_t row)
{
    return at_typed(r, column, row, COLUMN_I32);
}

uint8_t *records_u8(const struct records *r, int column, size_t row)
{
    return at_typed(r, column, row, COLUMN_U8);
}

char *records_text(const struct records *r, int column, size_t row)
{
    return at_typed(r, column, row, COLUMN_TEXT);
}

size_t records_row_bytes(const struct records *r, size_t *once)
{
    size_t bytes = 0;
    *once = 0;
    for (int i = 0; i < r->count; i++)
        if (r->columns[i].same_as < 0)
            *(r->columns[i].once ? once : &bytes) += r->columns[i].row_bytes;
    return bytes;
}

int records_find(const struct records *r, const char *path)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->columns[i].path, path) == 0)
            return r->columns[i].same_as >= 0 ? r->columns[i].same_as : i;
    return -1;
}
