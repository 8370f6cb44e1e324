/* A page that embeds everything it shows: it needs no network, and its script only makes reading
 * easier. Its blocks come from document.c; figures, pictures and the config are added to each
 * run. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "html.h"
#include "svg.h"

/* --- blocks ---------------------------------------------------------------------------------- */

/* Whatever a text on the page contains, nothing is loaded from elsewhere. */
static const char policy[] = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                             "script-src 'unsafe-inline'";

static void page_title(FILE *f, const struct report *report)
{
    char title[RESULT_TITLE_SIZE];
    html_text(f, report->paper ? "evalh report: the paper's tables" : "evalh report");
    if (report->paper || report->runs == 0)
        return;
    if (report->runs == 1) {
        result_title(report->run[0].result, title, sizeof title);
        html_format(f, ": %s", title);
    } else {
        html_format(f, ": %zu runs", report->runs);
    }
}

static void begin(FILE *f, const struct report *report)
{
    fprintf(f,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"color-scheme\" content=\"light dark\">\n"
            "<meta name=\"generator\" content=\"evalh report\">\n<title>",
            policy);
    page_title(f, report);
    fputs("</title>\n<style>\n", f);
    fputs(page_css, f);
    fputs("</style>\n</head>\n<body>\n<main>\n<h1>", f);
    page_title(f, report);
    fputs("</h1>\n", f);
    chart_hatches(f);
}

static void end(FILE *f)
{
    fputs("</main>\n", f);
    html_colours(f);
    fputs("<script>\n", f);
    fputs(page_script, f);
    fputs("</script>\n</body>\n</html>\n", f);
}

static void summary_begin(FILE *f)
{
    fputs("<div class=\"short\">\n", f);
}

static void summary_end(FILE *f)
{
    fputs("</div>\n", f);
}

static void heading(FILE *f, int level, const char *text)
{
    html_element(f, level == 1 ? "<h2>" : "<h3>", level == 1 ? "</h2>\n" : "</h3>\n", "%s", text);
}

/* "Model: vim_tiny, ...": a term and its description. Terms in capitals are warnings. */
static void item(FILE *f, const char *text)
{
    static const char shout[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ ";
    const char *colon = strstr(text, ": ");
    if (!colon) {
        html_element(f, "<p class=\"fact\">", "</p>\n", "%s", text);
        return;
    }
    bool warning = strspn(text, shout) >= (size_t)(colon - text);
    html_element(f, warning ? "<p class=\"fact warn\"><b>" : "<p class=\"fact\"><b>", "</b> ",
                 "%.*s", (int)(colon - text), text);
    html_element(f, "<span>", "</span></p>\n", "%s", colon + 2);
}

static void paragraph(FILE *f, const char *text)
{
    if (*text)
        html_element(f, "<p class=\"note\">", "</p>\n", "%s", text);
}

static void cell(FILE *f, const struct grid *g, size_t row, size_t column)
{
    bool head = row == 0, name = column == 0;
    const char *tag = head || name ? "th" : "td";
    fprintf(f, "<%s%s%s>", tag,
            head   ? " scope=\"col\""
            : name ? " scope=\"row\""
                   : "",
            g->align[column] == 'r' ? "" : " class=\"text\"");
    bool strong = grid_is_strong(g, row, column);
    fputs(strong ? "<b>" : "", f);
    html_text(f, grid_at(g, row, column));
    fprintf(f, "%s</%s>", strong ? "</b>" : "", tag);
}

/* A wide table scrolls on its own while its first column stays in place. */
static void table(FILE *f, const char *caption, const struct grid *g)
{
    html_element(f, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"",
                 "\"><table>\n", "%s", caption);
    html_element(f, "<caption><span>", "</span></caption>\n<thead>\n", "%s", caption);
    for (size_t row = 0; row < grid_rows(g); row++) {
        fputs("<tr>", f);
        for (size_t c = 0; c < g->columns; c++)
            cell(f, g, row, c);
        fputs(row == 0 ? "</tr>\n</thead>\n<tbody>\n" : "</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

/* --- what only the page has ------------------------------------------------------------------ */

static void run_begin(FILE *f, size_t run)
{
    fprintf(f, "<section id=\"run-%zu\">\n", run + 1);
}

static enum status run_figures(FILE *f, const struct report *report, size_t index,
                               struct error *err)
{
    struct pictures pictures;
    pictures_open(report->run[index].result, &pictures);
    fputs("<h3>Figures</h3>\n", f);
    enum status status = html_figures(f, &report->run[index], &pictures, err);
    pictures_close(&pictures);
    fputs("<h3>Tables</h3>\n", f);
    return status;
}

static enum status run_end(FILE *f, const struct report *report, size_t index, struct error *err)
{
    const struct run *run = &report->run[index];
    struct pictures pictures;

    pictures_open(run->result, &pictures);
    enum status status = html_images(f, report, index, &pictures, err);
    pictures_close(&pictures);
    fputs("<details><summary>Config and provenance</summary>\n<dl>\n", f);
    for (int a = 0; a < RESULT_ATTRIBUTES; a++)
        if (a != ATTR_CONFIG) {
            html_element(f, "<dt>", "</dt>", "%s", attribute_names[a]);
            html_element(f, "<dd>", "</dd>\n", "%s",
                         *run->result->attribute[a] ? run->result->attribute[a] : "–");
        }
    html_element(f, "</dl>\n<pre>", "</pre></details>\n</section>\n", "%s",
                 run->result->attribute[ATTR_CONFIG]);
    return status;
}

static void runs_begin(FILE *f, const struct report *report)
{
    if (report->runs < 2 || report->paper)
        return;
    fputs("<nav aria-label=\"Runs\"><h2>Runs</h2><ol>\n", f);
    for (size_t i = 0; i < report->runs; i++) {
        const struct run *run = &report->run[i];
        char title[256];
        run_title(run, title, sizeof title);
        fprintf(f, "<li><a href=\"#run-%zu\">", i + 1);
        html_element(f, "", "</a>", "%s", title);
        html_format(f, ", protocol %s, n = %zu", run->result->attribute[ATTR_PROTOCOL],
                    run->scored);
        if (!isnan(run->top1.value))
            html_format(f, ", top-1 %.1f %%", run->top1.value);
        fputs("</li>\n", f);
    }
    fputs("</ol></nav>\n", f);
}

static const struct style style = { .text = { begin, heading, item, paragraph, table, end },
                                    .rank_figures = html_ranks,
                                    .summary_begin = summary_begin,
                                    .summary_end = summary_end,
                                    .ledger_figures = html_ledger,
                                    .runs_begin = runs_begin,
                                    .run_begin = run_begin,
                                    .run_figures = run_figures,
                                    .run_end = run_end };

static enum status write_html(const struct report *report, FILE *f, struct error *err)
{
    return document_write(report, &style, f, err);
}

const struct format format_html = { "html", "one self-contained page, with figures and pictures",
                                    write_html };
