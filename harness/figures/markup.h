/* Text of HTML and SVG, escaped. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* The next character of a text that may come from a file, made safe to show (quote.h): itself, or
 * \xNN for bytes that are no UTF-8, and for what controls a terminal or turns the direction of
 * writing. Line feeds and tabs are left. `quoted` is memory for it; *text moves on. */
enum { MARKUP_QUOTED = 24 };
const char *markup_next(const char **text, char quoted[MARKUP_QUOTED]);

void html_text(FILE *, const char *text); /* escaped, for elements and quoted attributes */
/* The same of a formatted text: no tags in it. */
void html_format(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An element that holds just that text: html_element(f, "<h4>", "</h4>", ...). */
void html_element(FILE *, const char *begin, const char *end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void html_base64(FILE *, const unsigned char *bytes, size_t size);
/* "data:TYPE;base64,..." */
void html_data(FILE *, const char *type, const unsigned char *bytes, size_t size);
