/* Reading tensors: they are planned first, so that sizes are known before memory is allocated. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "quote.h"
#include "sizes.h"

size_t memory_budget(size_t file_size)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    const size_t floor = (size_t)1 << 20; /* so that no time goes into filling memory */
#else
    const size_t floor = (size_t)64 << 20;
#endif
    const size_t ceiling = (size_t)16 << 30, ratio = 64;
    size_t bytes;
    if (!size_mul(file_size, ratio, &bytes) || !size_add(bytes, floor, &bytes) || bytes > ceiling)
        return ceiling;
    return bytes;
}

enum status tensors_reserve(struct checkpoint *c, size_t count, struct error *err)
{
    if (count == 0)
        return fail(err, E_DATA, "it holds no tensors");
    if (count > MAX_TENSORS)
        return fail(err, E_DATA, "it lists %zu tensors; at most %zu are read", count, MAX_TENSORS);
    c->tensors = calloc(count, sizeof *c->tensors);
    if (c->tensors == NULL)
        return fail(err, E_NOMEM, "no memory for a list of %zu tensors", count);
    c->count = count;
    return OK;
}

enum status tensor_plan(struct tensor *t, const char *name, size_t name_size,
                        const struct strided_view *view, int64_t elements, struct error *err)
{
    if (name_size == 0 || name_size > MAX_NAME || memchr(name, '\0', name_size) != NULL)
        return fail(err, E_DATA,
                    "tensor name of %zu bytes \"%s\": 1 to %d bytes without NUL are allowed",
                    name_size, quote_n(name, name_size).text, MAX_NAME);
    t->name = strndup(name, name_size);
    if (t->name == NULL)
        return fail(err, E_NOMEM, "no memory for a tensor's name");
    if (!dtype_is_read(view->dtype)) {
        return fail(err, E_DATA, "tensor %s has dtype %s; " DTYPES_READ, quote(t->name).text,
                    dtype_name(view->dtype));
    }
    if (view_check(view, elements, &t->count, err) != OK)
        return fail_prefix(err, "tensor %s: ", quote(t->name).text);
    t->whole = dtype_is_whole(view->dtype);
    t->ndim = view->ndim;
    memcpy(t->shape, view->shape, sizeof t->shape);
    return OK;
}

enum status tensors_check_budget(const struct checkpoint *c, size_t file_size, struct error *err)
{
    size_t total = 0, bytes;
    const size_t most = memory_budget(file_size);
    for (size_t i = 0; i < c->count; i++) {
        if (!size_mul(c->tensors[i].count, sizeof(float), &bytes) ||
            !size_add(total, bytes, &total) || total > most)
            return fail(err, E_DATA,
                        "tensor %s brings the tensors to more than %zu bytes, the most that a "
                        "file of %zu bytes may unfold to",
                        quote(c->tensors[i].name).text, most, file_size);
    }
    return OK;
}

enum status tensor_load(struct tensor *t, const struct strided_view *view, const uint8_t *storage,
                        bool swap, struct error *err)
{
    t->data = malloc(t->count == 0 ? 1 : t->count * sizeof(float));
    if (t->data == NULL)
        return fail(err, E_NOMEM, "no memory for tensor %s (%zu bytes)", quote(t->name).text,
                    t->count * sizeof(float));
    if (t->count > 0)
        view_read(view, storage, swap, t->data);
    return OK;
}
