/* Memory that is planned, not grown: a layout function takes all its arrays from a bump allocator,
 * once with base = NULL to learn the size, and once over the memory that was then allocated.
 *
 *     static void layout(struct ws *w, struct bump *b, int batch)
 *     {
 *         w->x = bump_take(b, batch * len * width, sizeof(float));
 *     }
 */
#pragma once

#include <stddef.h>

struct bump {
    char *base;  /* NULL while measuring */
    size_t used; /* bytes; saturates at SIZE_MAX when a request overflows */
};

/* `count` elements of `size` bytes, aligned to 256 bytes. NULL while measuring. */
void *bump_take(struct bump *b, size_t count, size_t size);
