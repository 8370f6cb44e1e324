/* .pth before PyTorch 1.6: five pickles (magic number, protocol version, system info, the object,
 * the list of storage keys), then for each key 8 bytes of element count and the raw elements,
 * always little-endian. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pth.h"

/* LONG1, 10 bytes, 0x1950a86a20f9469cfc6c. */
static const uint8_t magic[] = { 0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };

#define STREAM_PROTOCOL 1001

struct pth_input {
    const uint8_t *bytes;
    size_t size, at;
    struct heap heap;
    struct storage **storages; /* sorted by key, each key once */
    size_t count;
};

bool pth_stream_detect(const uint8_t *bytes, size_t size)
{
    /* PROTO n, from protocol 4 on a FRAME of 9 bytes, then the number. */
    return size > 11 + sizeof magic && bytes[0] == 0x80 &&
           (memcmp(bytes + 2, magic, sizeof magic) == 0 ||
            memcmp(bytes + 11, magic, sizeof magic) == 0);
}

static enum status next_pickle(struct pth_input *f, const char *what, struct value **out,
                               struct error *err)
{
    size_t used;
    TRY(pickle_read(&f->heap, what, f->bytes + f->at, f->size - f->at, out, &used, err));
    f->at += used;
    return OK;
}

/* All storages that the object names, each key once. */
static enum status index_storages(struct pth_input *f, struct error *err)
{
    size_t n = 0;
    f->storages = malloc((f->heap.storage_count + 1) * sizeof(struct storage *));
    if (f->storages == NULL)
        return fail(err, E_NOMEM, "no memory for %zu storages", f->heap.storage_count);
    for (struct storage *s = f->heap.storages; s != NULL; s = s->next)
        f->storages[n++] = s;
    qsort(f->storages, n, sizeof(struct storage *), storage_by_key);
    for (size_t i = 0; i < n; i++) {
        if (f->count > 0 && storage_by_key(&f->storages[f->count - 1], &f->storages[i]) == 0)
            TRY(storage_check_same(f->storages[f->count - 1], f->storages[i], err));
        else
            f->storages[f->count++] = f->storages[i];
    }
    return OK;
}

static struct storage *find_storage(const struct pth_input *f, const struct storage *key)
{
    struct storage **found =
        bsearch(&key, f->storages, f->count, sizeof(struct storage *), storage_by_key);
    return found == NULL ? NULL : *found;
}

/* The storage of the next key: its element count must be what the object said. */
static enum status place_storage(struct pth_input *f, struct bytes key, struct error *err)
{
    const struct storage wanted = { .key = key };
    struct storage *s = find_storage(f, &wanted);
    uint64_t elements = 0;
    if (s == NULL)
        return fail(err, E_DATA,
                    "storage %s is listed but no tensor uses it, so its element "
                    "type is unknown",
                    BYTES_SHOWN(key));
    if (s->data != NULL)
        return fail(err, E_DATA, "storage %s is listed twice", BYTES_SHOWN(key));
    if (f->size - f->at < 8)
        return fail(err, E_DATA, "truncated before storage %s", BYTES_SHOWN(key));
    for (int i = 0; i < 8; i++)
        elements |= (uint64_t)f->bytes[f->at + (size_t)i] << (8 * i);
    f->at += 8;
    if (elements != (uint64_t)s->elements)
        return fail(err, E_DATA, "storage %s has %" PRIu64 " elements; the object says %" PRId64,
                    BYTES_SHOWN(key), elements, s->elements);
    if (elements > (f->size - f->at) / dtype_size(s->dtype))
        return fail(err, E_DATA,
                    "truncated in storage %s: %" PRIu64 " elements of %s are due, "
                    "%zu bytes are left",
                    BYTES_SHOWN(key), elements, dtype_name(s->dtype), f->size - f->at);
    s->data = f->bytes + f->at;
    f->at += (size_t)elements * dtype_size(s->dtype);
    return OK;
}

static enum status fetch(void *self, const struct storage *s, const uint8_t **bytes,
                         struct error *err)
{
    const struct storage *found = find_storage(self, s);
    if (found == NULL || found->data == NULL)
        return fail(err, E_DATA, "its storage %s is not in the file", BYTES_SHOWN(s->key));
    *bytes = found->data;
    return OK;
}

static enum status read_stream(struct checkpoint *c, struct pth_input *f,
                               const struct checkpoint_options *o, struct error *err)
{
    struct value *v, *root, *keys;
    TRY(next_pickle(f, "the magic number", &v, err));
    TRY(next_pickle(f, "the protocol version", &v, err));
    if (v->kind != VALUE_INT || v->as.integer != STREAM_PROTOCOL)
        return fail(err, E_DATA, "not version %d of the stream format", STREAM_PROTOCOL);
    TRY(next_pickle(f, "the system info", &v, err));
    TRY(next_pickle(f, "the object", &root, err));
    TRY(next_pickle(f, "the storage keys", &keys, err));
    if (keys->kind != VALUE_LIST)
        return fail(err, E_DATA, "the storage keys are %s; a list is due",
                    value_kind_name(keys->kind));
    TRY(index_storages(f, err));
    for (size_t i = 0; i < keys->as.list.count; i++) {
        const struct value *key = keys->as.list.items[i];
        if (key->kind != VALUE_STRING)
            return fail(err, E_DATA, "storage key %zu is %s; a string is due", i,
                        value_kind_name(key->kind));
        TRY(place_storage(f, key->as.text, err));
    }
    if (f->at != f->size)
        return fail(err, E_DATA, "%zu bytes follow the last storage", f->size - f->at);
    const struct storage_source source = { .fetch = fetch, .self = f };
    return pth_load(c, root, f->size, o, &source, err);
}

enum status pth_stream_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                            const struct checkpoint_options *o, struct error *err)
{
    struct pth_input f = { .bytes = bytes, .size = size };
    c->format = "pth (stream)";
    enum status s = read_stream(c, &f, o, err);
    free(f.storages);
    heap_free(&f.heap);
    return s;
}
