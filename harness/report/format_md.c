/* Markdown whose columns are aligned, so that it also reads well in a terminal. */
#include "format.h"

#include <stdlib.h>

#include "quote.h"

/* A file's names hold what they will; a line stays one. */
static void put(FILE *f, const char *before, const char *text, const char *after)
{
    char *safe = quote_copy(text);
    fprintf(f, "%s%s%s", before, safe != NULL ? safe : "(no memory for this text)", after);
    free(safe);
}

static void begin(FILE *f, const struct report *report)
{
    (void)f;
    (void)report;
}

static void end(FILE *f)
{
    (void)f;
}

static void heading(FILE *f, int level, const char *text)
{
    put(f, level == 1 ? "\n## " : "\n### ", text, "\n\n");
}

static void item(FILE *f, const char *text)
{
    put(f, "- ", text, "\n");
}

static void paragraph(FILE *f, const char *text)
{
    put(f, "\n", text, "\n");
}

static void table(FILE *f, const char *caption, const struct grid *g)
{
    put(f, "\n**", caption, "**\n\n");
    grid_markdown(g, f);
}

static const struct style style = { .text = { begin, heading, item, paragraph, table, end } };

static enum status write_md(const struct report *report, FILE *f, struct error *err)
{
    return document_write(report, &style, f, err);
}

const struct format format_md = { "md", "Markdown, aligned for the terminal", write_md };
