/* Lists of tensors, and checkpoints without a file, for synthetic models and tests. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes.h"

#include "arch.h"

void tensor_list_add(struct tensor_list *list, int64_t d0, int64_t d1, int64_t d2, int64_t d3,
                     const char *format, ...)
{
    if (!grow_array(&list->specs, &list->room, list->count, sizeof *list->specs)) {
        list->out_of_memory = true;
        return;
    }
    struct tensor_spec *s = &list->specs[list->count++];
    int64_t shape[4] = { d0, d1, d2, d3 };
    s->ndim = 0;
    while (s->ndim < 4 && shape[s->ndim] > 0) {
        s->shape[s->ndim] = shape[s->ndim];
        s->ndim++;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(s->name, sizeof s->name, format, args);
    va_end(args);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static bool blank_tensor(struct tensor *t, const struct tensor_spec *spec)
{
    t->name = strdup(spec->name);
    t->ndim = spec->ndim;
    t->count = 1;
    for (int k = 0; k < t->ndim; k++) {
        t->shape[k] = spec->shape[k];
        t->count *= (size_t)t->shape[k];
    }
    t->data = calloc(t->count, sizeof *t->data);
    return t->name != NULL && t->data != NULL;
}

struct checkpoint *checkpoint_blank(const struct arch_type *type, const struct geometry *g)
{
    struct tensor_list list = { 0 };
    type->list_tensors(g, &list);
    struct checkpoint *ck = calloc(1, sizeof *ck);
    bool ok = ck != NULL && !list.out_of_memory;
    if (ok) {
        ck->path = strdup("(no file)");
        ck->format = "memory";
        ck->tensors = calloc(list.count, sizeof *ck->tensors);
        ok = ck->path != NULL && ck->tensors != NULL;
    }
    for (size_t i = 0; ok && i < list.count; i++, ck->count++)
        ok = blank_tensor(&ck->tensors[i], &list.specs[i]);
    free(list.specs);
    if (!ok) {
        checkpoint_close(ck);
        return NULL;
    }
    qsort(ck->tensors, ck->count, sizeof *ck->tensors, by_name);
    return ck;
}
