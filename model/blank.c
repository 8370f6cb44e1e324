/* Checkpoints that were never in a file: for synthetic models and tests. */
#include <stdlib.h>
#include <string.h>

#include "arch.h"

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
