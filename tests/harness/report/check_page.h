/* A checker of evalh report's pages, stricter than HTML is. All fail the running test. */
#pragma once

#include <stddef.h>

/* How often `what` stands in `text`. */
size_t count_of(const char *text, const char *what);
/* Every element closed in order, every bare & an entity of ours, every id once. */
void check_page(const char *page);
/* Nothing is fetched: links lead into the page, pictures are in it. */
void check_sealed(const char *page);
/* Every cell of the Markdown tables is in a cell of the page; figures drawn from nothing excepted:
 * the page leaves columns out that are n/a throughout. `md` is cut up. */
void check_values(const char *page, char *md);
