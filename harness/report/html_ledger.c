/* The ledger of protocol differences as a chart: one row per switch, one dot per method. */
#include "html.h"

#include <math.h>
#include <string.h>

#include "decimal.h"
#include "ledger.h"
#include "svg.h"

enum { MOST_METHODS = 64 }; /* as many as a run has; its entries are pairs with one base */

/* The methods that any entry has a row of this figure and class for, in the tables' order. */
static size_t list_methods(const struct ledger *l, const char *figure, enum explained explained,
                           const char *methods[MOST_METHODS])
{
    size_t count = 0;
    for (size_t e = 0; e < l->entries; e++)
        for (size_t i = 0; i < l->entry[e].paired.rows; i++) {
            const struct paired_row *row = &l->entry[e].paired.row[i];
            bool known = row->explained != explained || strcmp(row->figure, figure) != 0;
            for (size_t m = 0; m < count; m++)
                known = known || strcmp(methods[m], row->method) == 0;
            if (!known && count < MOST_METHODS)
                methods[count++] = row->method;
        }
    return count;
}

/* The largest distance of an interval's end from 0, so that every chart contains 0. */
static void span(const struct ledger *l, const char *figure, enum explained explained, double x[2])
{
    x[0] = x[1] = 0;
    for (size_t e = 0; e < l->entries; e++)
        for (size_t i = 0; i < l->entry[e].paired.rows; i++) {
            const struct paired_row *row = &l->entry[e].paired.row[i];
            if (row->explained != explained || strcmp(row->figure, figure) != 0)
                continue;
            double difference = row->value[1] - row->value[0];
            x[0] = fmin(x[0], fmin(difference, row->difference.low));
            x[1] = fmax(x[1], fmax(difference, row->difference.high));
        }
    double margin = x[1] > x[0] ? 0.05 * (x[1] - x[0]) : 1;
    x[0] -= margin;
    x[1] += margin;
}

static void entry_row(const struct chart *c, const struct ledger_entry *e, const char *figure,
                      enum explained explained, const char *const *methods, size_t count,
                      double place)
{
    fprintf(c->f, "<text class=\"row\" x=\"2\" y=\"%.1f\">", chart_y(c, place) + 12);
    html_text(c->f, e->key);
    fputs("</text>\n", c->f);
    size_t touched = 0;
    for (size_t m = 0; m < count; m++)
        touched += ledger_row(e, methods[m], explained, figure) != NULL;
    if (touched == 0)
        fprintf(c->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">no change</text>\n",
                chart_x(c, 0), chart_y(c, place - 20) + 4);
    for (size_t m = 0; m < count; m++) {
        const struct paired_row *row = ledger_row(e, methods[m], explained, figure);
        struct line_style style = line_style_of(methods[m], m);
        double y = place - 20 - 12 * (double)m; /* points below the top of the row */
        if (!row)
            continue;
        chart_whisker(c, row->difference.low, y, row->difference.high, y, &style);
        char says[300], by[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
        snprintf(says, sizeof says, "%s, %s: %s [%s, %s]", e->key, methods[m],
                 decimal_signed(by, row->value[1] - row->value[0], 2),
                 decimal_signed(low, row->difference.low, 2),
                 decimal_signed(high, row->difference.high, 2));
        chart_marker(c, row->value[1] - row->value[0], y, &style, says);
    }
}

static void ledger_panel(FILE *f, const struct ledger *l, const char *figure,
                         enum explained explained, const char *const *methods, size_t count)
{
    double row = 22 + 12 * (double)count, all = row * (double)l->entries;
    struct chart c = { f, 440, all + 44, 8, 12, 4, 40, { 0, 0 }, { -all, 0 } };
    span(l, figure, explained, c.x);
    html_element(f, "<div class=\"panel\"><h4>", "</h4>\n", "%s, %s", figure,
                 strcmp(figure, "positive AUC") == 0 ? "lower is better" : "higher is better");
    chart_begin(&c, "Differences by switch and method; the table has the numbers");
    chart_x_axis(&c, chart_step(c.x[1] - c.x[0], 6), "difference from the base run, points");
    fprintf(f, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
            chart_x(&c, 0), chart_x(&c, 0), c.top, c.height - c.bottom);
    for (size_t e = 0; e < l->entries; e++)
        entry_row(&c, &l->entry[e], figure, explained, methods, count, -row * (double)e);
    chart_end(&c);
    fputs("</div>\n", f);
}

static void ledger_figure(FILE *f, const struct report *report, enum explained explained)
{
    const struct ledger *l = report->ledger;
    const char *methods[MOST_METHODS], *legend[MOST_METHODS];
    size_t panels = 0, in_legend = 0;
    for (int k = 0; k < LEDGER_FIGURES; k++) {
        size_t count = list_methods(l, ledger_figures[k], explained, methods);
        if (count == 0)
            continue;
        if (panels++ == 0) {
            fputs("<figure class=\"plot\"><figcaption>What each switch changes: ", f);
            html_run_title(f, &report->run[l->base], explained, l->entry[0].paired.images);
            fputs("; paired 95 % intervals</figcaption>\n<div class=\"panels\">\n", f);
        }
        if (count > in_legend) {
            memcpy(legend, methods, sizeof legend);
            in_legend = count;
        }
        ledger_panel(f, l, ledger_figures[k], explained, methods, count);
    }
    if (panels == 0)
        return;
    fputs("</div><ul class=\"legend\">\n", f);
    for (size_t m = 0; m < in_legend; m++) {
        struct line_style style = line_style_of(legend[m], m);
        html_element(f, "<li data-name=\"", "\">", "%s", legend[m]);
        chart_swatch(f, &style);
        html_element(f, " ", "</li>\n", "%s", legend[m]);
    }
    fputs("</ul></figure>\n", f);
}

void html_ledger(FILE *f, const struct report *report)
{
    for (int c = 0; c < EXPLAINED_CLASSES; c++)
        ledger_figure(f, report, (enum explained)c);
}
