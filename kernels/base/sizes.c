#include "sizes.h"

#include <stdlib.h>
#include <string.h>

bool grow_array(void *array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t n;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    if (!size_mul(2, count, &n) || !size_add(n, 64, &n))
        return false;
    grown = reallocarray(old, n, size);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *room = n;
    return true;
}
