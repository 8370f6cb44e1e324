#include "result_classes.h"

#include <stdio.h>
#include <stdlib.h>

void result_classes_open(const struct result *r, struct result_classes *out)
{
    (void)r;
    *out = (struct result_classes){ 0 };
}

void result_classes_close(struct result_classes *c)
{
    for (int k = 0; k < c->count; k++)
        free(c->name[k]);
    free(c->name);
    *c = (struct result_classes){ 0 };
}

const char *result_class_name(const struct result_classes *c, int k, char buffer[32])
{
    if (k >= 0 && k < c->count && c->name[k])
        return c->name[k];
    snprintf(buffer, 32, "class %d", k);
    return buffer;
}
