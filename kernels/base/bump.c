#include "bump.h"

#include <stdint.h>

#include "sizes.h"

void *bump_take(struct bump *b, size_t count, size_t size)
{
    size_t bytes, end;
    if (!size_mul(count, size, &bytes) || !size_add(bytes, 255, &bytes) ||
        !size_add(b->used, bytes / 256 * 256, &end)) {
        b->used = SIZE_MAX;
        return NULL;
    }
    void *p = b->base == NULL ? NULL : b->base + b->used;
    b->used = end;
    return p;
}
