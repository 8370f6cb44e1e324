/* A panel: square pictures in rows and columns, with words around them, drawn by gnuplot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct panel_cell {
    uint8_t *rgb;    /* [side, side, 3], malloc'ed; NULL: nothing is drawn here */
    int side;        /* pixels */
    char title[128]; /* above it */
    int first;       /* token at its left and upper edge, where there are axes */
};

enum { PANEL_LINES = 4 };

struct panel {
    int columns, rows;
    struct panel_cell *cells; /* [rows, columns] */
    char (*row_titles)[128];  /* [rows]; written upright, left of the first column; "" for none */
    char heading[PANEL_LINES][300], note[PANEL_LINES][300]; /* above and below; "" ends */
    double cell_cm;
    int tokens;                         /* each cell has axes of this many tokens; 0: no axes */
    const char *scale;                  /* what the colours mean; NULL: no colour scale */
    const char *scale_low, *scale_high; /* its ends */
};

/* All cells empty. E_NOMEM. */
enum status panel_open(struct panel *, int rows, int columns, struct error *err);
void panel_close(struct panel *);

/* Allocates the cell's picture of this side. NULL: out of memory. */
uint8_t *panel_picture(struct panel *, int row, int column, int side);

/* Draws STEM.png, and with `vector` STEM.pdf and STEM.svg. Then removes the script and its pixels.
 * E_IO: no gnuplot, or it failed, or the folder cannot be written. */
enum status panel_draw(const struct panel *, const char *stem, bool vector, struct error *err);

/* Colours values [from, from] in [0,1] by colour.h. Every value becomes a block of `times` by
 * `times` pixels, so that edges stay sharp. rgb [from * times, from * times, 3]. */
void panel_blocks(const float *values, int from, int times, uint8_t *rgb);
