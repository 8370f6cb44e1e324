/* A table of texts. It is filled cell by cell and row by row; the first row is the header. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "csv.h"

enum { GRID_COLUMNS = 24 };

struct grid {
    char align[GRID_COLUMNS + 1]; /* one of l, r, c a column */
    size_t columns, cells;
    char **cell;
    bool *strong; /* [strong_room]; cells beyond it are not */
    size_t strong_room;
    bool failed; /* memory ran out; nothing more is added */
};

void grid_begin(struct grid *, const char *align); /* at most GRID_COLUMNS */
void grid_cell(struct grid *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_strong(struct grid *);       /* the cell that was added last: the best of its column */
size_t grid_rows(const struct grid *); /* with the header */
const char *grid_at(const struct grid *, size_t row, size_t column);
bool grid_is_strong(const struct grid *, size_t row, size_t column);
void grid_drop_column(struct grid *, size_t column);
/* Terminal columns that a UTF-8 text takes: one per code point. */
size_t text_width(const char *text);
/* Writes a Markdown table with aligned columns. */
void grid_markdown(const struct grid *, FILE *);
void grid_csv(const struct grid *, FILE *);
void grid_end(struct grid *);
