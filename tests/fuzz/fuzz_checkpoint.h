/* What both checkpoint targets do with a file: it loads into what the header promises, or it is
 * refused with a message. */
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"

static inline void fuzz_parse(const uint8_t *bytes, size_t size)
{
    struct checkpoint *c = NULL;
    struct error err = { 0 };
    enum status s = checkpoint_parse("fuzz", bytes, size, NULL, &c, &err);
    if (s != OK && (c != NULL || err.code != s || strncmp(err.text, "fuzz: ", 6) != 0))
        abort();
    for (size_t i = 0; s == OK && i < c->count; i++) {
        const struct tensor *t = &c->tensors[i];
        size_t count = 1;
        for (int d = 0; d < t->ndim; d++)
            count *= (size_t)t->shape[d];
        if (checkpoint_find(c, t->name) != t || t->count != count)
            abort();
        for (size_t k = 0; k < count; k++) {
            if (!isfinite(t->data[k]))
                abort();
        }
    }
    checkpoint_close(c);
}
