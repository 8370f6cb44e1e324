/* Shared by the parts of the page: format_html.c (tables, the whole), html_figures.c,
 * html_ledger.c, html_images.c, html_data.c. */
#pragma once

#include <stdio.h>

#include "gnuplot.h"
#include "html_pictures.h"
#include "markup.h"
#include "pictures.h"
#include "report.h"
#include "result_classes.h"

/* The files of the folder page/, which the page embeds. */
extern const char page_css[], page_script[];

/* "vim_tiny on demo, protocol released, predicted class, n = 197", escaped. */
void html_run_title(FILE *, const struct run *, enum explained, size_t images);

/* An item of a legend. `bar`: the swatch of a bar, else that of a line. value NaN: none is shown.
 */
void html_legend(FILE *, const struct line_style *, bool bar, const char *method, double value,
                 int digits);

/* Ranks of all runs; the report has scores. */
void html_ranks(FILE *, const struct report *);
/* Similarity by layer; nothing where the run has no such records. */
void html_randomisation(FILE *, const struct run *);

/* Writes the figures of one run: perturbation curves, segmentation bars, and precision and recall
 * where there are masks and the data set can be read (a line says why not where it cannot). */
enum status html_figures(FILE *, const struct run *, const struct pictures *, struct error *err);

/* Draws the effect of every protocol switch on every score. The report has a ledger. */
void html_ledger(FILE *, const struct report *);

/* Writes the images that the methods explain best and worst, with their heat maps, and all others
 * for browsing. `index`: of the run. */
enum status html_images(FILE *, const struct report *, size_t index, const struct pictures *,
                        struct error *err);
/* Writes the data for browsing: pictures and masks as <image id="pRUN-IMAGE"> and "...-mask" (only
 * for the first run that has them), and records and maps as JSON for the page's script. */
enum status html_image_data(FILE *, const struct report *, size_t index, const struct pictures *,
                            const struct carried *, const struct shown_maps *,
                            const struct class_list *, struct error *err);
/* Patches a side of a map in that data: those of a finer one are averaged. */
int shown_grid(const struct result_map *);
/* Writes the colours of heat for the script. */
void html_colours(FILE *);
