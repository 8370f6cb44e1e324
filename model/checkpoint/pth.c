#include "pth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes.h"
#include "state_dict.h"

struct pickled_tensor {
    const struct storage *storage;
    struct strided_view view;
    struct tensor *tensor;
};

int storage_by_key(const void *a, const void *b)
{
    const struct storage *x = *(struct storage *const *)a, *y = *(struct storage *const *)b;
    if (x->key.size != y->key.size)
        return x->key.size < y->key.size ? -1 : 1;
    return memcmp(x->key.at, y->key.at, x->key.size);
}

static int entry_by_key(const void *a, const void *b)
{
    return storage_by_key(&((const struct pickled_tensor *)a)->storage,
                          &((const struct pickled_tensor *)b)->storage);
}

enum status storage_check_same(const struct storage *a, const struct storage *b, struct error *err)
{
    if (a->dtype == b->dtype && a->elements == b->elements)
        return OK;
    return fail(err, E_DATA,
                "storage %s is called %" PRId64 " elements of %s in one place and %" PRId64
                " of %s in another",
                BYTES_SHOWN(a->key), a->elements, dtype_name(a->dtype), b->elements,
                dtype_name(b->dtype));
}

static enum status plan(struct checkpoint *c, const struct value *dict,
                        struct pickled_tensor *entries, struct error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct value *key = dict->as.list.items[2 * i];
        const struct value *v = dict->as.list.items[2 * i + 1];
        struct pickled_tensor *e = &entries[i];
        char text[VALUE_TEXT];
        if (key->kind != VALUE_STRING)
            return fail(err, E_DATA, "entry %zu of the state dict is named by %s, not a string", i,
                        value_kind_name(key->kind));
        if (v->kind != VALUE_TENSOR)
            return fail(err, E_DATA,
                        "entry %s of the state dict is %s; a tensor of at most %d dimensions is "
                        "due (" DTYPES_READ ")",
                        BYTES_SHOWN(key->as.text), value_describe(v, text), TENSOR_MAX_DIMS);
        if (v->as.tensor->pending != NULL)
            return fail(err, E_DATA,
                        "tensor %s is a view that torch's bit '%s' changes on reading; save it "
                        "after .resolve_%s()",
                        BYTES_SHOWN(key->as.text), v->as.tensor->pending, v->as.tensor->pending);
        e->tensor = &c->tensors[i];
        e->storage = v->as.tensor->storage;
        e->view = v->as.tensor->view;
        TRY(tensor_plan(e->tensor, key->as.text.at, key->as.text.size, &e->view, e->storage->length,
                        err));
        e->view.offset += e->storage->base;
    }
    return OK;
}

/* Storages of different keys, and that they too stay within the budget. */
static enum status check_storages(const struct checkpoint *c, const struct pickled_tensor *entries,
                                  size_t file_size, struct error *err)
{
    size_t total = 0, bytes;
    for (size_t i = 0; i < c->count; i++) {
        const struct storage *s = entries[i].storage;
        if (i > 0 && entry_by_key(&entries[i - 1], &entries[i]) == 0) {
            TRY(storage_check_same(entries[i - 1].storage, s, err));
            continue;
        }
        if (!size_mul((size_t)s->elements, dtype_size(s->dtype), &bytes) ||
            !size_add(total, bytes, &total) || total > memory_budget(file_size))
            return fail(err, E_DATA,
                        "the storage of tensor %s (%" PRId64 " elements) brings the storages to "
                        "more than %zu bytes, the most that a file of %zu bytes may unfold to",
                        quote(entries[i].tensor->name).text, s->elements, memory_budget(file_size),
                        file_size);
    }
    return OK;
}

static enum status load(struct checkpoint *c, const struct value *dict,
                        struct pickled_tensor *entries, size_t file_size,
                        const struct storage_source *source, struct error *err)
{
    const uint8_t *bytes = NULL;
    TRY(plan(c, dict, entries, err));
    TRY(tensors_check_budget(c, file_size, err));
    qsort(entries, c->count, sizeof *entries, entry_by_key);
    TRY(check_storages(c, entries, file_size, err));
    for (size_t i = 0; i < c->count; i++) {
        struct pickled_tensor *e = &entries[i];
        if (i == 0 || entry_by_key(&entries[i - 1], e) != 0) {
            if (source->fetch(source->self, e->storage, &bytes, err) != OK)
                return fail_prefix(err, "tensor %s: ", quote(e->tensor->name).text);
        }
        TRY(tensor_load(e->tensor, &e->view, bytes, source->swap, err));
    }
    return OK;
}

enum status pth_load(struct checkpoint *c, const struct value *root, size_t file_size,
                     const struct checkpoint_options *o, const struct storage_source *source,
                     struct error *err)
{
    const struct value *dict;
    TRY(find_state_dict(root, o, &dict, &c->notes, err));
    TRY(tensors_reserve(c, dict->as.list.count / 2, err));
    struct pickled_tensor *entries = calloc(c->count, sizeof *entries);
    if (entries == NULL)
        return fail(err, E_NOMEM, "no memory for a state dict of %zu tensors", c->count);
    enum status s = load(c, dict, entries, file_size, source, err);
    free(entries);
    return s;
}
