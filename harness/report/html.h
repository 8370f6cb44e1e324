/* Shared by the parts of the page: format_html.c (tables, the whole), html_figures.c,
 * html_ledger.c, html_images.c. */
#pragma once

#include <stdio.h>

#include "pictures.h"
#include "report.h"

extern const char html_css[];

void html_text(FILE *, const char *text); /* escaped, for elements and quoted attributes */
/* The same of a formatted text: no tags in it. */
void html_format(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An element that holds just that text: html_element(f, "<h4>", "</h4>", ...). */
void html_element(FILE *, const char *begin, const char *end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "data:TYPE;base64,..." */
void html_data(FILE *, const char *type, const unsigned char *bytes, size_t size);

/* "vim_tiny on demo, protocol released, predicted class, n = 197", escaped. */
void html_subject(FILE *, const struct run *, enum explained, size_t images);

/* The figures of one run: perturbation curves, segmentation bars; and precision and recall where
 * there are masks and the data set is at hand (elsewhere a line says why not). */
enum status html_figures(FILE *, const struct run *, const struct pictures *, struct error *err);

/* What every protocol switch does to every score. The report has a ledger. */
void html_ledger(FILE *, const struct report *);

/* The images that the methods explain best and worst, with their heat maps; and the scores of every
 * image. `index`: of the run. */
enum status html_images(FILE *, const struct report *, size_t index, const struct pictures *,
                        struct error *err);
