#include "grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "quote.h"

void grid_begin(struct grid *g, const char *align)
{
    *g = (struct grid){ .columns = strlen(align) };
    assert(g->columns <= GRID_COLUMNS);
    memcpy(g->align, align, g->columns + 1);
}

/* On one line, whatever a file's names hold. */
static char *one_line(char *text)
{
    char *safe = quote_copy(text);
    free(text);
    for (char *p = safe; p != NULL && *p != '\0'; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    return safe;
}

void grid_cell(struct grid *g, const char *format, ...)
{
    char *text;
    if (g->failed)
        return;
    char **grown = realloc(g->cell, (g->cells + 1) * sizeof *grown);
    if (grown)
        g->cell = grown;
    va_list arguments;
    va_start(arguments, format);
    bool made = grown != NULL && vasprintf(&text, format, arguments) >= 0;
    va_end(arguments);
    if (made)
        g->cell[g->cells] = one_line(text);
    g->failed = !made || g->cell[g->cells] == NULL;
    if (!g->failed)
        g->cells++;
}

void grid_strong(struct grid *g)
{
    if (g->failed)
        return;
    if (g->strong_room < g->cells) {
        size_t room = 2 * g->cells;
        bool *grown = realloc(g->strong, room * sizeof *grown);
        if (grown == NULL) {
            g->failed = true;
            return;
        }
        memset(grown + g->strong_room, 0, (room - g->strong_room) * sizeof *grown);
        g->strong = grown;
        g->strong_room = room;
    }
    g->strong[g->cells - 1] = true;
}

bool grid_is_strong(const struct grid *g, size_t row, size_t column)
{
    size_t at = row * g->columns + column;
    return at < g->strong_room && g->strong[at];
}

size_t grid_rows(const struct grid *g)
{
    return g->cells / g->columns;
}

const char *grid_at(const struct grid *g, size_t row, size_t column)
{
    return g->cell[row * g->columns + column];
}

void grid_drop_column(struct grid *g, size_t column)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->cells; i++) {
        if (i % g->columns == column) {
            free(g->cell[i]);
            continue;
        }
        if (kept < g->strong_room)
            g->strong[kept] = i < g->strong_room && g->strong[i];
        g->cell[kept++] = g->cell[i];
    }
    g->cells = kept;
    memmove(g->align + column, g->align + column + 1, g->columns - column);
    g->columns--;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80; /* not a continuation byte */
    return width;
}

void grid_end(struct grid *g)
{
    for (size_t i = 0; i < g->cells; i++)
        free(g->cell[i]);
    FREE_ALL(g->cell, g->strong);
    *g = (struct grid){ 0 };
}

/* --- as Markdown --- */

enum { STRONG_SIGNS = 4 }; /* two stars on either side */

static size_t markdown_width(const struct grid *g, size_t row, size_t column)
{
    return text_width(grid_at(g, row, column)) +
           (grid_is_strong(g, row, column) ? STRONG_SIGNS : 0);
}

static size_t column_width(const struct grid *g, size_t column)
{
    size_t width = 3; /* the rule below the header needs this width */
    for (size_t row = 0; row < grid_rows(g); row++) {
        size_t here = markdown_width(g, row, column);
        width = here > width ? here : width;
    }
    return width;
}

static void pad(FILE *f, char with, size_t count)
{
    while (count-- > 0)
        fputc(with, f);
}

static void table_row(FILE *f, const struct grid *g, size_t row)
{
    for (size_t c = 0; c < g->columns; c++) {
        const char *stars = grid_is_strong(g, row, c) ? "**" : "";
        size_t space = column_width(g, c) - markdown_width(g, row, c);
        fputs("| ", f);
        pad(f, ' ', g->align[c] == 'r' ? space : 0);
        fprintf(f, "%s%s%s", stars, grid_at(g, row, c), stars);
        pad(f, ' ', g->align[c] == 'r' ? 1 : space + 1);
    }
    fputs("|\n", f);
}

void grid_markdown(const struct grid *g, FILE *f)
{
    table_row(f, g, 0);
    for (size_t c = 0; c < g->columns; c++) {
        size_t width = column_width(g, c);
        fputs("| ", f);
        pad(f, '-', width - (g->align[c] == 'r'));
        fputs(g->align[c] == 'r' ? ": " : " ", f);
    }
    fputs("|\n", f);
    for (size_t row = 1; row < grid_rows(g); row++)
        table_row(f, g, row);
}

/* --- as CSV ---------------------------------------------------------------------------------- */

void grid_csv(const struct grid *g, FILE *f)
{
    for (size_t row = 0; row < grid_rows(g); row++)
        for (size_t c = 0; c < g->columns; c++) {
            csv_field(f, grid_at(g, row, c));
            fputc(c + 1 < g->columns ? ',' : '\n', f);
        }
}
