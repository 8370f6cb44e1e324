/* LaTeX with booktabs: a document that compiles on its own (pdflatex or any other engine). */
#include "format.h"

#include <stdbool.h>
#include <string.h>

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

/* In this document a table stands where it is written, beside its notes; pasted into another one it
 * is a float as any. */
static void begin(FILE *f, const struct report *report)
{
    (void)report;
    fputs("% Made by evalh report. The tables need booktabs, graphicx and textcomp; long ones "
          "longtable.\n"
          "\\documentclass{article}\n"
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

/* A paragraph each: no list environment has to be kept open. */
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
        fputs(c ? " & " : "", f);
        escaped(f, grid_at(g, row, c));
    }
    fputs(row == 0 ? " \\\\\n\\midrule\n" : " \\\\\n", f);
}

/* More rows than a page holds: the header again on every page. */
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

static const struct style style = { .begin = begin,
                                    .heading = heading,
                                    .item = item,
                                    .paragraph = paragraph,
                                    .table = table,
                                    .end = end };

static enum status write_latex(const struct report *report, FILE *f, struct error *err)
{
    return document_write(report, &style, f, err);
}

const struct format format_latex = { "latex", "LaTeX with booktabs, compiles as it is",
                                     write_latex };
