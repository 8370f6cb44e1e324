#include "grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void grid_begin(struct grid *g, const char *align)
{
    *g = (struct grid){ .align = align, .columns = strlen(align) };
}

void grid_cell(struct grid *g, const char *format, ...)
{
    if (g->failed)
        return;
    char **grown = realloc(g->cell, (g->cells + 1) * sizeof *grown);
    if (grown)
        g->cell = grown;
    va_list arguments;
    va_start(arguments, format);
    g->failed = !grown || vasprintf(&g->cell[g->cells], format, arguments) < 0;
    va_end(arguments);
    if (!g->failed)
        g->cells++;
}

size_t grid_rows(const struct grid *g)
{
    return g->cells / g->columns;
}

const char *grid_at(const struct grid *g, size_t row, size_t column)
{
    return g->cell[row * g->columns + column];
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
    free(g->cell);
    *g = (struct grid){ 0 };
}
