/* The few globals of a checkpoint that we interpret; all others are inert. */
#include "machine.h"

static bool is_torch_utils(const struct value *v, const char *name)
{
    return value_is_global(v, "torch._utils", name);
}

static enum status int_list(struct machine *m, const struct value *v, int64_t *out, int *count,
                            const char *what)
{
    if (v->kind != VALUE_TUPLE && v->kind != VALUE_LIST)
        return machine_fail(m, "a tensor's %s is %s where a tuple is due", what,
                            value_kind_name(v->kind));
    *count = 0;
    for (size_t i = 0; i < v->as.list.count && i < TENSOR_MAX_DIMS; i++) {
        if (v->as.list.items[i]->kind != VALUE_INT)
            return machine_fail(m, "a tensor's %s holds %s where an int is due", what,
                                value_kind_name(v->as.list.items[i]->kind));
        out[(*count)++] = v->as.list.items[i]->as.integer;
    }
    return OK;
}

static enum status opaque(struct machine *m, const struct value *from, struct value **out)
{
    *out = value_new(m->heap, VALUE_OPAQUE);
    if (*out == NULL)
        return machine_full(m);
    if (from->kind == VALUE_GLOBAL || from->kind == VALUE_OPAQUE)
        (*out)->as.global = from->as.global;
    return OK;
}

/* What the metadata of _rebuild_tensor_v2 says is still to be done to the elements. */
static const char *pending(const struct value *metadata)
{
    static const char *const bits[] = { "neg", "conj" };
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        const struct value *bit = dict_find(metadata, bits[i]);
        if (bit != NULL && !(bit->kind == VALUE_BOOL && bit->as.integer == 0))
            return bits[i];
    }
    return NULL;
}

/* _rebuild_tensor(storage, offset, size, stride) and _rebuild_tensor_v2(... the same, then
 * requires_grad, hooks, metadata). Sizes are checked where a tensor is used and not here, since an
 * optimizer's tensors do not matter. */
static enum status rebuild_tensor(struct machine *m, const struct value *callable,
                                  const struct value *args, struct value **out)
{
    struct value **a = args->as.list.items;
    int strides;
    if (args->as.list.count < 4)
        return machine_fail(m, "a tensor is rebuilt from %zu values; 4 or more are due",
                            args->as.list.count);
    if (a[0]->kind == VALUE_OPAQUE) /* a storage of an element type unknown to us */
        return opaque(m, a[0], out);
    if (a[0]->kind != VALUE_STORAGE || a[1]->kind != VALUE_INT)
        return machine_fail(m, "a tensor is rebuilt from %s and %s; a storage and an int are due",
                            value_kind_name(a[0]->kind), value_kind_name(a[1]->kind));
    struct tensor_view *t = heap_take(m->heap, sizeof *t);
    *out = value_new(m->heap, VALUE_TENSOR);
    if (t == NULL || *out == NULL)
        return machine_full(m);
    t->storage = a[0]->as.storage;
    t->pending = args->as.list.count > 6 ? pending(a[6]) : NULL;
    t->view.dtype = t->storage->dtype;
    t->view.offset = a[1]->as.integer;
    TRY(int_list(m, a[2], t->view.shape, &t->view.ndim, "shape"));
    TRY(int_list(m, a[3], t->view.stride, &strides, "stride"));
    if (a[2]->as.list.count != a[3]->as.list.count)
        return machine_fail(m, "a tensor has %zu sizes and %zu strides", a[2]->as.list.count,
                            a[3]->as.list.count);
    if (a[2]->as.list.count > TENSOR_MAX_DIMS)
        return opaque(m, callable, out);
    (*out)->as.tensor = t;
    return OK;
}

/* OrderedDict(), or OrderedDict([[key, value], ...]) from Python 2. */
static enum status ordered_dict(struct machine *m, const struct value *pairs, struct value **out)
{
    *out = value_new(m->heap, VALUE_DICT);
    if (*out == NULL)
        return machine_full(m);
    if (pairs == NULL || pairs->kind != VALUE_LIST)
        return OK;
    for (size_t i = 0; i < pairs->as.list.count; i++) {
        const struct value *p = pairs->as.list.items[i];
        if ((p->kind != VALUE_LIST && p->kind != VALUE_TUPLE) || p->as.list.count != 2)
            return machine_fail(m, "entry %zu of an OrderedDict is not a pair", i);
        if (!value_push(m->heap, *out, p->as.list.items[0]) ||
            !value_push(m->heap, *out, p->as.list.items[1]))
            return machine_full(m);
    }
    return OK;
}

enum status torch_call(struct machine *m, struct value *f, struct value *args, struct value **out)
{
    const size_t n = args->as.list.count;
    struct value **a = args->as.list.items;
    /* A tensor subclass: (function, type, arguments, state). Unwrapped once; a second wrapping
     * (which torch does not make) is just another unknown call. */
    if (value_is_global(f, "torch._tensor", "_rebuild_from_type_v2") && n >= 3 &&
        a[2]->kind == VALUE_TUPLE &&
        !value_is_global(a[0], "torch._tensor", "_rebuild_from_type_v2")) {
        f = a[0];
        return torch_call(m, f, a[2], out);
    }
    if (value_is_global(f, "collections", "OrderedDict"))
        return ordered_dict(m, n > 0 ? a[0] : NULL, out);
    if (value_is_global(f, "collections", "defaultdict"))
        return ordered_dict(m, NULL, out);
    if (is_torch_utils(f, "_rebuild_tensor") || is_torch_utils(f, "_rebuild_tensor_v2"))
        return rebuild_tensor(m, f, args, out);
    if ((is_torch_utils(f, "_rebuild_parameter") ||
         is_torch_utils(f, "_rebuild_parameter_with_state") ||
         value_is_global(f, "torch", "Size")) &&
        n >= 1) {
        *out = a[0];
        return OK;
    }
    return opaque(m, f, out);
}

/* ("storage", class, key, location, elements [, None or (key, offset, size)]), the last for a view
 * in the stream format. */
enum status torch_persistent(struct machine *m, struct value *id, struct value **out)
{
    struct value **a = id->as.list.items;
    const size_t n = id->kind == VALUE_TUPLE ? id->as.list.count : 0;
    if (n >= 2 && value_is_text(a[0], "module")) { /* a class with its source, of the old format */
        *out = a[1];
        return OK;
    }
    if (n < 5 || !value_is_text(a[0], "storage") || a[1]->kind != VALUE_GLOBAL ||
        a[2]->kind != VALUE_STRING || a[4]->kind != VALUE_INT || a[4]->as.integer < 0)
        return machine_fail(m, "a persistent id that is not (\"storage\", class, key, location, "
                               "number of elements)");
    struct storage *s = heap_take(m->heap, sizeof *s);
    *out = value_new(m->heap, VALUE_STORAGE);
    if (s == NULL || *out == NULL)
        return machine_full(m);
    if (!dtype_of_storage(a[1]->as.global.name.at, a[1]->as.global.name.size, &s->dtype))
        return opaque(m, a[1], out);
    s->key = a[2]->as.text;
    s->elements = s->length = a[4]->as.integer;
    if (n > 5 && a[5]->kind == VALUE_TUPLE) {
        const struct value *v = a[5];
        if (v->as.list.count != 3 || v->as.list.items[1]->kind != VALUE_INT ||
            v->as.list.items[2]->kind != VALUE_INT)
            return machine_fail(m, "a view of a storage that is not (key, offset, size)");
        s->base = v->as.list.items[1]->as.integer;
        s->length = v->as.list.items[2]->as.integer;
        if (s->base < 0 || s->length < 0 || s->base > s->elements ||
            s->length > s->elements - s->base)
            return machine_fail(m, "a view of a storage lies outside of it");
    }
    s->next = m->heap->storages;
    m->heap->storages = s;
    m->heap->storage_count++;
    (*out)->as.storage = s;
    return OK;
}
