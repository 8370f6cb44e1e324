/* Figures of one run on the page. */
#include "html.h"

#include <math.h>
#include <string.h>

#include "decimal.h"
#include "log.h"
#include "plots.h"
#include "precision_recall.h"
#include "svg.h"

void html_run_title(FILE *f, const struct run *run, enum explained explained, size_t images)
{
    char title[RESULT_TITLE_SIZE];
    result_title(run->result, title, sizeof title);
    html_format(f, "%s, protocol %s, %s class, n = %zu", title,
                run->result->attribute[ATTR_PROTOCOL], explained_names[explained], images);
}

void html_legend(FILE *f, const struct line_style *style, bool bar, const char *method,
                 double value, int digits)
{
    char text[DECIMAL_SIZE];
    html_element(f, "<li data-name=\"", "\">", "%s", method);
    if (bar)
        chart_bar_swatch(f, style);
    else
        chart_swatch(f, style);
    html_format(f, " %s ", method);
    if (!isnan(value))
        fprintf(f, "<b>%s</b>", decimal(text, value, digits));
    fputs("</li>\n", f);
}

static void legend_item(FILE *f, const struct line_style *style, bool bar, const char *method,
                        double value)
{
    html_legend(f, style, bar, method, value, 1);
}

/* Makes "raw, mIoU: 40.2 [39.6, 40.8]", the text that a bar shows under the pointer. */
static void bar_says(char *out, size_t size, const char *method, const char *figure,
                     const struct figure *x)
{
    char value[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    snprintf(out, size, "%s, %s: %s [%s, %s]", method, figure, decimal(value, x->value, 2),
             decimal(low, x->ci.low, 2), decimal(high, x->ci.high, 2));
}

/* --- perturbation ---------------------------------------------------------------------------- */

static bool shown_perturbation(const struct perturbation_row *row, enum explained explained)
{
    return row->stratum == STRATUM_ALL && row->explained == explained;
}

static double highest_accuracy(const struct run *run, enum explained explained)
{
    double top = 0;
    for (size_t i = 0; i < run->perturbations; i++)
        for (int d = 0; shown_perturbation(&run->perturbation[i], explained) && d < REMOVALS; d++) {
            const struct direction_scores *s = &run->perturbation[i].direction[d];
            for (int k = 0; s->present && k <= s->axis.steps; k++)
                top = fmax(top, 100 * fmax(s->accuracy[k], s->band[k].high));
        }
    return top > 0 ? top : 1;
}

/* band: its opacity, or 0 for the line. */
static void curve(const struct chart *c, const char *method, const struct direction_scores *s,
                  const struct line_style *style, double band)
{
    double points[CURVE_MOST_POINTS][2], bands[CURVE_MOST_POINTS][3];
    double intervals[CURVE_MOST_POINTS][2];
    size_t count = (size_t)s->axis.steps + 1;
    for (int k = 0; k <= s->axis.steps; k++) {
        points[k][0] = bands[k][0] = 100 * curve_share(&s->axis, k);
        points[k][1] = 100 * s->accuracy[k];
        bands[k][1] = intervals[k][0] = 100 * s->band[k].low;
        bands[k][2] = intervals[k][1] = 100 * s->band[k].high;
    }
    if (band > 0)
        chart_band(c, (const double(*)[3])bands, count, style, band);
    else
        chart_series(c, method, style, (const double(*)[2])points, (const double(*)[2])intervals,
                     count, 0, 1);
}

static void perturbation_panel(FILE *f, const struct run *run, enum explained explained,
                               enum removal d, double top)
{
    static const char *const names[] = { "Hottest pixels removed first: lower is better",
                                         "Coldest pixels removed first: higher is better" };
    double step = chart_step(top, 6);
    const struct chart c = {
        f, 440, 300, 36, 12, 22, 38, { 0, run->result->axis.upto }, { 0, step * ceil(top / step) }
    };
    size_t rows = 0;
    for (size_t i = 0; i < run->perturbations; i++)
        rows += shown_perturbation(&run->perturbation[i], explained);
    double faint = fmin(0.15, 0.35 / (double)rows); /* overlapping bands stay readable */
    fprintf(f, "<div class=\"panel\"><h4>%s</h4>\n", names[d]);
    chart_begin(&c, names[d]);
    chart_x_axis(&c, 10, "pixels removed, %");
    chart_y_axis(&c, step, "top-1 accuracy, %, with 95 % interval");
    for (int layer = 0; layer < 2; layer++) /* bands below, lines above */
        for (size_t i = 0; i < run->perturbations; i++) {
            const struct perturbation_row *row = &run->perturbation[i];
            struct line_style style = line_style_of(row->method, i);
            if (shown_perturbation(row, explained) && row->direction[d].present)
                curve(&c, row->method, &row->direction[d], &style, layer == 0 ? faint : 0);
        }
    chart_end(&c);
    fputs("<ul class=\"legend\"><li>area under the curve:</li>\n", f);
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        struct line_style style = line_style_of(row->method, i);
        if (shown_perturbation(row, explained) && row->direction[d].present)
            legend_item(f, &style, false, row->method, row->direction[d].auc.value);
    }
    fputs("</ul></div>\n", f);
}

static void perturbation(FILE *f, const struct run *run, enum explained explained)
{
    double top = highest_accuracy(run, explained);
    size_t images = 0;
    for (size_t i = 0; i < run->perturbations; i++)
        if (shown_perturbation(&run->perturbation[i], explained))
            images = run->perturbation[i].images;
    fputs("<figure class=\"plot\"><figcaption>Perturbation test: ", f);
    html_run_title(f, run, explained, images);
    fputs("</figcaption>\n<div class=\"panels\">\n", f);
    perturbation_panel(f, run, explained, REMOVE_HOTTEST, top);
    perturbation_panel(f, run, explained, REMOVE_COLDEST, top);
    fputs("</div></figure>\n", f);
}

/* --- segmentation ---------------------------------------------------------------------------- */

static bool shown_segmentation(const struct segmentation_row *row, enum explained explained)
{
    return row->stratum == STRATUM_ALL && row->explained == explained;
}

static const char *const metric_names[SEGMENTATION_METRICS] = { "pixel accuracy", "mAP", "mIoU" };

static void segmentation_bars(const struct chart *c, const struct run *run,
                              enum explained explained, size_t bars)
{
    static const struct line_style published = { "#000000", 12, "solid", HATCH_NONE };
    double width = 0.8 / (double)(bars ? bars : 1);
    size_t bar = 0;
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        if (!shown_segmentation(row, explained))
            continue;
        for (int m = 0; m < SEGMENTATION_METRICS; m++) {
            const struct figure *x = &row->figure[m];
            double left = m - 0.4 + (double)bar * width, middle = left + width / 2;
            char says[200];
            bar_says(says, sizeof says, row->method, metric_names[m], x);
            chart_box(c, left + 0.05 * width, 0.9 * width, x->value, &style, says);
            chart_whisker(c, middle, x->ci.low, middle, x->ci.high, NULL);
            if (!isnan(x->published))
                chart_marker(c, middle, x->published, &published, NULL);
        }
        bar++;
    }
}

static void segmentation_legend(FILE *f, const struct run *run, enum explained explained)
{
    static const struct line_style published = { "#000000", 12, "solid", HATCH_NONE };
    bool any = false;
    fputs("<ul class=\"legend\">\n", f);
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        if (!shown_segmentation(row, explained))
            continue;
        legend_item(f, &style, true, row->method, NAN);
        for (int m = 0; m < SEGMENTATION_METRICS; m++)
            any = any || !isnan(row->figure[m].published);
    }
    if (any)
        legend_item(f, &published, false,
                    run->segmentation_comparability.why[0] ? "published, under other conditions"
                                                           : "published",
                    NAN);
    fputs("</ul>\n", f);
}

static void segmentation(FILE *f, const struct run *run, enum explained explained)
{
    const struct chart c = { f, 440, 280, 36, 8, 22, 24, { -0.5, 2.5 }, { 0, 100 } };
    size_t images = 0, bars = 0;
    for (size_t i = 0; i < run->segmentations; i++)
        if (shown_segmentation(&run->segmentation[i], explained)) {
            images = run->segmentation[i].images;
            bars++;
        }
    fputs("<figure class=\"plot\"><figcaption>Segmentation: ", f);
    html_run_title(f, run, explained, images);
    fputs("</figcaption>\n", f);
    chart_begin(&c, "Pixel accuracy, mAP and mIoU by method; the table has the numbers");
    chart_y_axis(&c, 20, "percent, with 95 % interval; higher is better");
    for (int m = 0; m < SEGMENTATION_METRICS; m++)
        fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", chart_x(&c, m),
                c.height - 6, metric_names[m]);
    segmentation_bars(&c, run, explained, bars);
    chart_end(&c);
    segmentation_legend(f, run, explained);
    fputs("</figure>\n", f);
}

/* --- heat in the shortcut -------------------------------------------------------------------- */

static void shortcut(FILE *f, const struct run *run, enum explained explained)
{
    static const struct line_style chance = { "#000000", POINT_NONE, "(2,2)", HATCH_NONE };
    size_t images = 0, bar = 0, bars = plots_shortcut_bars(run, explained);
    const struct chart c = {
        f, 440, 280, 36, 8, 22, 24, { 0, bars ? (double)bars : 1 }, { 0, 100 }
    };
    double area = NAN;
    for (size_t i = 0; i < run->segmentations; i++)
        if (shown_segmentation(&run->segmentation[i], explained))
            images = run->segmentation[i].images;
    fputs("<figure class=\"plot\"><figcaption>Heat in the shortcut: ", f);
    html_run_title(f, run, explained, images);
    fputs("</figcaption>\n", f);
    chart_begin(&c, "Share of the heat inside the planted patch; the legend has the numbers");
    chart_y_axis(&c, 20, "percent of the heat, with 95 % interval");
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        if (!shown_segmentation(row, explained) || row->shortcut_images == 0)
            continue;
        char says[200];
        bar_says(says, sizeof says, row->method, "heat in the shortcut", &row->shortcut);
        chart_box(&c, (double)bar + 0.15, 0.7, row->shortcut.value, &style, says);
        chart_whisker(&c, (double)bar + 0.5, row->shortcut.ci.low, (double)bar + 0.5,
                      row->shortcut.ci.high, NULL);
        area = row->shortcut_area;
        bar++;
    }
    const double line[2][2] = { { 0, area }, { (double)bars, area } };
    chart_line(&c, line, 2, &chance);
    chart_end(&c);
    fputs("<ul class=\"legend\">\n", f);
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        if (shown_segmentation(row, explained) && row->shortcut_images > 0)
            legend_item(f, &style, true, row->method, row->shortcut.value);
    }
    legend_item(f, &chance, false, "area of the patch", area);
    fputs("</ul></figure>\n", f);
}

/* --- precision and recall -------------------------------------------------------------------- */

static void recall_panel(FILE *f, const struct run *run, const struct recall *r,
                         enum explained explained)
{
    static const struct line_style chance = { "#000000", POINT_NONE, "(2,2)", HATCH_NONE };
    const struct chart c = { f, 440, 300, 36, 12, 22, 38, { 0, 100 }, { 0, 100 } };
    const double base[2][2] = { { 0, 100 * r->foreground }, { 100, 100 * r->foreground } };
    char share[DECIMAL_SIZE];
    fputs("<figure class=\"plot\"><figcaption>Precision and recall of the foreground: ", f);
    html_run_title(f, run, explained, r->images);
    fprintf(f, "; all pixels of all images pooled, at %d × %d</figcaption>\n", r->side, r->side);
    chart_begin(&c, "Precision against recall by method; the legend has the areas");
    chart_x_axis(&c, 20, "recall, %");
    chart_y_axis(&c, 20, "precision, %");
    for (size_t k = 0; k < r->curves; k++) {
        const struct recall_curve *curve = &r->curve[k];
        struct line_style style = line_style_of(curve->method, k);
        double points[RECALL_LEVELS][2];
        for (size_t i = 0; i < curve->levels; i++) {
            points[i][0] = 100 * curve->recall[i];
            points[i][1] = 100 * curve->precision[i];
        }
        if (recall_shown(curve, explained)) /* marked, to be distinguishable without colour */
            chart_series(&c, curve->method, &style, (const double(*)[2])points, NULL, curve->levels,
                         curve->levels / 16, 1 + curve->levels / 8);
    }
    chart_line(&c, base, 2, &chance);
    chart_end(&c);
    fputs("<ul class=\"legend\"><li>foreground AP, %:</li>\n", f);
    for (size_t k = 0; k < r->curves; k++) {
        struct line_style style = line_style_of(r->curve[k].method, k);
        if (recall_shown(&r->curve[k], explained))
            legend_item(f, &style, false, r->curve[k].method, 100 * r->curve[k].area);
    }
    legend_item(f, &chance, false, "share of the foreground", 100 * r->foreground);
    fputs("</ul>\n", f);
    html_element(
        f, "<p class=\"note\">", "</p></figure>\n",
        "Average precision of the foreground alone, over the pixels of all images at once; "
        "heat that knows nothing gets the share of the foreground, %s %%. The table's mAP "
        "is another: per image, of foreground and background together, where 50 is chance.",
        decimal(share, 100 * r->foreground, 1));
}

static enum status recall(FILE *f, const struct run *run, const struct pictures *pictures,
                          struct error *err)
{
    struct recall r;
    struct error why;
    if (run->segmentations == 0 || run->scored == 0)
        return OK;
    if (pictures->data)
        log_info("%s: precision and recall of %zu images", run->result->path, run->scored);
    enum status status = pictures->data ? recall_build(run, pictures, &r, &why) : E_DATA;
    if (status == E_NOMEM)
        return fail(err, status, "%s", why.text);
    if (status != OK) {
        html_element(f, "<p class=\"note\">", "</p>\n",
                     "No precision-recall figure: result files hold no pixels, and the data set "
                     "cannot be read here (%s).",
                     pictures->data ? why.text : pictures->why);
        return OK;
    }
    for (int c = 0; c < EXPLAINED_CLASSES; c++)
        if (recall_has(&r, (enum explained)c))
            recall_panel(f, run, &r, (enum explained)c);
    recall_free(&r);
    return OK;
}

enum status html_figures(FILE *f, const struct run *run, const struct pictures *pictures,
                         struct error *err)
{
    for (int c = 0; c < EXPLAINED_CLASSES; c++)
        if (plots_has_perturbation(run, (enum explained)c))
            perturbation(f, run, (enum explained)c);
    html_randomisation(f, run);
    fputs("<div class=\"pair\">\n", f); /* two beside each other */
    for (int c = 0; c < EXPLAINED_CLASSES; c++)
        if (plots_has_segmentation(run, (enum explained)c))
            segmentation(f, run, (enum explained)c);
    for (int c = 0; c < EXPLAINED_CLASSES; c++)
        if (plots_has_shortcut(run, (enum explained)c))
            shortcut(f, run, (enum explained)c);
    enum status status = recall(f, run, pictures, err);
    fputs("</div>\n", f);
    return status;
}
