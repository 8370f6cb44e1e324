/* The values a pickle builds, and the heap they live in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pickle.h"
#include "sizes.h"

#define CHUNK ((size_t)64 << 10)

struct heap_chunk {
    struct heap_chunk *next;
    size_t used, size;
    max_align_t data[];
};

void heap_free(struct heap *h)
{
    while (h->chunks != NULL) {
        struct heap_chunk *next = h->chunks->next;
        free(h->chunks);
        h->chunks = next;
    }
    *h = (struct heap){ 0 };
}

void *heap_take(struct heap *h, size_t size)
{
    if (size > HEAP_MAX)
        return NULL;
    size = round_up(size, sizeof(max_align_t));
    struct heap_chunk *c = h->chunks;
    if (c == NULL || size > c->size - c->used) {
        size_t room = size > CHUNK ? size : CHUNK;
        if (room > HEAP_MAX - h->used)
            return NULL;
        c = calloc(1, sizeof *c + room);
        if (c == NULL)
            return NULL;
        c->size = room;
        c->next = h->chunks;
        h->chunks = c;
        h->used += room;
    }
    void *p = (char *)c->data + c->used;
    c->used += size;
    return p;
}

struct value *value_new(struct heap *h, enum value_kind kind)
{
    struct value *v = heap_take(h, sizeof *v);
    if (v != NULL)
        v->kind = kind;
    return v;
}

bool value_push(struct heap *h, struct value *list, struct value *item)
{
    if (list->as.list.count == list->as.list.room) {
        /* The old array stays in the heap: all of them together are as large as the last. */
        size_t room = list->as.list.room == 0 ? 4 : 2 * list->as.list.room;
        struct value **items = heap_take(h, room * sizeof(struct value *));
        if (items == NULL)
            return false;
        if (list->as.list.count > 0)
            memcpy(items, list->as.list.items, list->as.list.count * sizeof(struct value *));
        list->as.list.items = items;
        list->as.list.room = room;
    }
    list->as.list.items[list->as.list.count++] = item;
    return true;
}

bool bytes_equal(struct bytes b, const char *text)
{
    return b.size == strlen(text) && memcmp(b.at, text, b.size) == 0;
}

bool value_is_text(const struct value *v, const char *text)
{
    return v->kind == VALUE_STRING && bytes_equal(v->as.text, text);
}

bool value_is_global(const struct value *v, const char *module, const char *name)
{
    return v->kind == VALUE_GLOBAL && bytes_equal(v->as.global.module, module) &&
           bytes_equal(v->as.global.name, name);
}

struct value *dict_find(const struct value *dict, const char *key)
{
    if (dict->kind != VALUE_DICT)
        return NULL;
    for (size_t i = dict->as.list.count; i >= 2; i -= 2) {
        if (value_is_text(dict->as.list.items[i - 2], key))
            return dict->as.list.items[i - 1];
    }
    return NULL;
}

const char *value_kind_name(enum value_kind kind)
{
    static const char *const names[] = {
        [VALUE_NONE] = "None",
        [VALUE_BOOL] = "a bool",
        [VALUE_INT] = "an int",
        [VALUE_LONG] = "a long int",
        [VALUE_FLOAT] = "a float",
        [VALUE_STRING] = "a string",
        [VALUE_BYTES] = "bytes",
        [VALUE_TUPLE] = "a tuple",
        [VALUE_LIST] = "a list",
        [VALUE_DICT] = "a dict",
        [VALUE_GLOBAL] = "a class or function",
        [VALUE_OPAQUE] = "an object",
        [VALUE_STORAGE] = "a storage",
        [VALUE_TENSOR] = "a tensor",
    };
    return names[kind];
}

const char *value_describe(const struct value *v, char text[VALUE_TEXT])
{
    const struct bytes m = v->as.global.module, n = v->as.global.name;
    if (v->kind != VALUE_OPAQUE && v->kind != VALUE_GLOBAL)
        return value_kind_name(v->kind);
    snprintf(text, VALUE_TEXT, "%s%s.%s", v->kind == VALUE_OPAQUE ? "an object of " : "",
             BYTES_SHOWN(m), BYTES_SHOWN(n));
    return text;
}
