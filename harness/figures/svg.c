#include "svg.h"

#include <math.h>
#include <string.h>

#include "decimal.h"
#include "markup.h"

/* --- frame ----------------------------------------------------------------------------------- */

double chart_x(const struct chart *c, double value)
{
    double inner = c->width - c->left - c->right;
    return c->left + (value - c->x[0]) / (c->x[1] - c->x[0]) * inner;
}

double chart_y(const struct chart *c, double value)
{
    double inner = c->height - c->top - c->bottom;
    return c->height - c->bottom - (value - c->y[0]) / (c->y[1] - c->y[0]) * inner;
}

void chart_begin(const struct chart *c, const char *name)
{
    fprintf(c->f,
            "<svg class=\"chart\" viewBox=\"0 0 %g %g\" data-frame=\"%g %g %g %g %.9g %.9g %.9g "
            "%.9g\" role=\"img\" aria-label=\"",
            c->width, c->height, c->left, c->width - c->right, c->top, c->height - c->bottom,
            c->x[0], c->x[1], c->y[0], c->y[1]);
    html_text(c->f, name);
    fputs("\">\n", c->f);
}

void chart_end(const struct chart *c)
{
    fputs("</svg>\n", c->f);
}

double chart_step(double span, int most)
{
    static const double steps[] = { 1, 2, 5, 10 };
    if (!(span > 0) || !isfinite(span))
        return 1;
    double unit = pow(10, floor(log10(span / most)));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (span / (steps[i] * unit) <= most * (1 + 1e-9))
            return steps[i] * unit;
    return 10 * unit;
}

/* "-0" is not a number that people write. */
static double tick(double from, double step, int k)
{
    double value = (ceil(from / step - 1e-9) + k) * step;
    return fabs(value) < step * 1e-6 ? 0 : value;
}

void chart_x_axis(const struct chart *c, double step, const char *label)
{
    double foot = c->height - c->bottom, right = c->width - c->right;
    for (int k = 0; tick(c->x[0], step, k) <= c->x[1] + step * 1e-6; k++) {
        double value = tick(c->x[0], step, k), x = chart_x(c, value);
        fprintf(c->f,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
                x, x, c->top, foot, x, foot + 14, value);
    }
    fprintf(c->f,
            "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"x-name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
            c->left, right, foot, foot, (c->left + right) / 2, c->height - 4);
    html_text(c->f, label);
    fputs("</text>\n", c->f);
}

void chart_y_axis(const struct chart *c, double step, const char *label)
{
    double right = c->width - c->right;
    for (int k = 0; tick(c->y[0], step, k) <= c->y[1] + step * 1e-6; k++) {
        double value = tick(c->y[0], step, k), y = chart_y(c, value);
        fprintf(c->f,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                c->left, right, y, y, c->left - 5, y + 4, value);
    }
    /* above the axis and horizontal, so that nobody has to turn the head */
    fprintf(c->f, "<text x=\"2\" y=\"12\">");
    html_text(c->f, label);
    fputs("</text>\n", c->f);
}

/* --- marks ----------------------------------------------------------------------------------- */

/* Writes gnuplot's dash "(6,3)" as SVG's "6,3"; nothing for solid lines. */
static void put_dash(FILE *f, const struct line_style *style)
{
    size_t length = strlen(style->dash);
    if (style->dash[0] == '(' && length > 2)
        fprintf(f, " stroke-dasharray=\"%.*s\"", (int)length - 2, style->dash + 1);
}

/* Black becomes the page's text colour. */
static const char *colour_of(const struct line_style *style)
{
    return strcmp(style->colour, "#000000") == 0 ? "currentColor" : style->colour;
}

static void put_marker(FILE *f, double x, double y, const struct line_style *style)
{
    static const struct {
        int point; /* gnuplot's */
        bool filled;
        const char *path; /* around 0, 0 */
    } shapes[] = {
        { 7, true, "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z" },
        { 6, false, "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z" },
        { 5, true, "M-3.5-3.5h7v7h-7z" },
        { 4, false, "M-3.5-3.5h7v7h-7z" },
        { 9, true, "M0-4.5L4.5 3.5h-9z" },
        { 8, false, "M0-4.5L4.5 3.5h-9z" },
        { 11, true, "M0 4.5L4.5-3.5h-9z" },
        { 13, true, "M0-5L5 0L0 5L-5 0z" },
        { 12, false, "M0-5L5 0L0 5L-5 0z" },
        { 15, true, "M0-4.5L4.3-1.4L2.6 3.6h-5.2L-4.3-1.4z" },
        { 2, false, "M-3.5-3.5L3.5 3.5M-3.5 3.5L3.5-3.5" },
    };
    size_t i = 0, count = sizeof shapes / sizeof *shapes;
    if (style->point == POINT_NONE)
        return;
    while (i + 1 < count && shapes[i].point != style->point)
        i++;
    fprintf(f,
            "<path transform=\"translate(%.1f %.1f)\" d=\"%s\" stroke=\"%s\" "
            "stroke-width=\"1.5\" fill=\"%s\"/>",
            x, y, shapes[i].path, colour_of(style), shapes[i].filled ? colour_of(style) : "none");
}

/* Writes data-says="..." for a mark that has a text. */
static void put_says(FILE *f, const char *says)
{
    if (says)
        html_element(f, " data-says=\"", "\"", "%s", says);
}

void chart_marker(const struct chart *c, double x, double y, const struct line_style *style,
                  const char *says)
{
    if (isnan(x) || isnan(y))
        return;
    fputs("<g", c->f);
    put_says(c->f, says);
    fputc('>', c->f);
    put_marker(c->f, chart_x(c, x), chart_y(c, y), style);
    fputs("</g>\n", c->f);
}

void chart_series(const struct chart *c, const char *name, const struct line_style *style,
                  const double (*points)[2], const double (*intervals)[2], size_t count,
                  size_t first, size_t every)
{
    fprintf(c->f, "<g class=\"series\" data-colour=\"%s\"", colour_of(style));
    html_element(c->f, " data-name=\"", "\"", "%s", name);
    if (intervals)
        fputs(" data-values=\"", c->f);
    for (size_t i = 0; intervals && i < count; i++) {
        char y[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
        fprintf(c->f, "%s%g,%s,%s,%s", i ? " " : "", points[i][0], decimal(y, points[i][1], 1),
                decimal(low, intervals[i][0], 1), decimal(high, intervals[i][1], 1));
    }
    fputs(intervals ? "\">\n" : ">\n", c->f);
    chart_line(c, points, count, style);
    for (size_t i = first; i < count; i += every)
        if (!isnan(points[i][1]))
            put_marker(c->f, chart_x(c, points[i][0]), chart_y(c, points[i][1]), style);
    fputs("</g>\n", c->f);
}

void chart_line(const struct chart *c, const double (*points)[2], size_t count,
                const struct line_style *style)
{
    fprintf(c->f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"", colour_of(style));
    put_dash(c->f, style);
    fputs(" points=\"", c->f);
    for (size_t i = 0; i < count; i++)
        if (!isnan(points[i][1]))
            fprintf(c->f, "%.1f,%.1f ", chart_x(c, points[i][0]), chart_y(c, points[i][1]));
    fputs("\"/>\n", c->f);
}

void chart_band(const struct chart *c, const double (*bands)[3], size_t count,
                const struct line_style *style, double opacity)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(bands[i][1]) || isnan(bands[i][2]))
            return;
    fprintf(c->f, "<polygon stroke=\"none\" fill=\"%s\" fill-opacity=\"%.2f\" points=\"",
            colour_of(style), opacity);
    for (size_t i = 0; i < count; i++)
        fprintf(c->f, "%.1f,%.1f ", chart_x(c, bands[i][0]), chart_y(c, bands[i][2]));
    for (size_t i = count; i-- > 0;)
        fprintf(c->f, "%.1f,%.1f ", chart_x(c, bands[i][0]), chart_y(c, bands[i][1]));
    fputs("\"/>\n", c->f);
}

void chart_whisker(const struct chart *c, double x0, double y0, double x1, double y1,
                   const struct line_style *style)
{
    if (isnan(x0) || isnan(x1) || isnan(y0) || isnan(y1))
        return;
    double a = chart_x(c, x0), b = chart_x(c, x1), p = chart_y(c, y0), q = chart_y(c, y1);
    double dx = p == q ? 0 : 2.5, dy = p == q ? 2.5 : 0; /* caps across */
    fprintf(c->f,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" "
            "d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\"/>",
            style ? colour_of(style) : "currentColor", a, p, b, q, a - dx, p - dy, a + dx, p + dy,
            b - dx, q - dy, b + dx, q + dy);
}

/* gnuplot's patterns, as strokes within a square of 6. */
static const struct {
    int hatch;
    const char *path;
} hatches[] = {
    { 1, "M0 0L6 6M0 6L6 0" },          { 2, "M0 0H6M0 3H6" }, { 4, "M-1 1L1-1M0 6L6 0M5 7L7 5" },
    { 5, "M-1 5L1 7M0 0L6 6M5-1L7 1" }, { 6, "M3 0V6" },       { 7, "M0 3H6" }
};
enum { HATCHES = sizeof hatches / sizeof *hatches };

void chart_hatches(FILE *f)
{
    fputs("<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n", f);
    for (size_t i = 0; i < HATCHES; i++)
        fprintf(f,
                "<pattern id=\"hatch-%d\" width=\"6\" height=\"6\" "
                "patternUnits=\"userSpaceOnUse\"><path d=\"%s\"/></pattern>\n",
                hatches[i].hatch, hatches[i].path);
    fputs("</defs></svg>\n", f);
}

static void put_box(FILE *f, double left, double top, double width, double height,
                    const struct line_style *style, const char *says)
{
    for (int layer = 0; layer < (style->hatch == HATCH_NONE ? 1 : 2); layer++) {
        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" ", left, top, width,
                height);
        if (layer == 0)
            fprintf(f, "fill=\"%s\"", colour_of(style));
        else
            fprintf(f, "fill=\"url(#hatch-%d)\"", style->hatch);
        put_says(f, says);
        fputs("/>", f);
    }
}

void chart_box(const struct chart *c, double x, double width, double value,
               const struct line_style *style, const char *says)
{
    if (isnan(value))
        return;
    double left = chart_x(c, x), right = chart_x(c, x + width), top = chart_y(c, value);
    put_box(c->f, left, top, right - left, fmax(0, c->height - c->bottom - top), style, says);
}

void chart_bar_swatch(FILE *f, const struct line_style *style)
{
    fputs("<svg class=\"swatch\" viewBox=\"0 0 28 12\" aria-hidden=\"true\">", f);
    put_box(f, 4, 0, 20, 12, style, NULL);
    fputs("</svg>", f);
}

void chart_swatch(FILE *f, const struct line_style *style)
{
    fprintf(f,
            "<svg class=\"swatch\" viewBox=\"0 0 28 12\" aria-hidden=\"true\">"
            "<line x1=\"0\" x2=\"28\" y1=\"6\" y2=\"6\" stroke=\"%s\" stroke-width=\"2\"",
            colour_of(style));
    put_dash(f, style);
    fputs("/>", f);
    put_marker(f, 14, 6, style);
    fputs("</svg>", f);
}
