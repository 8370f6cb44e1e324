/* LaTeX with booktabs: either tables that a paper takes with \input, or a document that compiles on
 * its own (pdflatex or any other engine). In the former, everything but tables and the explanations
 * of their marks is a comment. */
#include "format.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

/* What is not plain text in LaTeX, and the few signs beyond ASCII that the tables use. */
static const char *const escapes[][2] = {
    { "\\", "\\textbackslash{}" },
    { "{", "\\{" },
    { "}", "\\}" },
    { "$", "\\$" },
    { "&", "\\&" },
    { "#", "\\#" },
    { "_", "\\_" },
    { "%", "\\%" },
    { "~", "\\textasciitilde{}" },
    { "^", "\\textasciicircum{}" },
    { "<", "\\textless{}" },
    { ">", "\\textgreater{}" },
    { "|", "\\textbar{}" },
    { "\"", "\\textquotedbl{}" },
    { "`", "" },
    { "↓", "$\\downarrow$" },
    { "↑", "$\\uparrow$" },
    { "†", "\\textsuperscript{\\textdagger}" },
    { "–", "--" },
    { "…", "\\ldots{}" },
    { "·", "\\textperiodcentered{}" },
    { "×", "$\\times$" },
    { "−", "$-$" },
};

static void escaped(FILE *f, const char *text)
{
    while (*text) {
        size_t i = 0, count = sizeof escapes / sizeof *escapes;
        while (i < count && strncmp(text, escapes[i][0], strlen(escapes[i][0])) != 0)
            i++;
        if (i < count) {
            fputs(escapes[i][1], f);
            text += strlen(escapes[i][0]);
        } else {
            fputc(*text++, f);
        }
    }
}

static const char needs[] = "% Made by evalh report. The tables need booktabs, graphicx and "
                            "textcomp; long ones longtable.\n";

/* In the standalone document a table stays where it is written, beside its notes; in another
 * document it is an ordinary float. */
static void begin(FILE *f, const struct report *report)
{
    (void)report;
    fputs(needs, f);
    fputs("\\documentclass{article}\n"
          "\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n\\usepackage{textcomp}\n"
          "\\usepackage{booktabs,graphicx,longtable}\n"
          "\\usepackage[landscape,margin=1.5cm]{geometry}\n"
          "\\makeatletter\n"
          "\\renewenvironment{table}[1][]{\\par\\medskip\\noindent\\begin{minipage}{\\linewidth}"
          "\\def\\@captype{table}}{\\end{minipage}\\par\\medskip}\n"
          "\\makeatother\n"
          "\\begin{document}\n\\sloppy\n",
          f);
}

static void end(FILE *f)
{
    fputs("\\end{document}\n", f);
}

static void command(FILE *f, const char *name, const char *text, const char *after)
{
    fprintf(f, "\n\\%s{", name);
    escaped(f, text);
    fprintf(f, "}%s", after);
}

static void heading(FILE *f, int level, const char *text)
{
    command(f, level == 1 ? "section*" : "subsection*", text, "\n");
}

/* Each item is a paragraph, so that no list environment has to be kept open. */
static void item(FILE *f, const char *text)
{
    fputs("\n\\noindent\\textbullet{} ", f);
    escaped(f, text);
    fputs("\\par\n", f);
}

static void paragraph(FILE *f, const char *text)
{
    fputs("\n\\noindent ", f);
    escaped(f, text);
    fputs("\\par\n", f);
}

static void table_row(FILE *f, const struct grid *g, size_t row)
{
    for (size_t c = 0; c < g->columns; c++) {
        bool strong = grid_is_strong(g, row, c);
        fprintf(f, "%s%s", c ? " & " : "", strong ? "\\textbf{" : "");
        escaped(f, grid_at(g, row, c));
        fputs(strong ? "}" : "", f);
    }
    fputs(row == 0 ? " \\\\\n\\midrule\n" : " \\\\\n", f);
}

/* A table with more rows than a page holds; it repeats the header on every page. */
static void long_table(FILE *f, const char *caption, const struct grid *g)
{
    fprintf(f, "\n\\begingroup\\small\n\\begin{longtable}{%s}", g->align);
    command(f, "caption", caption, " \\\\\n\\toprule\n");
    table_row(f, g, 0);
    fputs("\\endfirsthead\n\\toprule\n", f);
    table_row(f, g, 0);
    fputs("\\endhead\n\\bottomrule\n\\endlastfoot\n", f);
    for (size_t row = 1; row < grid_rows(g); row++)
        table_row(f, g, row);
    fputs("\\end{longtable}\n\\endgroup\n", f);
}

enum { PAGE_ROWS = 32 };

static void table(FILE *f, const char *caption, const struct grid *g)
{
    if (grid_rows(g) > PAGE_ROWS) {
        long_table(f, caption, g);
        return;
    }
    fputs("\n\\begin{table}[htbp]\n\\centering\\small", f);
    command(f, "caption", caption, "\n");
    fprintf(f,
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%%\n"
            "\\begin{tabular}{%s}\n\\toprule\n",
            g->align);
    for (size_t row = 0; row < grid_rows(g); row++)
        table_row(f, g, row);
    fputs("\\bottomrule\n\\end{tabular}}\n\\end{table}\n", f);
}

static const struct style document = { .text = { begin, heading, item, paragraph, table, end } };

/* ---- for \input ---------------------------------------------------------------------------- */

static void begin_tables(FILE *f, const struct report *report)
{
    (void)report;
    fputs(needs, f);
}

static void end_tables(FILE *f)
{
    (void)f;
}

/* Comments out every line, since the text of a config may have several. */
static void comment(FILE *f, const char *text)
{
    char *safe = quote_copy(text), *rest = safe;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        fprintf(f, "%% %s\n", line);
    free(safe);
}

static void heading_comment(FILE *f, int level, const char *text)
{
    (void)level;
    fputs("\n", f);
    comment(f, text);
}

static void note_or_comment(FILE *f, const char *text)
{
    (strncmp(text, "†", strlen("†")) == 0 ? paragraph : comment)(f, text);
}

static const struct style tables = { .text = { begin_tables, heading_comment, comment,
                                               note_or_comment, table, end_tables } };
/* Their marks are explained in a list. */
static const struct style paper_tables = { .text = { begin_tables, heading_comment, item, paragraph,
                                                     table, end_tables } };

static enum status write_latex(const struct report *report, FILE *f, struct error *err)
{
    const struct style *style = report->standalone ? &document
                                : report->paper    ? &paper_tables
                                                   : &tables;
    return document_write(report, style, f, err);
}

const struct format format_latex = { "latex", "LaTeX tables with booktabs, for \\input",
                                     write_latex };
