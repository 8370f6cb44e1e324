/* Drawing with gnuplot: a script is written beside the pictures, where it stays so that a figure
 * can be edited by hand, and is run. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "status.h"

enum { PICTURES = 3 }; /* png, pdf, svg */
extern const char *const picture_kinds[PICTURES];

/* Writes the terminal and output file of picture `kind`, for a figure of this size. */
void gnuplot_terminal(FILE *script, int kind, const char *stem, double width_cm, double height_cm);

/* A path between single quotes, as gnuplot reads it. */
void gnuplot_quote(FILE *script, const char *text);
/* The same of words that are shown, which a file may have had: printable (quote.h). */
void gnuplot_text(FILE *script, const char *text);

#define POINT_NONE (-1) /* a line alone; gnuplot's number for it too */
#define HATCH_NONE 3    /* no hatching; gnuplot's number for a solid fill */
struct line_style {     /* how a method is drawn in every figure */
    const char
        *colour; /* Okabe and Ito's palette: told apart by the colour-blind; greys for controls */
    int point;   /* gnuplot's point type; distinguishable in black and white, as is the dash */
    const char *dash;
    int hatch; /* gnuplot's pattern over a bar, distinguishable in black and white */
};
/* `index`: of the method in its plot, for names that have no fixed style. */
struct line_style line_style_of(const char *method, size_t index);

/* mkdir -p. E_IO. */
enum status make_directory(const char *path, struct error *err);
/* The same for the folder of a file. */
enum status make_directory_of(const char *file, struct error *err);

/* Runs the script. E_IO: no gnuplot, or it failed. */
enum status gnuplot_run(const char *script, struct error *err);
