/* Markdown, with columns aligned so that it also reads well in a terminal. */
#include "format.h"

#include <string.h>

static void begin(FILE *f)
{
    (void)f;
}

static void heading(FILE *f, int level, const char *text)
{
    fprintf(f, "\n%.*s %s\n\n", level + 1, "####", text);
}

static void item(FILE *f, const char *text)
{
    fprintf(f, "- %s\n", text);
}

static void paragraph(FILE *f, const char *text)
{
    fprintf(f, "\n%s\n", text);
}

static size_t column_width(const struct grid *g, size_t column)
{
    size_t width = 3; /* the rule below the header needs that much */
    for (size_t row = 0; row < grid_rows(g); row++) {
        size_t here = text_width(grid_at(g, row, column));
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
        const char *text = grid_at(g, row, c);
        size_t space = column_width(g, c) - text_width(text);
        fputs("| ", f);
        pad(f, ' ', g->align[c] == 'r' ? space : 0);
        fputs(text, f);
        pad(f, ' ', g->align[c] == 'r' ? 1 : space + 1);
    }
    fputs("|\n", f);
}

static void table(FILE *f, const char *caption, const struct grid *g)
{
    fprintf(f, "\n**%s**\n\n", caption);
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

static const struct style style = { begin, heading, item, paragraph, table, begin };

static enum status write_md(const struct report *report, FILE *f, struct error *err)
{
    return document_write(report, &style, f, err);
}

const struct format format_md = { "md", "Markdown, aligned for the terminal", write_md };
