/* A restricted reader of Python pickles, as torch.save writes them (protocols 0 to 5).
 *
 * It builds containers, numbers, strings, storages and tensor views. Any other global becomes an
 * inert placeholder that ignores whatever a pickle would do with it. Nothing is imported, called or
 * executed. Values live in a heap and are freed with it; cycles are possible, so code must not
 * follow references without a limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elements.h"
#include "quote.h"
#include "status.h"

enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_LONG, /* beyond 64 bits: two's complement, little-endian, in `text` */
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_BYTES,
    VALUE_TUPLE,
    VALUE_LIST, /* and sets */
    VALUE_DICT,
    VALUE_GLOBAL,
    VALUE_OPAQUE, /* an instance, or the result of calling something unknown */
    VALUE_STORAGE,
    VALUE_TENSOR
};

struct bytes {
    const char *at; /* in the pickle itself: it must outlive the values; no NUL at the end */
    size_t size;
};

/* Text for "%s" in a message; quoted, because it comes from the file. */
#define BYTES_SHOWN(b) (quote_n((b).at, (b).at == NULL ? 0 : (b).size).text)

struct storage {
    struct bytes key;
    enum dtype dtype;
    int64_t elements;     /* of the whole storage in the file */
    int64_t base, length; /* the part to use (views of the stream format) */
    const uint8_t *data;  /* for the reader of the stream format; NULL until found */
    struct storage *next; /* all storages that any pickle of the heap named */
};

struct tensor_view {
    struct storage *storage;
    const char *pending; /* "neg", "conj": what torch still does to its elements; NULL: nothing */
    struct strided_view view; /* not yet checked; its offset counts from the start of the storage */
};

struct value {
    enum value_kind kind;
    union {
        int64_t integer; /* and bool */
        double real;
        struct bytes text;
        struct { /* dicts: key, value, key, value ... in order of insertion */
            struct value **items;
            size_t count, room;
        } list;
        struct { /* GLOBAL and OPAQUE: what it is or came from */
            struct bytes module, name;
        } global;
        struct storage *storage;
        struct tensor_view *tensor;
    } as;
};

#define VALUE_TEXT 280

struct heap {
    struct heap_chunk *chunks;
    size_t used;              /* bytes taken, at most HEAP_MAX */
    struct storage *storages; /* latest first */
    size_t storage_count;
};

#define HEAP_MAX ((size_t)256 << 20)

void heap_free(struct heap *);
/* Zeroed memory, or NULL. */
void *heap_take(struct heap *, size_t size);
struct value *value_new(struct heap *, enum value_kind);
/* False when the heap is exhausted. */
bool value_push(struct heap *, struct value *list, struct value *item);

bool bytes_equal(struct bytes, const char *text);
bool value_is_text(const struct value *, const char *text);
bool value_is_global(const struct value *, const char *module, const char *name);
/* The value of the last entry with this key, or NULL (also when `dict` is not one). */
struct value *dict_find(const struct value *dict, const char *key);
/* For messages: "a dict"; with the class of an object, "an object of argparse.Namespace". */
const char *value_kind_name(enum value_kind);
const char *value_describe(const struct value *, char text[VALUE_TEXT]);

/* Reads one pickle from bytes[0..size); *used becomes the bytes up to and with its STOP. `what`
 * names it in messages ("data.pkl"). E_DATA: malformed or beyond a limit. */
enum status pickle_read(struct heap *, const char *what, const uint8_t *bytes, size_t size,
                        struct value **out, size_t *used, struct error *err);
