/* Charts as inline SVG for pages: they take the page's colours (light, dark, print) and its width.
 * gnuplot.h draws the files for print. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "gnuplot.h"

struct chart {
    FILE *f;
    double width, height;            /* of the view box */
    double left, right, top, bottom; /* margins around the plotted area */
    double x[2], y[2];               /* data: from, to */
};

/* Opens <svg> with its accessible name, for a picture that has a legend and a caption beside it. */
void chart_begin(const struct chart *, const char *name);
void chart_end(const struct chart *);

double chart_x(const struct chart *, double value);
double chart_y(const struct chart *, double value);

/* Draws ticks one step apart from the low end of the data, with grid lines, and the axis' label. */
void chart_x_axis(const struct chart *, double step, const char *label);
void chart_y_axis(const struct chart *, double step, const char *label);
/* 1, 2 or 5 times a power of ten that gives at most `most` steps over `span`. */
double chart_step(double span, int most);

/* A polyline through points [count] (x, y). dash: as in struct line_style. */
void chart_line(const struct chart *, const double (*points)[2], size_t count,
                const struct line_style *style);
/* A named curve whose values a reader can query: a line with a mark at every `every`th point from
 * `first` on. intervals [count] (low, high), or NULL: values are then read off the line. */
void chart_series(const struct chart *, const char *name, const struct line_style *style,
                  const double (*points)[2], const double (*intervals)[2], size_t count,
                  size_t first, size_t every);
/* The text that a mark shows when the pointer is on it, or NULL. */
void chart_marker(const struct chart *, double x, double y, const struct line_style *style,
                  const char *says);
/* The area between low and high at x. bands [count] (x, low, high); opacity 0-1. */
void chart_band(const struct chart *, const double (*bands)[3], size_t count,
                const struct line_style *style, double opacity);
/* A whisker between two points of data. */
void chart_whisker(const struct chart *, double x0, double y0, double x1, double y1,
                   const struct line_style *style);
/* A bar from 0, hatched over its colour; `says` as above. */
void chart_box(const struct chart *, double x, double width, double value,
               const struct line_style *style, const char *says);

/* Small swatches for a legend in the page's text: of a line with its mark, of a bar. */
void chart_swatch(FILE *f, const struct line_style *style);
void chart_bar_swatch(FILE *f, const struct line_style *style);
/* Writes the hatchings that bars refer to, once per page. */
void chart_hatches(FILE *f);
