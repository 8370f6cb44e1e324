/* What the printed figures share. Private to plots*.c. */
#pragma once

#include <stdio.h>

#include "gnuplot.h"
#include "plots.h"

/* One figure: its subject and its place. */
struct figure_file {
    const struct run *run;
    enum explained explained;
    const void *of; /* further input of the drawing: a ledger, curves of recall */
    char *stem;     /* directory/RUN-WHAT-CLASS, before .png */
};

typedef void (*writing)(FILE *, const struct figure_file *);
struct drawing {
    writing script, csv;
};

/* Writes the figure's numbers to STEM.csv and its script to STEM.gnuplot, and runs that. */
enum status plots_draw(const struct figure_file *, const struct drawing *, struct error *err);

/* Writes a part of a plot command: bars of $data (x, height) in the method's colour, hatched in
 * black. width: a gnuplot expression. */
void plots_bars(FILE *script, const char *data, const char *width, const struct line_style *);

/* The legend to the right of the bars; gnuplot's own would show them without their hatching. */
struct bar_legend {
    FILE *script;
    size_t rows, row;
    double height; /* of the page, cm: as high as the legend needs */
};
void plots_legend_begin(FILE *script, struct bar_legend *, size_t rows);
void plots_legend_bar(struct bar_legend *, const struct line_style *, const char *text);
void plots_legend_point(struct bar_legend *, const char *text); /* a diamond: published figures */
void plots_legend_line(struct bar_legend *, const char *text);  /* dotted: a level */

/* Every figure names its data, model, protocol, explained class and n. */
void plots_title(FILE *script, const struct figure_file *, const char *what, size_t images);

/* The share of heat inside planted shortcuts. */
void plots_put_shortcut(FILE *script, const struct figure_file *);

/* Similarity by layer. */
bool plots_has_randomisation(const struct run *, enum explained);
void plots_put_randomisation(FILE *script, const struct figure_file *);
void plots_csv_randomisation(FILE *, const struct figure_file *);

void plots_csv_perturbation(FILE *, const struct figure_file *);
void plots_csv_segmentation(FILE *, const struct figure_file *);
void plots_csv_shortcut(FILE *, const struct figure_file *);

/* Nothing where fewer than two methods have ranks. */
struct score_table;
enum status plots_ranks(const struct run *, const struct score_table *, const char *directory,
                        const char *name, struct error *err);

/* Both draw nothing where there is nothing to draw; the latter says why. */
enum status plots_ledger(const struct report *, const char *directory, const char *base_name,
                         struct error *err);
enum status plots_recall(const struct run *, const char *directory, const char *name,
                         struct error *err);
