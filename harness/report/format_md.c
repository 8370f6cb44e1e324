/* Markdown, with columns aligned so that it also reads well in a terminal. */
#include "format.h"

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

static void table(FILE *f, const char *caption, const struct grid *g)
{
    fprintf(f, "\n**%s**\n\n", caption);
    grid_markdown(g, f);
}

static const struct style style = { .begin = begin,
                                    .heading = heading,
                                    .item = item,
                                    .paragraph = paragraph,
                                    .table = table,
                                    .end = end };

static enum status write_md(const struct report *report, FILE *f, struct error *err)
{
    return document_write(report, &style, f, err);
}

const struct format format_md = { "md", "Markdown, aligned for the terminal", write_md };
