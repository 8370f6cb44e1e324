/* .safetensors: 8 bytes of header length, a JSON header, raw little-endian tensors
 * (https://huggingface.co/docs/safetensors, "Format"). */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "quote.h"
#include "sizes.h"

/* The format allows 100 MB; parsed JSON takes up to 32 times its text, so we stop earlier. */
#define MAX_HEADER ((uint64_t)16 << 20)

struct header_entry {
    struct strided_view view;
    size_t begin, end; /* of the data after the header */
    size_t tensor;
};

/* A whole number in [0, 2^53], which is what a double in JSON can carry. */
static bool whole(const cJSON *item, int64_t *out)
{
    double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(d >= 0 && d <= 0x1p53) || d != (double)(int64_t)d)
        return false;
    *out = (int64_t)d;
    return true;
}

static enum status read_shape(const cJSON *list, const char *name, struct strided_view *view,
                              struct error *err)
{
    const cJSON *item;
    if (!cJSON_IsArray(list))
        return fail(err, E_DATA, "tensor %s: \"shape\" must be a list of sizes", name);
    view->ndim = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (view->ndim == TENSOR_MAX_DIMS)
            return fail(err, E_DATA, "tensor %s has more than %d dimensions", name,
                        TENSOR_MAX_DIMS);
        if (!whole(item, &view->shape[view->ndim++]))
            return fail(err, E_DATA, "tensor %s: \"shape\" must hold whole numbers from 0 to 2^53",
                        name);
    }
    int64_t stride = 1;
    for (int i = view->ndim - 1; i >= 0; i--) {
        view->stride[i] = stride;
        /* An empty tensor touches nothing, whatever its strides. */
        int64_t size = view->shape[i] > 0 ? view->shape[i] : 1;
        if (__builtin_mul_overflow(stride, size, &stride))
            return fail(err, E_DATA, "tensor %s: its shape overflows", name);
    }
    return OK;
}

static enum status read_fields(const cJSON *object, struct header_entry *e, struct error *err)
{
    const struct quoted shown = quote(object->string);
    const char *name = shown.text;
    const cJSON *item, *dtype = NULL, *shape = NULL, *offsets = NULL;
    int64_t begin, end;
    if (!cJSON_IsObject(object))
        return fail(err, E_DATA, "tensor %s must be an object of dtype, shape, data_offsets", name);
    cJSON_ArrayForEach(item, object)
    {
        const cJSON **field = strcmp(item->string, "dtype") == 0          ? &dtype
                              : strcmp(item->string, "shape") == 0        ? &shape
                              : strcmp(item->string, "data_offsets") == 0 ? &offsets
                                                                          : NULL;
        if (field == NULL || *field != NULL)
            return fail(err, E_DATA, "tensor %s: %s key \"%s\" in the header", name,
                        field == NULL ? "unknown" : "duplicate", quote(item->string).text);
        *field = item;
    }
    if (!cJSON_IsString(dtype))
        return fail(err, E_DATA, "tensor %s has no \"dtype\"", name);
    if (!dtype_of_safetensors(dtype->valuestring, &e->view.dtype))
        return fail(err, E_DATA, "tensor %s has dtype \"%s\"; " DTYPES_READ, name,
                    quote(dtype->valuestring).text);
    TRY(read_shape(shape, name, &e->view, err));
    if (cJSON_GetArraySize(offsets) != 2 || !whole(cJSON_GetArrayItem(offsets, 0), &begin) ||
        !whole(cJSON_GetArrayItem(offsets, 1), &end) || begin > end)
        return fail(err, E_DATA,
                    "tensor %s: \"data_offsets\" must be [begin, end] with "
                    "0 <= begin <= end",
                    name);
    e->begin = (size_t)begin;
    e->end = (size_t)end;
    return OK;
}

static int by_begin(const void *a, const void *b)
{
    const struct header_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end); /* empty tensors first */
}

/* The tensors must tile the data: no overlap, no hole, nothing behind the last one. */
static enum status check_layout(const struct checkpoint *c, struct header_entry *entries,
                                size_t data_size, struct error *err)
{
    size_t at = 0;
    qsort(entries, c->count, sizeof *entries, by_begin);
    for (size_t i = 0; i < c->count; i++) {
        const struct header_entry *e = &entries[i];
        const struct quoted shown = quote(c->tensors[e->tensor].name);
        const char *name = shown.text;
        if (e->end > data_size)
            return fail(err, E_DATA,
                        "tensor %s ends at byte %zu of the data, but the file has only %zu there: "
                        "truncated?",
                        name, e->end, data_size);
        if (e->begin != at)
            return fail(err, E_DATA,
                        "tensor %s begins at byte %zu of the data, but the one before it ends at "
                        "%zu: tensors may neither overlap nor leave holes",
                        name, e->begin, at);
        at = e->end;
    }
    if (at != data_size)
        return fail(err, E_DATA, "%zu bytes follow the last tensor", data_size - at);
    return OK;
}

static enum status read_tensors(struct checkpoint *c, const cJSON *header,
                                struct header_entry *entries, const uint8_t *data, size_t data_size,
                                struct error *err)
{
    const cJSON *item;
    size_t n = 0;
    cJSON_ArrayForEach(item, header)
    {
        if (strcmp(item->string, "__metadata__") == 0)
            continue;
        struct header_entry *e = &entries[n];
        struct tensor *t = &c->tensors[n];
        TRY(read_fields(item, e, err));
        /* The view covers its own bytes exactly; where these bytes lie is checked below. */
        const size_t size = dtype_size(e->view.dtype);
        TRY(tensor_plan(t, item->string, strlen(item->string), &e->view,
                        (int64_t)((e->end - e->begin) / size), err));
        if (t->count != (e->end - e->begin) / size || (e->end - e->begin) % size != 0)
            return fail(err, E_DATA,
                        "tensor %s: shape and dtype %s need %zu x %zu bytes, data_offsets give %zu",
                        quote(t->name).text, dtype_name(e->view.dtype), t->count, size,
                        e->end - e->begin);
        e->tensor = n++;
    }
    TRY(check_layout(c, entries, data_size, err));
    /* They tile the file, so together they take at most four times its size (from a byte each). */
    for (size_t i = 0; i < n; i++)
        TRY(tensor_load(&c->tensors[entries[i].tensor], &entries[i].view, data + entries[i].begin,
                        false, err));
    return OK;
}

static enum status read_header(struct checkpoint *c, const cJSON *header, const uint8_t *data,
                               size_t data_size, struct error *err)
{
    const cJSON *item;
    size_t count = 0, metadata = 0;
    if (!cJSON_IsObject(header))
        return fail(err, E_DATA, "the safetensors header is not a JSON object");
    cJSON_ArrayForEach(item, header)
    {
        bool is_metadata = strcmp(item->string, "__metadata__") == 0;
        metadata += is_metadata;
        count += !is_metadata;
    }
    if (metadata > 1)
        return fail(err, E_DATA, "the safetensors header has the key __metadata__ twice");
    TRY(tensors_reserve(c, count, err));
    struct header_entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL)
        return fail(err, E_NOMEM, "no memory for a header of %zu tensors", count);
    enum status s = read_tensors(c, header, entries, data, data_size, err);
    free(entries);
    return s;
}

enum status safetensors_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                             struct error *err)
{
    uint64_t length = 0;
    c->format = "safetensors";
    if (size < 8)
        return fail(err, E_DATA, "truncated: a safetensors file has at least 8 bytes");
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (length > MAX_HEADER)
        return fail(err, E_DATA,
                    "its safetensors header claims %" PRIu64 " bytes; at most %" PRIu64 " are read",
                    length, MAX_HEADER);
    if (length > size - 8)
        return fail(err, E_DATA,
                    "truncated: its safetensors header claims %" PRIu64
                    " bytes, the file has %zu after the length",
                    length, size - 8);
    const char *text = (const char *)bytes + 8, *end = NULL;
    cJSON *header = cJSON_ParseWithLengthOpts(text, (size_t)length, &end, 0);
    if (header == NULL)
        return fail(err, E_DATA, "its safetensors header is not valid JSON (near byte %td)",
                    end == NULL ? (ptrdiff_t)0 : end - text);
    while (end < text + length && *end == ' ') /* padding */
        end++;
    enum status s;
    if (end != text + length)
        s = fail(err, E_DATA, "its safetensors header goes on after the JSON object (byte %td)",
                 end - text);
    else
        s = read_header(c, header, bytes + 8 + length, size - 8 - (size_t)length, err);
    cJSON_Delete(header);
    return s;
}
