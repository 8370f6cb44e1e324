/* Text of HTML and SVG, escaped. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* The next character of a text that may come from a file, made safe to show (quote.h): itself, or
 * \xNN for invalid UTF-8 and for characters that control a terminal or change the direction of
 * writing. Line feeds and tabs stay. `quoted` is memory for it; *text advances. */
enum { MARKUP_QUOTED = 24 };
const char *markup_next(const char **text, char quoted[MARKUP_QUOTED]);

void html_text(FILE *, const char *text); /* escaped, for elements and quoted attributes */
/* The same for a formatted text, without tags. */
void html_format(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An element that holds only this text: html_element(f, "<h4>", "</h4>", ...). */
void html_element(FILE *, const char *begin, const char *end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void html_base64(FILE *, const unsigned char *bytes, size_t size);
/* "data:TYPE;base64,..." */
void html_data(FILE *, const char *type, const unsigned char *bytes, size_t size);
