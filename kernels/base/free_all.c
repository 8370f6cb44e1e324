#include "free_all.h"

#include <stdlib.h>

void free_pointers(void *const *pointer, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(pointer[i]);
}
