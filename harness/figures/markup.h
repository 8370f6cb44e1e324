/* Text of HTML and SVG, escaped. */
#pragma once

#include <stddef.h>
#include <stdio.h>

void html_text(FILE *, const char *text); /* escaped, for elements and quoted attributes */
/* The same of a formatted text: no tags in it. */
void html_format(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An element that holds just that text: html_element(f, "<h4>", "</h4>", ...). */
void html_element(FILE *, const char *begin, const char *end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "data:TYPE;base64,..." */
void html_data(FILE *, const char *type, const unsigned char *bytes, size_t size);
